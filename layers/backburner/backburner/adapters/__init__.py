"""The ports, done with an SDK each: the only modules that import one."""
