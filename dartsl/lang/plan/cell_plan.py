"""One cell at one place of a network: the term of each part, and the faults of strides and widths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dartsl.lang.check.model import Candidate, Cell, Edge, Node, Output
from dartsl.lang.codes import e05
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.elaborate import Elaborator
from dartsl.lang.plan.matrices import unlike_shares
from dartsl.lang.plan.merging import arity_fault, merged_width
from dartsl.lang.plan.op_faults import stride_text
from dartsl.lang.plan.parts import Part, term, term_size
from dartsl.lang.plan.stride_faults import stride_fault
from dartsl.lang.plan.terms import Term
from dartsl.lang.plan.width_faults import means_its_width, raw_input, width_fault
from dartsl.lang.records.tensors import Axis, Pair, Tensor, strided
from dartsl.lang.records.widths import Width, channels
from dartsl.lang.syntax.ast import Expr

Reference = tuple[Edge, Candidate, Width]  # a candidate, its edge, and the width that it gives

# Faults that depend on the shapes at hand, so that it helps to say at which place of the network they arise.
_OF_SHAPES = ("E0501", "E0502", "E0503", "E0504", "E0506", "E0507")


@dataclass(frozen=True)
class Feed:
    """What a cell input reads: its shape, and the stride (down, across) from there to the newest layer."""

    tensor: Tensor
    stride: Pair | None


@dataclass(frozen=True)
class Use:
    """A cell at a place of a network (`place` None: in no network). Two equal uses are elaborated once."""

    cell: str
    width: Width
    stride: int
    feeds: tuple[Feed, ...]
    place: Span | None = field(compare=False, default=None)
    carries: tuple[str, ...] = ()  # the inputs that hold the carries, of a cell that runs along a sequence


@dataclass(frozen=True)
class Planned:
    """The parts of a cell. Terms are whole only where no fault was found and every shape is known."""

    inputs: tuple[Term | None, ...]
    input_tensors: tuple[Tensor, ...]
    edges: tuple[tuple[Term, ...], ...]
    node_tensors: tuple[Tensor, ...]
    output: Tensor
    steps: int  # primitive applications and merges, its cost against MAX_APPLICATIONS


class CellPlanner:
    """Works out one use of one cell; faults are appended to `faults`, which the elaborator shares."""

    def __init__(self, elaborator: Elaborator, faults: list[Diagnostic], cell: Cell, use: Use) -> None:
        self._elaborator = elaborator
        self._faults = faults
        self._cell = cell
        self._use = use
        self._tensors: dict[str, Tensor] = {}

    def run(self) -> Planned:
        """The parts of the cell."""
        cell = self._cell
        inputs = tuple(self._input(place) for place in range(len(cell.inputs)))
        input_tensors = tuple(self._tensors[i.name] for i in cell.inputs)
        self._inputs = frozenset(i.name for i in cell.inputs)
        # Vectors may have any width where a cell runs along a sequence, or stands in no network.
        loose = bool(self._use.carries) or self._use.place is None
        self._any_width = not input_tensors[0].is_map and loose
        incoming: dict[str, list[int]] = {node.name: [] for node in cell.nodes}
        for place, edge in enumerate(cell.edges):
            incoming[edge.target].append(place)
        terms: list[tuple[Term, ...]] = [()] * len(cell.edges)
        for node in cell.nodes:
            self._node(node, incoming[node.name], terms)
        outputs = [self._output(output, self._inner_size()) for output in cell.outputs]
        for output, carry, gives in zip(cell.outputs, self._use.carries, outputs, strict=False):
            self._carried(output, carry, gives)
        steps = sum(term_size(t) for t in inputs if t) + sum(term_size(t) for edge in terms for t in edge)
        node_tensors = tuple(self._tensors[n.name] for n in cell.nodes)
        return Planned(inputs, input_tensors, tuple(terms), node_tensors, outputs[0], steps + len(cell.nodes))

    # ---------------------------------------------------------------- inputs

    def _input(self, place: int) -> Term | None:
        item, feed = self._cell.inputs[place], self._use.feeds[place]
        asked = feed.stride[0] if feed.stride is not None and feed.stride[0] == feed.stride[1] else None
        prepared = Label(item.span, f"`{item.name}` is prepared here")
        self._tensors[item.name] = feed.tensor
        if asked is None:
            fault = e05.cannot_prepare(item.span, item.name, stride_text(feed.stride))
            self._report(fault, *self._place())
            return None
        if item.operation is None:
            if asked != 1:
                fault = e05.needs_stride(item.span, item.name, asked, self._prepare(), self._raw())
                self._report(fault, *self._place())
            return None
        before = len(self._faults)
        part = self._elaborator.run(item.operation, feed.tensor, self._use.width, asked)
        self._placed(before, prepared)
        text = _text(item.operation.span)
        why = Label(item.span, f"so `{item.name}` is read with stride {asked}")
        self._check_stride(part, text, item.operation, item.operation.span, asked, why)
        if part.ok and part.missing is None and part.output.width != self._use.width:
            fault = width_fault(text, item.operation.span, part, self._use.width)
            self._report(fault, prepared, *self._place("width"))
        self._tensors[item.name] = feed.tensor.to(self._use.width, strided(feed.tensor.size, (asked, asked)))
        return self._term(part, feed.tensor, item.operation.span)

    # ------------------------------------------------------- edges and nodes

    def _node(self, node: Node, places: list[int], terms: list[tuple[Term, ...]]) -> None:
        widths: list[Width] = []
        reference: Reference | None = None
        for place in places:
            edge = self._cell.edges[place]
            if node.merge in ("concat", "highway"):
                reference = None
            terms[place], reference = self._edge(node, edge, reference)
            if node.merge == "highway" and edge.source in self._use.carries:
                widths.clear()  # a highway gives the width of the carry
            elif node.merge == "highway" and widths:
                continue
            widths.append(reference[2] if reference else self._use.width)
        fault = arity_fault(node.merge, len(places), Label(node.span, f"{len(places)} edges end here"))
        if fault is not None:
            self._report(fault)
        for unlike in unlike_shares(node.name, (built for place in places for built in terms[place])):
            self._report(unlike, *self._place("width"))
        width = merged_width(node.merge, widths) if widths else self._use.width
        self._tensors[node.name] = self._like.to(width, self._inner_size())

    def _edge(
        self, node: Node, edge: Edge, reference: Reference | None
    ) -> tuple[tuple[Term, ...], Reference | None]:
        """The terms of an edge's candidates; and the first sound candidate, here or before, whose width the others
        must have."""
        found: list[Term] = []
        for candidate in edge.candidates:
            part = self._candidate(edge, candidate)
            built = self._term(part, self._tensors[edge.source], candidate.span)
            if built is not None:
                found.append(built)
            if not part.ok or part.missing is not None:
                continue
            fits = part.output.width == self._use.width or (self._any_width and means_its_width(part))
            if not fits and node.merge != "concat":
                self._width_asked(edge, candidate, part)
            elif reference is not None and part.output.width != reference[2]:
                self._width_fault(node, edge, candidate, part.output.width, reference)
            else:
                reference = reference or (edge, candidate, part.output.width)
                if not fits:
                    self._width_asked(edge, candidate, part, warns=True)
        return tuple(found), reference

    @property
    def _like(self) -> Tensor:
        """A tensor of the kind that all of the cell's are: its first input."""
        return self._tensors[self._cell.inputs[0].name]

    def _inner_size(self) -> tuple[Axis, ...]:
        """The size of every node: what the inputs come to, after the cell's stride."""
        return strided(self._like.size, (self._use.stride, self._use.stride))

    def _candidate(self, edge: Edge, candidate: Candidate) -> Part:
        """The part of a candidate."""
        from_input = edge.source in self._inputs
        asked = self._use.stride if from_input else 1
        source = self._tensors[edge.source]
        before = len(self._faults)
        part = self._elaborator.run(candidate.expr, source, self._use.width, asked, candidate.label)
        if len(self._faults) > before:
            self._placed(before, self._where(edge))
        if part.ok and not part.gives(asked):
            why = Label(edge.span, f"{'so ' if asked != 1 else ''}{self._name(edge)} has stride {asked}")
            self._check_stride(part, candidate.label, candidate.expr, candidate.span, asked, why)
        return part

    def _width_asked(self, edge: Edge, candidate: Candidate, part: Part, warns: bool = False) -> None:
        """E0502, or W0502 where it `warns`, for a candidate that does not give the width asked of it."""
        asked, text, span = self._use.width, candidate.label, candidate.span
        on_edge = self._where(edge)
        raw = next((i for i in self._cell.inputs if i.name == edge.source and i.operation is None), None)
        if raw is not None and not part.given and not self._cell.layer:
            fault = raw_input(raw, text, span, part, asked, warns)
            if not warns:
                fault = replace(fault, help=self._prepare(), group=self._raw())
        else:
            fault = width_fault(text, span, part, asked, warns)
        self._report(fault, on_edge, *self._place("width"))

    def _check_stride(self, part: Part, text: str, expr: Expr, span: Span, asked: int, why: Label) -> None:
        if not part.ok or part.gives(asked):
            return
        places = self._place("stride") if asked != 1 else ()
        fault = stride_fault(text, expr, span, part, asked, self._elaborator.operations)
        self._report(fault, why, *places)

    def _width_fault(
        self,
        node: Node,
        edge: Edge,
        candidate: Candidate,
        width: Width,
        reference: Reference,
    ) -> None:
        other, first, expected = reference
        if node.merge == "concat":
            what = f"the candidates of {self._name(edge)}"
            rule: tuple[Label, ...] = ()
        else:
            what = f"the edges into `{node.declared}`"
            rule = (Label(node.merge_span or node.item_span, f"all edges of a `{node.merge}` must agree"),)
        label = Label(candidate.span, _gives(candidate, width, edge))
        against = Label(first.span, _gives(first, expected, other))
        self._report(e05.unlike_widths(what, label, *rule, against), *self._place("width"))

    # ---------------------------------------------------------------- output

    def _output(self, output: Output, size: tuple[Axis, ...]) -> Tensor:
        """What an output gives."""
        widths = [self._tensors[name].width for name in output.nodes]
        if output.merge is None:
            return self._tensors[output.nodes[0]]
        fault = arity_fault(output.merge, len(widths), Label(output.span, f"this one has {len(widths)}"))
        if fault is not None:
            self._report(fault)
        spans = {node.name: node.span for node in self._cell.nodes}
        if output.merge != "concat":
            for name, width in zip(output.nodes, widths, strict=True):
                if width != widths[0]:
                    first = output.nodes[0]
                    labels = (
                        Label(spans[first], f"`{first}` has {channels(widths[0])}"),
                        Label(spans[name], f"`{name}` has {channels(width)}"),
                    )
                    label = Label(output.span, f"all nodes of a `{output.merge}` must agree")
                    fault = e05.unlike_widths("the nodes of the output", label, *labels)
                    self._report(fault, *self._place("width"))
                    break
        return self._like.to(merged_width(output.merge, widths), size)

    def _carried(self, output: Output, carry: str, gives: Tensor) -> None:
        """An output must be as wide as the carry that it is next."""
        if gives.width != self._use.width:
            given, has = channels(gives.width), channels(self._use.width)
            fault = e05.no_next_carry(output.span, self._cell.name, carry, given, has)
            self._report(fault, *self._place("width"))

    # --------------------------------------------------------------- helpers

    def _placed(self, before: int, place: Label) -> None:
        """Say of the faults of shapes that were found since where they arise."""
        for number in range(before, len(self._faults)):
            fault = self._faults[number]
            if fault.code in _OF_SHAPES:
                asked = "stride" if fault.code == "E0501" else "width"
                labels = (*fault.secondary, place, *self._place(asked))
                self._faults[number] = replace(fault, secondary=labels)

    def _name(self, edge: Edge) -> str:
        """An edge, or the layer that it is."""
        if self._cell.layer:
            return f"the layer `{self._cell.name}`"
        if edge.target in self._cell.merging:
            return f"the node `{edge.target}`, after its merge"
        return f"the edge `{edge.source} -> {edge.node}`"

    def _where(self, edge: Edge) -> Label:
        return Label(edge.span, f"{'in' if self._cell.layer else 'on'} {self._name(edge)}")

    def _raw(self) -> str:
        """What all faults of inputs that nothing prepares have in common."""
        first = self._cell.inputs[0].span
        return f"raw inputs {first.source.name} {first.start}"

    def _prepare(self) -> str:
        """How to prepare the inputs of the cell."""
        raw = ", ".join(given.name for given in self._cell.inputs if given.operation is None)
        return f"give them the stride and the width asked for: `input {raw} : preprocess` (of std/cnn)"

    def _term(self, part: Part, tensor: Tensor, span: Span) -> Term | None:
        shape = tensor.shape()
        return term(part, shape, span) if shape is not None and part.ok and part.missing is None else None

    def _place(self, what: str = "") -> tuple[Label, ...]:
        """Where in a network the cell is used, and with which stride or width."""
        if self._use.place is None or self._cell.layer:
            return ()
        value = {"stride": f" with stride {self._use.stride}", "width": f" with width {self._use.width}"}
        return (Label(self._use.place, f"`{self._cell.name}` is used here{value.get(what, '')}"),)

    def _report(self, diagnostic: Diagnostic, *more: Label) -> None:
        self._faults.append(replace(diagnostic, secondary=diagnostic.secondary + more))


def _gives(candidate: Candidate, width: Width, edge: Edge) -> str:
    return f"`{candidate.label}` gives {channels(width)} on `{edge.name}`"


def _text(span: Span) -> str:
    return " ".join(span.text.split())
