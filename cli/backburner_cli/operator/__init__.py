"""The operator's commands over a deployment's bucket and queues. They write what the core writes, but no results."""
