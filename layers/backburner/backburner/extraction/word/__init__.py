"""Word documents (DOCX and its kin) as Markdown: what Word shows, once and in order, and a note for what is missing."""
