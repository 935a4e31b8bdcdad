"""What newcomers write by mistake, and what to write instead: tables of patterns, by the place in a file."""

from __future__ import annotations

from collections.abc import Iterator

from dartsl.lang.syntax.slips import cells, declarations, expressions, networks, settings, strange
from dartsl.lang.syntax.slips.slip import CONTEXT, Finding, Site, Slip

__all__ = ["CONTEXT", "Finding", "Site", "find", "find_strange"]

# The first that fits is taken: what is said of one statement comes before what is said of all.
_SYNTAX: tuple[tuple[Slip, ...], ...] = (
    declarations.SLIPS,
    cells.SLIPS,
    networks.SLIPS,
    settings.SLIPS,
    expressions.SLIPS,
)


def find(site: Site) -> Finding | None:
    """The first slip that fits a token which cannot stand where it stands."""
    return next(_findings(site), None)


def find_strange(site: Site) -> Finding | None:
    """The first slip that fits text which is no token."""
    return next((found for slip in strange.SLIPS if (found := slip.fits(site))), None)


def _findings(site: Site) -> Iterator[Finding]:
    for table in _SYNTAX:
        yield from (found for slip in table if (found := slip.fits(site)))
