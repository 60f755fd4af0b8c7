"""What the tests share: fakes in virtual time, deployments with real handlers, and proxies that lose answers."""
