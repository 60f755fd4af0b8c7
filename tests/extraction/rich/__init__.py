"""One rich document in every office format that LibreOffice writes; `make rich-documents` generates them."""
