"""The pieces of the batch benchmark: the lines, and the handlers in processes that are measured."""
