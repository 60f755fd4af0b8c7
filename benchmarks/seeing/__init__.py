"""A real reader in the place of a model that sees, and scans whose words are known."""
