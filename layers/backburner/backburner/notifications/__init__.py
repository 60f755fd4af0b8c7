"""Says that documents and folders have ended; writes `ledger/notices/` and nothing else, and only where it is on."""
