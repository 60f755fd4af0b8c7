"""The console: a deployment's page in the browser of this machine."""
