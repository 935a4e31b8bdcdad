"""What the files of `std/` declare, for names that are used without their import."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from dartsl.lang.syntax.ast import Declaration, NetworkDecl, SettingsDecl
from dartsl.lang.syntax.loader import PRELUDES, read_file
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.resources import shipped_specs


@cache
def declared() -> Mapping[str, tuple[str, Declaration]]:
    """Each name, with the file that one imports for it, such as `std/cnn`, and its declaration there."""
    found: dict[str, tuple[str, Declaration]] = {}
    for name, path in shipped_specs().items():
        if not name.startswith("std/") or name in PRELUDES.values():
            continue
        for declaration in parse(read_file(path, f"{name}.darts")).declarations:
            if not isinstance(declaration, NetworkDecl | SettingsDecl):
                found.setdefault(declaration.name.id, (name, declaration))
    return found
