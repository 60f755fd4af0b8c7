"""How much one process may hold in memory, and a spool for what does not fit. Writes temporary files only."""
