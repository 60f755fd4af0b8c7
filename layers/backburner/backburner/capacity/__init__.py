"""How many generations may run at once, what a day may cost, when to poll next. Writes `ledger/governor.json`."""
