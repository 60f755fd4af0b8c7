"""Documents in parts: their parent opens, watches and merges them. Writes parts below `ledger/work/`."""
