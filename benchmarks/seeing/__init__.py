"""A real reader in place of a model that sees, and scans whose words are known."""
