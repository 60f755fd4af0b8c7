"""The life of a job, on fakes and in virtual time."""
