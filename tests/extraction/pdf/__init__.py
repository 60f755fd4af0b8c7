"""Tests of the reader of PDFs, and PDFs written by hand for them."""
