"""In and out: published cells to specs, and specs and runs to what other tools read.

Everything about texts works without torch; `weights` and `programs` need it.
"""
