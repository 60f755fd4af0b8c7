"""Backburner on this machine: the local clouds and their provider, `up` and the demo. Removes whatever it starts."""
