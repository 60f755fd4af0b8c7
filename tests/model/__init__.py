"""The whole system as a state machine, on fakes and in virtual time."""
