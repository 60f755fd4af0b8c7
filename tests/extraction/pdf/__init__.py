"""Tests of the PDF reader, and PDFs written by hand for them."""
