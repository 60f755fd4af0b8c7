"""Web pages as Markdown: HTML files, MIME parts, web archives, chapters of books."""
