"""From bytes to characters: charset names, the forms of Unicode, legacy encodings, and guessing them."""
