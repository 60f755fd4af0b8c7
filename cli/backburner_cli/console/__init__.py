"""The console: a deployment's page in this machine's browser."""
