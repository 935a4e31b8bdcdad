"""The language server: what `dartsl lsp` answers an editor."""
