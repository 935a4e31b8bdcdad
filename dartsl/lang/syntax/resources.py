"""Where the files that ship with dartsl lie: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path


def _folder(name: str) -> Path:
    package = Path(__file__).resolve().parents[2]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def specs_dir() -> Path:
    """The folder of the shipped specs: search spaces, `std/` and `zoo/`."""
    return _folder("specs")


def grammars_dir() -> Path:
    """The folder of the grammars, one a version of the language, and of the language reference."""
    return _folder("grammars")


@cache
def shipped_specs() -> dict[str, Path]:
    """Every shipped spec by the name that imports and the command line use, such as `std/cnn`."""
    root = specs_dir()
    paths = sorted(root.rglob("*.darts"))
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in paths}
