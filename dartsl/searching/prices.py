"""What `cost` names: parameters, multiply-adds, or a file in which costs of a network's parts stand. No torch.

Such a file is JSON. `dartsl latency` writes one; another program may, for another device or in another unit.

    format        1
    unit          of all costs, such as "ms"
    network       its name, and in `parameters` their values, as exact fractions in text
    network_hash  `digest` of the network: whether its layers, candidates and shapes are those that were measured
    measured      how: `device`, by name, and what else is to be known of it, for people
    outside       of each stem, head and operation that is a layer its cost, by the layer's name; and of what prepares
                  an input of a cell, by a name such as "layer0.c0"
    edges         by layer, a list of its cell's edges in order, each {"edge": "c0 -> n0", "candidates": {"conv": 0.12}}

Costs are numbers from 0. Where an operation stands in several layers, or on several edges, each has a cost of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from dartsl.graph.budget import UNITS, Prices, cell_layers, counted, outside
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import CellTerm, Merge, Plan, Step, Term
from dartsl.run.files import parse_json, read_file
from dartsl.run.layout import COSTS
from dartsl.run.records import FRACTION, HASH
from dartsl.run.schema import MisfitError, many, number, one_of, record, table, text

FORMAT = 1
_COST = number(0)
_EDGE = record({"edge": text, "candidates": table(_COST)}, closed=True)
FILE = record(
    {
        "format": one_of(FORMAT),
        "unit": text,
        "network": text,
        "parameters": table(FRACTION),
        "network_hash": HASH,
        "measured": record({"device": text}),
        "outside": table(_COST),
        "edges": table(many(_EDGE)),
    },
    closed=True,
)


@dataclass(frozen=True)
class CostTable:
    """What such a file holds."""

    unit: str
    network: str
    parameters: Mapping[str, str]
    network_hash: str
    measured: Mapping[str, Any]
    outside: Mapping[str, float]
    edges: Mapping[str, Sequence[Mapping[str, Any]]]

    def text(self) -> str:
        """The file's."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"

    def prices(self, plan: Plan, name: object) -> Prices:
        """Those of a network. Raises UserError where its parts are not those of this file, called `name`."""
        if (nested := plan.nested()) is not None:
            raise UserError(
                f"{name} has costs of layers, and `{nested[0]}` holds the cell `{nested[1]}`",
                f"costs are counted there: --cost {UNITS[0]} or {UNITS[1]}",
            )
        for fault in self._faults(plan):
            raise UserError(
                f"{name} is of another network: {fault}", "measure this one: dartsl latency SPEC -o FILE"
            )
        edges = {
            layer.name: [
                [entry["candidates"][each.label] for each in edge.candidates]
                for edge, entry in zip(layer.cell.edges, self.edges[layer.name], strict=True)
            ]
            for layer in cell_layers(plan)
        }
        return Prices(self.unit, self.outside, edges, f"on {self.measured['device']}")

    def _faults(self, plan: Plan) -> Iterable[str]:
        if self.network != plan.network.name:
            yield f"it is of `{self.network}`, and this is `{plan.network.name}`"
        here = parameters_of(plan)
        for name in sorted({*here, *self.parameters}):
            if here.get(name) != self.parameters.get(name):
                yield f"its {name} is {self.parameters.get(name, 'not given')}, and here it is {here.get(name, 'none')}"
        yield from _difference("part", self.outside, [name for name, _ in outside(plan)])
        yield from _difference("layer", self.edges, [layer.name for layer in cell_layers(plan)])
        for layer in cell_layers(plan):
            found = self.edges[layer.name]
            names = [edge.name for edge in layer.cell.edges]
            if [entry["edge"] for entry in found] != names:
                yield f"the edges of {layer.name} are not {', '.join(names)}"
            for edge, entry in zip(layer.cell.edges, found, strict=True):
                where = f"on {edge.called} of {layer.name}"
                labels = [each.label for each in edge.candidates]
                yield from _difference("candidate", entry["candidates"], labels, where)
        if self.network_hash != digest(plan):
            yield "its operations, or their widths and sizes, are others than those of its names here"


def _difference(what: str, found: Collection[str], wanted: Collection[str], where: str = "") -> Iterable[str]:
    """What is missing, and what is there for nothing."""
    place = f" {where}" if where else ""
    yield from (f"it lacks the {what} `{name}`{place}" for name in wanted if name not in found)
    yield from (
        f"it has the {what} `{name}`{place}, which is not in this one" for name in found if name not in wanted
    )


def read_costs(path: Path) -> CostTable:
    """What is in a file. Raises UserError where it cannot be read, or is no such file."""
    try:
        found = parse_json(read_file(path))
    except ValueError:
        raise UserError(f"{path} is not JSON", "`dartsl latency` writes files of costs") from None
    try:
        FILE(found, "")
    except MisfitError as place:
        raise UserError(
            f"{path}: `{place}` is missing, or is not what a file of costs has there",
            "`dartsl latency` writes such files; costs are numbers from 0",
        ) from None
    del found["format"]
    return CostTable(**found)


def is_file(cost: str) -> bool:
    """Whether the setting `cost` names a file."""
    return cost not in UNITS


def pricing(cost: str) -> Callable[[Plan], Prices]:
    """What gives the prices of a network of images that the setting `cost` names: a file is read now.

    Raises UserError; the function does, too, where the file is of another network.
    """
    if not is_file(cost):
        return lambda plan: counted(plan, cost)
    costs = read_costs(Path(cost))
    return lambda plan: costs.prices(plan, cost)


def copies(cost: str) -> dict[str, str]:
    """The file that the setting `cost` names, as the text that a run keeps, by its name there. Raises UserError."""
    return {COSTS: read_costs(Path(cost)).text()} if is_file(cost) else {}


def parameters_of(plan: Plan) -> dict[str, str]:
    """The parameters of a network, as exact fractions in text."""
    return {name: str(value) for name, value in plan.parameters.items()}


def digest(plan: Plan) -> str:
    """The SHA-256 of all that a network's parts cost by: its layers, their operations, and all shapes."""
    parts: list[Any] = [[name, _tree(term)] for name, term in outside(plan)]
    for layer in cell_layers(plan):
        edges = zip(layer.cell.edges, layer.edges, strict=True)
        parts.append([layer.name, [[edge.name, [_tree(each) for each in terms]] for edge, terms in edges]])
    return sha256(json.dumps(parts).encode()).hexdigest()


def _tree(term: Term) -> Any:
    if isinstance(term, Step):
        return [term.primitive, term.arguments, term.stride, term.input.dims, term.output.dims, term.mixing]
    if isinstance(term, Merge):
        return [term.kind, [_tree(each) for each in term.branches]]
    if isinstance(term, CellTerm):
        return [term.use.cell.name, [[_tree(each) for each in terms] for terms in term.use.edges]]
    return [_tree(each) for each in term.terms]
