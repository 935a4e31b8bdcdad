"""The files of `std/`: which ones they are, what they declare, and what of that something uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.ast import Declaration, Name, NetworkDecl, SettingsDecl, Syntax, parts
from dartsl.lang.syntax.loader import PRELUDES, read_file
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.resources import shipped_specs, specs_dir


def in_library(source: Source) -> bool:
    """Whether a file is one of the shipped library, `std/`."""
    return source.path is not None and source.path.resolve().is_relative_to((specs_dir() / "std").resolve())


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


def used(by: Iterable[Syntax], declarations: Mapping[str, Syntax]) -> set[str]:
    """The names of those declarations that occur in some trees, or in the declarations that do."""
    waiting = list(by)
    found: set[str] = set()
    while waiting:
        for name in names((waiting.pop(),)):
            if name in declarations and name not in found:
                found.add(name)
                waiting.append(declarations[name])
    return found


def names(trees: Iterable[Syntax]) -> Iterator[str]:
    """Every name that occurs in some trees, parameters too: they can bring in too much, never too little."""
    return (part.id for part in parts(trees) if isinstance(part, Name))
