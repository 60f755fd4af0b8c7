"""HTTP/1.1 as a client speaks it: requests, answers, connections. Only `adapters/http.py` uses it."""
