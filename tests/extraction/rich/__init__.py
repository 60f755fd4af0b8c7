"""One rich document, and the same as every office format that LibreOffice writes: `make rich-documents` makes them."""
