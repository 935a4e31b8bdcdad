"""The command line. Commands that need torch import it when they run, so that the others start at once."""

from dartsl.cli.app import cli, main

__all__ = ["cli", "main"]
