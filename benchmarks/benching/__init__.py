"""What `bench.py` is made of: local servers, the real handlers, and the baselines beside them."""
