"""The ports over a local folder: the user's files as documents, objects as plain files, and one SQLite file."""
