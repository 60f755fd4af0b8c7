"""PDF as Markdown, in reading order; reads the bytes it is given and writes nothing."""
