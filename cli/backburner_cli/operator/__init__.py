"""The operator's commands on a deployment's bucket and queues. They write what the core writes, except results."""
