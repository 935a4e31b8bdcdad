"""dartsl in a notebook."""
