"""Lists of names in cells of darts 1 as darts 2 has to write them, where every list stands as it is written.

In darts 1 the rows of alphas of a list of sources stand in order of declaration, and a range of targets or in an output
counts up; in darts 2 rows stand as they are written, and every range stands for its names in order of declaration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dartsl.lang.check.members import Member, as_written, expand
from dartsl.lang.check.node_items import read_merge
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import Budget, TooLargeError
from dartsl.lang.codes.source import Span
from dartsl.lang.records.record import heeds_order
from dartsl.lang.syntax.ast import (
    All,
    Argument,
    Call,
    CellDecl,
    CellItem,
    Chain,
    EdgeItem,
    Expr,
    InputItem,
    Name,
    NodeItem,
    OutputItem,
    Range,
)

Names = tuple[Name | Range, ...]


class Relister:
    """Rewrites the lists of one cell; a list in which something is wrong stays as it is.

    `unkept` are lists of sources in whose rows order of declaration and what is written differ, into a node that heeds
    what is written: they stay, and where their edges are searched nothing says both.
    """

    def __init__(self, cell: CellDecl) -> None:
        self.unkept: list[Span] = []
        self._cell = cell
        self._order: dict[str, int] = {}
        self._heeding: set[str] = set()
        for item in cell.items:
            for member in self._members(item.names) if isinstance(item, InputItem | NodeItem) else ():
                self._order.setdefault(member.id, len(self._order))
                merge = read_merge(item) if isinstance(item, NodeItem) else None
                if merge is not None and not isinstance(merge, Diagnostic) and heeds_order(merge.merge):
                    self._heeding.add(member.id)

    def cell(self) -> CellDecl:
        """The cell with its lists rewritten."""
        return replace(self._cell, items=tuple(self._item(item) for item in self._cell.items))

    def _item(self, item: CellItem) -> CellItem:
        if isinstance(item, EdgeItem):
            targets = self._counting(item.targets)
            return replace(item, sources=self._sources(item), targets=targets)
        if isinstance(item, OutputItem):
            return replace(item, values=tuple(map(self._output, item.values)))
        return item

    def _output(self, value: Expr) -> Expr:
        if isinstance(value, Chain):  # a merge and the `mix_bn` that follows it
            return replace(value, steps=(self._output(value.steps[0]), *value.steps[1:]))
        if not isinstance(value, Call):
            return value
        names = [each.value for each in value.arguments if each.name is None]
        listed = tuple(name for name in names if isinstance(name, Name | Range))
        if len(listed) < len(value.arguments):
            return value
        kept = self._counting(listed)
        return value if kept == listed else replace(value, arguments=_arguments(kept))

    def _counting(self, names: Names) -> Names:
        """A list whose ranges count up: as it is where their names are declared so."""
        members = self._members(names)
        return names if members == self._meant(members) else _written(members)

    def _sources(self, item: EdgeItem) -> All | Names:
        """The sources of an edge in order of declaration."""
        if isinstance(item.sources, All):
            return item.sources
        members = self._meant(self._members(item.sources))
        if any(member.id not in self._order for member in members):
            return item.sources
        declared = sorted(members, key=lambda member: self._order[member.id])
        if members == declared:
            return item.sources
        if any(target.id in self._heeding for target in self._members(item.targets)):
            self.unkept.append(item.span)
            return item.sources
        sources = sorted(item.sources, key=lambda name: self._order[self._members((name,))[0].id])
        return tuple(sources) if self._meant(self._members(sources)) == declared else _written(declared)

    def _members(self, names: Sequence[Name | Range]) -> list[Member]:
        """The names of a list; none where it is no list of names."""
        try:
            found = expand(tuple(names), Budget())
        except TooLargeError:
            return []
        return [] if isinstance(found, Diagnostic) else found

    def _meant(self, members: list[Member]) -> list[Member]:
        """A list as darts 2 takes it; as it is where it names something else than is declared."""
        known = all(member.id in self._order for member in members)
        return as_written(members, self._order) if known else members


def _written(members: Sequence[Member]) -> Names:
    return tuple(Name(member.id, span=member.span) for member in members)


def _arguments(names: Names) -> tuple[Argument, ...]:
    return tuple(Argument(None, name, span=name.span) for name in names)
