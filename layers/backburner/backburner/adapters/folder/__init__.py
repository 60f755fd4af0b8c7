"""The ports over a folder of this machine: documents where they lie, objects as plain files, one SQLite file beside."""
