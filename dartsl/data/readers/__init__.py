"""One reader a format. Each gives ImageData, or raises UserError."""
