"""From bytes to characters: what charsets' names mean, Unicode's own forms, the older encodings, and guessing them."""
