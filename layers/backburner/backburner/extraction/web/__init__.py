"""Pages of the web as Markdown: HTML files, parts of mails and archives, chapters of books."""
