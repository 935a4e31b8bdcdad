"""What reports are made of: places in a text, diagnostics, their codes, and how they are shown."""
