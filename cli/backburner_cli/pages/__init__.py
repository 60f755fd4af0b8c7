"""Pages to pass on: HTML in a single file that loads nothing from any host. All content is escaped."""
