"""The demo's documents, written for it, about invented people."""
