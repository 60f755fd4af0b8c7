"""Word documents (DOCX and the like) as Markdown: what Word shows, once and in order, with notes on gaps."""
