"""What 1,000 documents cost besides the model: counted calls times a price list."""
