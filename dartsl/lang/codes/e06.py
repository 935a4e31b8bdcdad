"""E06xx: settings and networks."""

from __future__ import annotations

from dartsl.lang.codes.code import Code

CODES: dict[str, Code] = {}
