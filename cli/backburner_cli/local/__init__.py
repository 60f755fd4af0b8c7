"""Backburner on this machine: the local clouds with their provider, `up` and the demo. Removes what it has started."""
