"""E02xx: names and imports."""

from __future__ import annotations

from dartsl.lang.codes.code import Code

CODES: dict[str, Code] = {}
