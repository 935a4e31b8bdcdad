"""E04xx: operations."""

from __future__ import annotations

from dartsl.lang.codes.code import Code

CODES: dict[str, Code] = {}
