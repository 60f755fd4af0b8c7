"""A job's life, on fakes and in virtual time."""
