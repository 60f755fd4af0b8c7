"""What one process may hold in memory, and the file for what does not fit. Writes temporary files only."""
