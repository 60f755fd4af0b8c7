"""How much may run at once, what a day may cost, when to look again. Writes `ledger/governor.json`."""
