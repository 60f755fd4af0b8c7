"""The real handlers in processes that die, collide and meet a store and queues that misbehave: one end all the same."""
