"""Every key, message and record, and how they are written on condition. Writes below `ledger/`."""
