"""Compares how the project and independent readers read documents; writes nothing."""
