"""From mixing weights to an architecture whose output depends on its input.

In a space without `keep`, `none` may win so many edges that nothing of the input is left at the output. The rule
`connected` then takes the likeliest architecture whose output does depend on it: that with the largest product of
mixing weights, a cell's once, however many layers it stands in. Where the plain one does, it is that one. Nodes with
`keep` stay as the method has them. `argmax` is the plain rule, and `threshold` keeps no edge that weighs too little.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from dartsl.lang.check.model import Candidate, Cell, Edge, Network, Spec
from dartsl.lang.plan.flow import DEPENDENT, layer_levels
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import CellLayer, CellTerm, Layer, Merge, Plan, Term
from dartsl.lang.plan.terms import Sequence as Chain
from dartsl.searching.discretise import Columns, DerivedCell, derive, empty_nodes
from dartsl.searching.ranked import Choices, likeliest
from dartsl.searching.readouts import Reading, Table
from dartsl.searching.routes import cheapest
from dartsl.searching.rules import CONNECTED, DEFAULT_RULE, THRESHOLD, Rule
from dartsl.searching.skips import limited, skips_of, without_weakest


@dataclass(frozen=True)
class Change:
    """A choice that is not the edge's strongest candidate, with the mixing weights of both."""

    cell: Cell
    edge: Edge
    winner: Candidate
    winner_weight: float
    taken: Candidate
    taken_weight: float

    def text(self) -> str:
        """In one line."""
        return (
            f"{self.cell.place(self.edge.called)}: {self.taken.label} "
            f"({self.taken_weight:.3g}) in place of {self.winner.label} ({self.winner_weight:.3g})"
        )


@dataclass(frozen=True)
class Derivation:
    """The cells of a network after discretisation, and what was changed so that its output depends on its input.

    notes  what else is to be known, a line each: skip connections that were taken out, nodes that got no edge
    """

    cells: tuple[DerivedCell, ...]
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def derive_network(
    spec: Spec,
    network: Network,
    parameters: Mapping[str, Fraction | int],
    readings: Mapping[str, Reading],
    rule: Rule = DEFAULT_RULE,
) -> Derivation:
    """The cells that readings, one for each cell, stand for, in the order of `network.cells`, by a rule.

    Where no choice at nodes without `keep` would do, or the best one is too hard to find (the gates of many
    products), the plain rule's cells stand. Raises ValueError where `readings` do not fit the cells.
    """
    notes: list[str] = []
    if rule.skip_limit >= 0:
        planned = plan(spec, network, parameters)
        limits = {
            name: limited(planned, spec.cells[name], readings[name], rule.floor, rule.skip_limit)
            for name in network.cells
        }
        readings = {name: reading for name, (reading, _) in limits.items()}
        notes += [note for _, lines in limits.values() for note in lines]
    plain = {
        name: derive(spec.cells[name], readings[name].weights, edges=readings[name].edges, floor=rule.floor)
        for name in network.cells
    }
    if rule.name == THRESHOLD:
        notes += [
            f"{cell.cell.place(f'node {node}')}: no edge of weight {rule.threshold:g} or more"
            for cell in plain.values()
            for node in empty_nodes(cell)
        ]
    if rule.name != CONNECTED:
        return Derivation(tuple(plain.values()), notes=tuple(notes))
    cells, changes = _connected(spec, network, parameters, readings, plain)
    if rule.skip_limit >= 0 and changes:  # which may be skip connections
        for found in cells:
            name, skips = found.cell.name, skips_of(planned, found)
            less = without_weakest(found.cell, readings[name], skips, rule.skip_limit)
            if less is not None:
                again = derive_network(spec, network, parameters, {**readings, name: less[0]}, rule)
                return replace(again, notes=(*notes, less[1], *again.notes))
    return Derivation(cells, changes, tuple(notes))


def _connected(
    spec: Spec,
    network: Network,
    parameters: Mapping[str, Fraction | int],
    readings: Mapping[str, Reading],
    plain: Mapping[str, DerivedCell],
) -> tuple[tuple[DerivedCell, ...], tuple[Change, ...]]:
    """The cells of the rule `connected`, given those of the plain rule, and what was changed."""
    as_they_are = tuple(plain.values()), ()
    if not any(edge.searched for name in network.cells for edge in _free_edges(spec.cells[name])):
        return as_they_are
    planned = plan(spec, network, parameters)
    if _depends(planned, plain):
        return as_they_are
    costs = {name: _costs(spec.cells[name], readings[name].weights, plain[name]) for name in network.cells}

    def lets_through(chosen: Choices) -> bool:
        cells = {
            name: derive(spec.cells[name], readings[name].weights, columns, readings[name].edges)
            for name, columns in chosen.items()
        }
        return _depends(planned, cells)

    columns: Mapping[str, Columns] | None
    columns = cheapest(planned, costs) if planned.nested() is None else likeliest(costs, lets_through)
    if columns is None:
        return as_they_are
    found: list[DerivedCell] = []
    changes: list[Change] = []
    for name in network.cells:
        cell, reading = spec.cells[name], readings[name]
        chosen = columns.get(name, {})
        found.append(derive(cell, reading.weights, chosen, reading.edges))
        changes += _changes(cell, reading.weights, chosen)
    return tuple(found), tuple(changes)


def _free_edges(cell: Cell) -> list[Edge]:
    """The edges into nodes without `keep`."""
    kept = {node.name for node in cell.nodes if node.keep is not None}
    return [edge for edge in cell.edges if edge.target not in kept]


def _depends(planned: Plan, found: Mapping[str, DerivedCell]) -> bool:
    """Whether the output of the network with these cells depends on its input."""
    terms: dict[int, CellLayer] = {}  # equal uses of a cell share their terms, here as in the plan
    layers: list[Layer] = []
    for layer in planned.layers:
        if isinstance(layer, CellLayer):
            known = terms.setdefault(id(layer.edges), _decided(layer, found))
            layer = replace(layer, cell=known.cell, edges=known.edges)
        layers.append(layer)
    levels = layer_levels(replace(planned, decided=True, layers=tuple(layers)))
    return levels[planned.layers[-1].name] == DEPENDENT


def _decided(layer: CellLayer, cells: Mapping[str, DerivedCell]) -> CellLayer:
    """The layer with the found cell in it, and those that stand within."""
    found = cells[layer.cell.name]
    terms = {id(edge): offered for edge, offered in zip(layer.cell.edges, layer.edges, strict=True)}
    edges = tuple(replace(kept.edge, candidates=(kept.candidate,)) for kept in found.edges)
    taken = tuple(
        (_with_cells(terms[id(kept.edge)][kept.edge.candidates.index(kept.candidate)], cells),)
        for kept in found.edges
    )
    return replace(layer, cell=replace(layer.cell, edges=edges), edges=taken)


def _with_cells(term: Term, cells: Mapping[str, DerivedCell]) -> Term:
    """A term whose cells are the found ones."""
    if isinstance(term, CellTerm):
        return replace(term, use=_decided(term.use, cells))
    if isinstance(term, Chain):
        return Chain(tuple(_with_cells(part, cells) for part in term.terms))
    if isinstance(term, Merge):
        return replace(term, branches=tuple(_with_cells(part, cells) for part in term.branches))
    return term


def _costs(cell: Cell, weights: Table, plain: DerivedCell) -> dict[int, dict[int, float]]:
    """For each edge that may stay, by its place: what each candidate that it may take costs.

    That is log(strongest / its own weight). Into a node with `keep` the method has chosen.
    """
    rows = iter(weights)
    free = {id(edge) for edge in _free_edges(cell)}
    kept = {id(each.edge): each for each in plain.edges}
    found: dict[int, dict[int, float]] = {}
    for place, edge in enumerate(cell.edges):
        row = next(rows) if edge.searched else (1.0,)
        if id(edge) in free:
            top = _positive(max(row))
            found[place] = {column: math.log(top / _positive(weight)) for column, weight in enumerate(row)}
        elif id(edge) in kept:
            found[place] = {edge.candidates.index(kept[id(edge)].candidate): 0.0}
    return found


def _positive(weight: float) -> float:
    """A weight that was rounded to zero still has a logarithm."""
    return max(weight, sys.float_info.min)


def _changes(cell: Cell, weights: Table, chosen: Columns) -> list[Change]:
    """What is chosen against the weights; into nodes with `keep` the method has chosen."""
    rows = iter(weights)
    free = {id(edge) for edge in _free_edges(cell)}
    found = []
    for place, edge in enumerate(cell.edges):
        row: Sequence[float] = next(rows) if edge.searched else (1.0,)
        column = chosen.get(place)
        best = max(range(len(row)), key=row.__getitem__)  # the first of equals
        if column is not None and column != best and id(edge) in free:
            winner, taken = edge.candidates[best], edge.candidates[column]
            found.append(Change(cell, edge, winner, row[best], taken, row[column]))
    return found
