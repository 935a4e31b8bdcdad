"""Layers of a stage that offer a choice (darts 2), laid out as cells: what they are to everything else.

Such a layer is a cell of one input, one node and one edge, which offers what the layer does. It is named as the layer
is, `layer3`, so it has alphas of its own and is searched, derived, counted and recorded as any cell. How many there are
depends on the network's parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from dartsl.lang.check.constants import substitute
from dartsl.lang.check.model import Candidate, Cell, CellInput, Edge, Network, Node, Output, Spec, Stage
from dartsl.lang.check.scans import read_scan
from dartsl.lang.check.within import closed
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, arranged
from dartsl.lang.codes.limits import MAX_LAYERS
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.evaluate import Environment, FaultError
from dartsl.lang.plan.layers import Item, StageReader
from dartsl.lang.plan.parameters import Overrides, literal, values_of, written
from dartsl.lang.syntax.ast import Binary, Call, Chain, Expr, Name, Number
from dartsl.lang.syntax.printer import print_expr

SOURCE, TARGET = "x", "y"  # the input and the node of the cell that a layer is


def laid_out(
    spec: Spec, network: Network, overrides: Overrides, operations: bool = False
) -> tuple[Spec, Network]:
    """The spec and its network with a cell for each layer that offers a choice; as they are where none does.

    With `operations` also for each layer that is an operation, to be drawn or compared. `overrides` replace the
    network's parameters; one that is laid out already is laid out anew by them. Raises SpecError for a number that
    cannot be, and UserError for a parameter that the network does not have.
    """
    network = network.unlaid or network
    if not network.choices and not operations:
        return spec, network
    faults: list[Diagnostic] = []
    try:
        values = values_of(network, overrides)
        scope = Environment(dict(values), values.get("C", Fraction(1)), 1, written(network, overrides))
        layout = _Layout(spec, network, values, StageReader(scope, faults), operations)
        stages = [layout.stage(stage) for stage in network.stages]
    except FaultError as error:
        faults.append(error.diagnostic)
    if faults:
        raise SpecError(arranged(faults, [file.source for file in spec.files]))
    cells = {**spec.cells, **layout.cells}
    used = closed(layout.used, cells)
    new = replace(network, stages=tuple(stages), cells=used, choices=(), unlaid=network)
    return replace(spec, cells=cells, networks={**spec.networks, network.name: new}), new


def shown(spec: Spec, name: str | None = None) -> Spec:
    """A spec as it is drawn and compared: with a cell for each layer of its network that is no cell (darts 2).

    `name` names the network; None: the only one that the root file has.
    """
    own = [each for each in spec.networks.values() if each.span.source is spec.root.source]
    picked = spec.networks.get(name) if name is not None else own[0] if len(own) == 1 else None
    if picked is None or picked.span.source.version == 1:
        return spec
    return laid_out(spec, picked, {}, operations=True)[0]


def layer_items(layers: Expr) -> Iterator[tuple[Expr, Expr | None]]:
    """The layers of a stage that was laid out, each with its stride."""
    for step in layers.steps if isinstance(layers, Chain) else (layers,):
        if isinstance(step, Binary) and step.operator == "/":
            yield step.left, step.right
        else:
            yield step, None


def strided_layer(expr: Expr, stride: Expr | None) -> Expr:
    """A layer with its stride."""
    return expr if stride is None else Binary("/", expr, stride, span=expr.span)


class _Layout:
    """Lays out one network, stage by stage."""

    def __init__(
        self,
        spec: Spec,
        network: Network,
        values: Mapping[str, Fraction],
        reader: StageReader,
        operations: bool,
    ) -> None:
        self.cells: dict[str, Cell] = {}
        self.used: dict[str, None] = {}  # the names of all cells, in order of first use
        self._spec = spec
        # By their places: equal layers of two stages may name a parameter, each in its own text.
        self._choices = {expr.span: offered for expr, offered in network.choices}
        self._values = values
        self._reader = reader
        self._operations = operations
        self._count = 0

    def stage(self, stage: Stage) -> Stage:
        """A stage with names of cells for its layers that offer a choice; as it is where none does."""
        items = self._reader.items(stage.layers, MAX_LAYERS - self._count)
        chosen = self._operations or any(item.expr.span in self._choices for item in items)
        steps = tuple(self._layer(item, stage) for item in items)
        if not chosen:
            return stage
        return replace(stage, layers=steps[0] if len(steps) == 1 else Chain(steps, span=stage.layers.span))

    def _layer(self, item: Item, stage: Stage) -> Expr:
        name, expr = f"layer{self._count}", item.expr
        self._count += 1
        cell = self._cell_of(expr)
        found = self._choices.get(expr.span, ())
        if self._operations and not found and cell is None:
            meant = self._meant(name, expr)
            found = (Candidate(print_expr(meant), meant, expr.span),)
        if found:
            offered = tuple(self._offered(each, stage) for each in found)
            made, before = _cell(name, offered, item.span), self._spec.cells.get(name)
            self.cells[name] = before if before == made else made  # edges are told apart by their identity
            self.used.setdefault(name)
            expr = Name(name, span=item.span)
        elif cell is not None:
            self.used.setdefault(cell)
        stride = None if item.stride == 1 else Number(str(item.stride), span=item.span)
        return strided_layer(expr, stride)

    def _meant(self, layer: str, expr: Expr) -> Expr:
        """What an operation is that a found file has for this layer alone, under its name; another is itself."""
        if isinstance(expr, Name) and expr.id.rstrip("_") == layer:
            operation = self._spec.operations.get(expr.id)
            if operation is not None and operation.body is not None and not operation.parameters:
                return operation.body
        return expr

    def _cell_of(self, expr: Expr) -> str | None:
        """The cell that a layer without a choice is, or runs along a sequence."""
        if isinstance(expr, Name):
            return expr.id if expr.id in self._spec.cells else None
        call = read_scan(expr) if isinstance(expr, Call) and expr.function.id == "scan" else None
        return None if call is None or isinstance(call, Diagnostic) else call.cell.id

    def _offered(self, candidate: Candidate, stage: Stage) -> Candidate:
        """What is written in the network may name its parameters, which a cell does not know."""
        if not _within(candidate.span, stage.span):
            return candidate
        values = {name: literal(value, candidate.span) for name, value in self._values.items()}
        expr = substitute(candidate.expr, values)
        return replace(candidate, expr=expr, label=print_expr(expr))


def _within(span: Span, outer: Span) -> bool:
    return span.source is outer.source and outer.start <= span.start < outer.end


def _cell(name: str, offered: tuple[Candidate, ...], span: Span) -> Cell:
    return Cell(
        name,
        (CellInput(SOURCE, None, span),),
        (Node(TARGET, "sum", False, None, span, span),),
        (Edge(SOURCE, TARGET, 0, offered, span),),
        Output(None, (TARGET,), False, span),
        span,
        layer=True,
    )
