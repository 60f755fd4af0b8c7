"""The real handlers in processes that die or collide, over a store and queues that misbehave: the end is the same."""
