"""The console: over HTTP, its index, and in a real browser."""
