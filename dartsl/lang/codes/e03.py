"""E03xx: the graph of a cell or network."""

from __future__ import annotations

from dartsl.lang.codes.code import Code

CODES: dict[str, Code] = {}
