"""A network with every width, stride and size worked out (language rule 13). Pure Python, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from dartsl.lang.check.model import Cell, Network, Spec, Stage
from dartsl.lang.check.network_faults import too_small
from dartsl.lang.check.scans import read_scan
from dartsl.lang.codes import e04, e05
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, arranged
from dartsl.lang.codes.limits import MAX_APPLICATIONS, MAX_LAYERS, too_large
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.applied import Norms
from dartsl.lang.plan.cell_plan import CellPlanner, Feed, Planned, Use
from dartsl.lang.plan.cell_terms import CellTerms, cell_layer
from dartsl.lang.plan.elaborate import Elaborator
from dartsl.lang.plan.evaluate import Environment, FaultError, Value
from dartsl.lang.plan.layer_choices import laid_out
from dartsl.lang.plan.layers import Item, StageReader, input_tensors, scan_of
from dartsl.lang.plan.matrices import head_faults
from dartsl.lang.plan.parameters import number_of, values_of, written
from dartsl.lang.plan.partial import narrowed
from dartsl.lang.plan.parts import Part, term, term_size
from dartsl.lang.plan.stride_faults import stride_fault
from dartsl.lang.plan.terms import Layer, Plan, Scan, TermLayer
from dartsl.lang.plan.width_faults import bad_width, width_fault
from dartsl.lang.records.accepted import wanted
from dartsl.lang.records.inputs import Input
from dartsl.lang.records.tensors import Pair, Tensor, strided, tensor_of
from dartsl.lang.syntax.ast import Call, Expr, Name


def plan(
    spec: Spec,
    network: Network,
    parameters: Mapping[str, Fraction | int] | None = None,
    partial: int = 1,
) -> Plan:
    """The plan of a network, some of its parameters replaced; for a search, perhaps with partial channels.

    Raises UserError (exit code 2) for a parameter that it does not have, and SpecError (E0405, E0410, E05xx,
    E0310, E0613) where widths, strides or sizes do not fit.
    """
    result, found = planned(spec, network, parameters or {}, partial)
    if result is None:
        raise SpecError(arranged(found, [file.source for file in spec.files]))
    return result


def planned(
    spec: Spec, network: Network, parameters: Mapping[str, Fraction | int], partial: int
) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan, None where it has an error, and all faults."""
    try:
        spec, network = laid_out(spec, network, parameters)
    except SpecError as error:
        return None, list(error.diagnostics)
    planner = _Planner(spec, network, parameters)
    whole = planner.run()
    if whole is None:
        return None, planner.faults
    result, found = narrowed(spec, whole, partial)
    return None if found else result, [*planner.faults, *found]


@dataclass(frozen=True)
class _Done:
    """A layer that was planned: its name, what it gives, and its own stride."""

    name: str
    tensor: Tensor
    stride: Pair | None


class _StopError(Exception):
    """Nothing sensible can be said about the rest of the network."""


class _Planner:
    """Walks through one network, layer by layer."""

    def __init__(self, spec: Spec, network: Network, overrides: Mapping[str, Fraction | int]) -> None:
        self.faults: list[Diagnostic] = []
        self._spec = spec
        self._network = network
        self._overrides = overrides
        self._decided = spec.decided(network)
        self._takes = network.takes
        self._general = network.span.source.version > 1
        norms = Norms(
            affine=self._decided, mixing=not self._decided, shares=self._takes.sequence, general=self._general
        )
        within = CellTerms(spec.cells, self.faults, mixing=not self._decided)
        self._inside = Elaborator(spec.operations, norms, self.faults, within=within)
        self._done: list[_Done] = []
        self._layers: list[Layer | None] = []
        self._known: dict[Use, Planned] = {}
        self._cost = 0
        self._starts: list[str] = []

    def run(self) -> Plan | None:
        """The plan; None where an error was found."""
        try:
            values = values_of(self._network, self._overrides)
            names: dict[str, Value] = dict(values)
            norms = Norms(True, True, general=self._general)
            self._outside = Elaborator(self._spec.operations, norms, self.faults, names)
            norms = Norms(affine=True, mixing=not self._decided, general=self._general)
            self._in_stages = Elaborator(self._spec.operations, norms, self.faults, names)
            self._scope = Environment(
                names, values.get("C", Fraction(1)), 1, written(self._network, self._overrides)
            )
            input = self._input()
            self._stems(input)
            self._stages()
            self._head()
        except FaultError as error:
            self.faults.append(error.diagnostic)
        except _StopError:
            pass
        layers = [layer for layer in self._layers if layer is not None]
        if any(fault.severity == "error" for fault in self.faults) or len(layers) != len(self._layers):
            return None
        input = input.to(layers[-1].output.channels)
        return Plan(self._network, values, self._decided, input, tuple(layers), tuple(self._starts))

    # ------------------------------------------------ numbers of the network

    def _width(self, expr: Expr, what: str = "a width") -> Fraction:
        """A width, or a length of what enters. Raises FaultError."""
        value = number_of(expr, self._scope, "E0402")
        needed = wanted("width", value)
        if needed is not None:
            raise FaultError(bad_width(what, expr, value, needed, self._scope.names))
        return value

    def _stage_width(self, stage: Stage) -> Fraction | None:
        """A stage's width; None, and its layers are left out, where it cannot be."""
        try:
            return self._width(stage.width)
        except FaultError as error:
            self.faults.append(error.diagnostic)
            return None

    def _input(self) -> Input:
        takes, written = self._takes, self._network.input.arguments
        return takes.of(*(int(self._width(argument.value, takes.this)) for argument in written))

    # -------------------------------------------------------- stems and head

    def _stems(self, input: Input) -> None:
        self._done = [_Done(input.word, tensor_of(input.shape), (1, 1))]
        width = self._stage_width(self._network.stages[0]) or Fraction(1)
        for place, stem in enumerate(self._network.stems):
            part = self._outside.run(stem, self._newest.tensor, width, 1)
            self._missing_arm(part, stem, 1)
            self._add_term(f"stem{place}", "stem", part, stem.span)
            if len(part.output.size) != len(input.shape.size):
                gives = part.output.size_text()
                raise FaultError(e05.must_give(stem.span, "a stem", input.stem, gives, input.stem_help))
            if part.output.tokens:
                raise _StopError  # the first step could not take them, which is reported
        del self._done[0]  # cells read the outputs of layers, never the input itself

    def _head(self) -> None:
        head, newest = self._network.head, self._newest
        norms = Norms(True, True, ties=True, general=self._general)
        elaborator = Elaborator(self._spec.operations, norms, self.faults, self._scope.names)
        part = elaborator.run(head, newest.tensor, newest.tensor.width, 1)
        self._missing_arm(part, head, 1)
        if part.ok and part.missing is None and part.output.is_map:
            help = "end it with `global_avg_pool > linear(classes)`"
            self.faults.append(e05.must_give(head.span, "a head", "a vector", part.output.what, help))
        self._add_term("head", "head", part, head.span)
        stems = [x.term for x in self._layers if isinstance(x, TermLayer) and x.kind == "stem"]
        if part.ok and len(stems) == len(self._network.stems):
            self.faults.extend(head_faults(part, stems, head.span))

    def _missing_arm(self, part: Part, expr: Expr, asked: int) -> None:
        if part.missing is not None:
            self._stride_fault(part, expr, asked)

    def _stride_fault(self, part: Part, expr: Expr, asked: int) -> None:
        text = _text(expr.span)
        self.faults.append(stride_fault(text, expr, expr.span, part, asked, self._spec.operations))

    # ---------------------------------------------------------------- stages

    def _stages(self) -> None:
        reader = StageReader(self._scope, self.faults)
        count = 0
        for stage in self._network.stages:
            width = self._stage_width(stage)
            self._starts.append(f"layer{count}")
            for item in reader.items(stage.layers, MAX_LAYERS - count):
                self._too_small(item)
                if width is not None:
                    self._layer(f"layer{count}", item, width)
                count += 1
                if self._cost > MAX_APPLICATIONS:
                    found = too_large(stage.span, "operations", self._cost, MAX_APPLICATIONS)
                    raise FaultError(found)

    def _layer(self, name: str, item: Item, width: Fraction) -> None:
        if isinstance(item.expr, Name) and item.expr.id in self._spec.cells:
            cell = self._spec.cells[item.expr.id]
            reads, feeds = self._feeds(len(cell.inputs))
            use = Use(cell.name, width, item.stride, feeds, item.expr.span)
            self._cell(name, cell, use, reads)
        elif isinstance(item.expr, Call) and item.expr.function.id == "scan":
            self._scan(name, item, item.expr, width)
        else:
            self._op(name, item, width)

    def _too_small(self, item: Item) -> None:
        """E0504, once for a network: all that follows would repeat it."""
        tensor = self._newest.tensor
        if item.stride > 1 and self._takes.sequence:
            help = "every layer of a network of text gives a vector for each token"
            self.faults.append(e04.cannot_stride(item.span, "a sequence cannot be strided", help))
            raise _StopError
        if item.stride > 1 and not tensor.size:
            help = "every layer of a network of vectors gives a vector"
            self.faults.append(e04.cannot_stride(item.span, "a vector cannot be strided", help))
            raise _StopError
        if item.stride > 1 and 1 in tensor.size[int(tensor.series) :]:
            self.faults.append(too_small(item.span, tensor, self._network.input))
            raise _StopError

    def _op(self, name: str, item: Item, width: Fraction) -> None:
        """An operation used as a layer."""
        before = self._newest.tensor
        part = self._in_stages.run(item.expr, before, width, item.stride)
        span = item.expr.span
        if part.ok and not part.gives(item.stride):
            self._stride_fault(part, item.expr, item.stride)
        if part.ok and part.missing is None and part.output.width != width:
            self.faults.append(width_fault(_text(span), span, part, width))
        stride = (item.stride, item.stride)
        part = replace(part, output=before.to(width, strided(before.size, stride)), stride=stride)
        self._add_term(name, "op", part, span)

    def _scan(self, name: str, item: Item, expr: Call, width: Fraction) -> None:
        """A cell that runs along the sequence."""
        call = read_scan(expr)
        if isinstance(call, Diagnostic):  # the reader of networks reports it before anything is planned
            raise FaultError(call)
        try:
            scan = scan_of(call, self._scope)
        except FaultError as error:
            self.faults.append(error.diagnostic)
            scan = Scan(call.carries, 0.0, 0.0)
        cell = self._spec.cells[call.cell.id]
        tensors = input_tensors(cell, scan.carries, self._newest.tensor.width, width)
        feeds = tuple(Feed(tensor, (1, 1)) for tensor in tensors)
        use = Use(cell.name, width, 1, feeds, item.expr.span, scan.carries)
        self._cell(name, cell, use, (self._newest.name,), scan)

    def _cell(
        self, name: str, cell: Cell, use: Use, reads: tuple[str, ...], scan: Scan | None = None
    ) -> None:
        """A cell as a layer."""
        if use not in self._known:
            self._known[use] = CellPlanner(self._inside, self.faults, cell, use).run()
        parts = self._known[use]
        self._cost += parts.steps
        mixing = not self._decided
        output = parts.output if scan is None else self._newest.tensor.to(parts.output.width)
        self._layers.append(cell_layer(name, cell, use, reads, parts, output, mixing=mixing, scan=scan))
        self._done.append(_Done(name, output, (use.stride, use.stride)))

    def _feeds(self, count: int) -> tuple[tuple[str, ...], tuple[Feed, ...]]:
        """What the next cell's inputs read: the last `count` layers, the first stem filling older gaps."""
        latest = len(self._done) - 1
        places = [max(0, latest - back) for back in reversed(range(count))]
        feeds = []
        for place in places:
            stride: Pair | None = (1, 1)
            for done in self._done[place + 1 :]:
                stride = _product(stride, done.stride)
            feeds.append(Feed(self._done[place].tensor, stride))
        return tuple(self._done[place].name for place in places), tuple(feeds)

    # --------------------------------------------------------------- helpers

    @property
    def _newest(self) -> _Done:
        return self._done[-1]

    def _add_term(self, name: str, kind: Literal["stem", "op", "head"], part: Part, span: Span) -> None:
        before, after = self._newest.tensor.shape(), part.output.shape()
        layer: TermLayer | None = None
        if before is not None and after is not None and part.ok and part.missing is None:
            built = term(part, before, span)
            self._cost += term_size(built)
            layer = TermLayer(name, kind, (self._newest.name,), built, after)
        self._layers.append(layer)
        self._done.append(_Done(name, part.output, part.stride))


def _product(a: Pair | None, b: Pair | None) -> Pair | None:
    return None if a is None or b is None else (a[0] * b[0], a[1] * b[1])


def _text(span: Span) -> str:
    return " ".join(span.text.split())
