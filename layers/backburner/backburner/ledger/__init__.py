"""Keys, messages and records, and the conditional writes that keep them consistent. Writes below `ledger/`."""
