"""Documents in parts: opened, watched and merged by their parent. Writes parts below `ledger/work/`."""
