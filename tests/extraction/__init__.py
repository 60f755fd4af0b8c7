"""The core, without a network: sockets are off."""
