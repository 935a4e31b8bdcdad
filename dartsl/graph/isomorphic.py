"""Cells that are the same but for the names of their nodes.

Two cells are isomorphic where renaming the nodes of one, its inputs excepted, gives the other: the same operations
between the same places. Inputs keep their places, edges into `concat`, `lerp` and `highway` their order. The order in
which a cell's output concatenates its nodes does not count: the weights that read the channels take it up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dartsl.lang.check.identity import Identities
from dartsl.lang.check.model import Cell, Operation, Spec
from dartsl.lang.records.record import heeds_order

Form = tuple[Any, ...]  # equal for cells that are isomorphic, where they were read by the same `Forms`


@dataclass(frozen=True)
class Places:
    """A cell as numbered places: first its inputs, then its nodes.

    labels  what each place is, whatever its name
    into    the edges into each: place of the source, and a label
    output  what the outputs do, and the place of each node that they take, with its rank where order counts
    """

    labels: tuple[Any, ...]
    into: tuple[tuple[tuple[int, Any], ...], ...]
    output: tuple[Any, tuple[tuple[int, int], ...]]

    @property
    def out_of(self) -> list[list[tuple[int, Any]]]:
        """The edges out of each place."""
        found: list[list[tuple[int, Any]]] = [[] for _ in self.labels]
        for target, edges in enumerate(self.into):
            for source, label in edges:
                found[source].append((target, label))
        return found


class Forms:
    """Gives cells a canonical form, by which isomorphic ones can be found in a set or a dict."""

    def __init__(self) -> None:
        self._identities = Identities()

    def of_spec(self, spec: Spec, names: Iterable[str]) -> Form:
        """That of several cells of a spec together: each by its name."""
        return tuple((name, self.of(spec.cells[name], spec.operations)) for name in sorted(names))

    def of(self, cell: Cell, operations: Mapping[str, Operation]) -> Form:
        """The form of a cell. `operations` are those of its spec."""
        for operation in operations.values():
            self._identities.declare(operation.name, operation.parameters)
        return form(self._places(cell))

    def _places(self, cell: Cell) -> Places:
        of = self._identities.of
        searched = bool(cell.searched_edges)
        names = [*(item.name for item in cell.inputs), *(node.name for node in cell.nodes)]
        number = {name: place for place, name in enumerate(names)}
        labels: list[Any] = [
            (0, place, -1 if item.operation is None else of(item.operation), "", 0)
            for place, item in enumerate(cell.inputs)
        ]
        into: list[tuple[tuple[int, Any], ...]] = [()] * len(labels)
        for node in cell.nodes:
            keep = node.keep if searched and node.keep is not None else -1
            labels.append((1, keep, -1, node.merge, int(node.mix_bn and searched)))
            ordered = heeds_order(node.merge)
            into.append(
                tuple(
                    (number[edge.source], (place * ordered, *sorted(of(c.expr) for c in edge.candidates)))
                    for place, edge in enumerate(cell.incoming(node.name))
                )
            )
        what: list[Any] = []
        taken: list[tuple[int, int]] = []
        first = 0  # the least rank of an output: those of one are not those of another
        for output in cell.outputs:
            ordered = heeds_order(output.merge) and output.merge != "concat"
            what += (output.merge or "", output.mix_bn and searched)
            taken += ((number[name], first + place * ordered) for place, name in enumerate(output.nodes))
            first += len(output.nodes)
        return Places(tuple(labels), tuple(into), (tuple(what), tuple(taken)))


def form(places: Places) -> Form:
    """Equal for cells that differ by the numbers of their places alone. The labels must have an order."""
    return _least(places, _refined(places, _numbered(list(places.labels))))


def _numbered(keys: list[Any]) -> list[int]:
    """Equal keys have equal numbers, in the order of the keys."""
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [ranks[key] for key in keys]


def _refined(places: Places, colours: list[int]) -> list[int]:
    """Colours told apart by those of the places around, until they no longer change (colour refinement)."""
    out_of = places.out_of
    taken: list[list[int]] = [[] for _ in places.labels]
    for place, rank in places.output[1]:
        taken[place].append(rank)
    while True:
        keys = [
            (
                colour,
                tuple(sorted(taken[place])),
                tuple(sorted((colours[source], label) for source, label in places.into[place])),
                tuple(sorted((colours[target], label) for target, label in out_of[place])),
            )
            for place, colour in enumerate(colours)
        ]
        finer = _numbered(keys)
        if len(set(finer)) == len(set(colours)):
            return finer
        colours = finer


def _least(places: Places, colours: list[int]) -> Form:
    """The least description of a cell over all numberings that its colours allow.

    Where places share a colour, each of the first such group is set apart in turn: one of them is the place that the
    least description has first. Of twins, which have the same places around them, one stands for all.
    """
    groups = Counter(colours)
    first = min((colour for colour, count in groups.items() if count > 1), default=None)
    if first is None:
        return _described(places, colours)
    out_of = places.out_of
    tried = {
        (tuple(sorted(places.into[place])), tuple(sorted(out_of[place]))): place
        for place, colour in enumerate(colours)
        if colour == first
    }
    forms = []
    for place in tried.values():
        apart = [2 * each + (each == first and at != place) for at, each in enumerate(colours)]
        forms.append(_least(places, _refined(places, _numbered(apart))))
    return min(forms)


def _described(places: Places, order: list[int]) -> Form:
    """A cell in words that know no names: of each place, by its number, what it is and what leads into it."""
    at = sorted(range(len(order)), key=order.__getitem__)
    rows = tuple(
        (places.labels[place], tuple(sorted((order[source], label) for source, label in places.into[place])))
        for place in at
    )
    merge, taken = places.output
    return rows, merge, tuple(sorted((order[place], rank) for place, rank in taken))
