"""How a run ends, and which job of a document is current. Writes `results/` and `failed/`."""
