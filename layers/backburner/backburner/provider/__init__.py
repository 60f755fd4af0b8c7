"""Answers of providers and what they mean, profile by profile. Pure functions: writes nothing."""
