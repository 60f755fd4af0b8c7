"""The life of one document: submitted, started, checked, replayed. Writes open records and messages."""
