"""PDF as Markdown, in the order of reading; it reads the bytes that it is given and writes nothing."""
