"""Packages that only some exports need, loaded when they are."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from dartsl.lang.codes.diagnostics import UserError


def needed(module: str, extra: str) -> ModuleType:
    """A module of one of dartsl's extras. Raises UserError, with the command that installs it."""
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise UserError(f"this needs the package `{package}`", f"pip install 'dartsl[{extra}]'") from None
