"""The sweep, the audit, the figures behind alarms, dead letters. Writes what the sweep or a repair restores."""
