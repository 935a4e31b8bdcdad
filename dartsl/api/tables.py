"""Architectures in somebody's table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.api.exchanging import exported
from dartsl.api.specs import SpecLike, source_of


def lookup(
    table: str | Path,
    *found: SpecLike,
    architectures: str | None = None,
    columns: str | Sequence[str] = (),
    lower_is_better: bool = False,
    isomorphic: bool = False,
) -> tuple[types.LookedUp, ...]:
    """What a table says of found architectures: each figure, its rank, and how far it is from the best.

    table            a CSV file with a header: a column of architectures (NAS-Bench-201's strings, or genotypes of the
                     DARTS family) and columns of figures
    found            decided specs, or runs of searches
    architectures, columns   the names of those columns; needed where there is a choice
    lower_is_better  for errors and losses
    isomorphic       the names of nodes do not count either, and an edge of `none` into a sum is no edge: all rows of
                     architectures that are then the same count as their mean; `matching` has those architectures

    An architecture matches whatever the order of the edges into a node is; several rows of one count as their mean. One
    that is not in the table has no figures. Raises SpecError, UserError.
    """
    from dartsl.exchange.tables import looked_up, read_table

    named = (columns,) if isinstance(columns, str) else tuple(columns)
    require(
        lower_is_better=lower_is_better, isomorphic=isomorphic, columns=named, architectures=architectures
    )
    read = read_table(Path(table), architectures, named, lower_is_better, isomorphic)
    return looked_up(read, [(_name(spec), str(exported(spec, read.form).content)) for spec in found])


def _name(spec: SpecLike) -> str:
    return os.fspath(spec) if isinstance(spec, str | os.PathLike) else source_of(spec).name
