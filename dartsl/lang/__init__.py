"""The language: text to a checked model, with located diagnostics. Nothing here imports torch."""
