"""A checked spec: names resolved, patterns expanded, cells and networks as plain data.

Nothing here knows sizes or widths of tensors; `dartsl.lang.plan.network_plan` adds those for one network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from dartsl.lang.check.matched import WIDTH, matched
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Span
from dartsl.lang.records.inputs import INPUTS, Input
from dartsl.lang.records.record import heeds_order
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.stages import SearchStage, Stages
from dartsl.lang.syntax.ast import Call, Chain, Expr, File, Name, Parameter, Syntax

REACHING = "Cin"  # the width that reaches a body; in version 1 only in the defaults of an `extern op`
KEEPS, CHANGES = "keeps", "changes"  # the arms of `match shape`

SettingLiteral = int | float | str | bool | Schedule | SearchStage | Stages | tuple["SettingLiteral", ...]


@dataclass(frozen=True)
class Operation:
    """A named operation; `body` is None for an `extern op`, whose implementation is Python: a primitive of the language
    (`builtin`), or a plugin's."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Expr | None
    span: Span = field(compare=False, repr=False)
    builtin: bool = False


@dataclass(frozen=True)
class Candidate:
    """One operation that an edge offers.

    `expr` is never a choice and never the name of an `ops` (those are flattened), and cell parameters
    are filled in. `label` is `expr` as the printer writes it, e.g. `sep_conv(3)`.
    """

    label: str
    expr: Expr
    span: Span = field(compare=False, repr=False)

    @property
    def is_none(self) -> bool:
        return self.label == "none"


@dataclass(frozen=True)
class CellInput:
    """An input of a cell and the operation that prepares it (None: it is taken as it is)."""

    name: str
    operation: Expr | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Node:
    """A node: how its incoming edges are merged, and how many survive discretisation (None: no `keep`).

    `mix_bn` says that `> mix_bn` stands after the merge. A node with operations after its merge is two (darts 2): the
    one that merges, whose `of` names the other, and that one, into which the operations lead as its one edge.
    """

    name: str
    merge: str
    mix_bn: bool
    keep: int | None
    span: Span = field(compare=False, repr=False)  # of the node's name (or the range that declares it)
    item_span: Span = field(compare=False, repr=False)  # of the whole `node ...` statement
    merge_span: Span | None = field(default=None, compare=False, repr=False)  # of the merge's name
    of: str | None = None

    @property
    def declared(self) -> str:
        """Its name in the text."""
        return self.of or self.name


@dataclass(frozen=True)
class Edge:
    """One edge after expansion; `twin` counts the edges of the same pair from 0.

    `written` is its place in the text: its statement's number, and its source's place in that statement's list.
    """

    source: str
    target: str
    twin: int
    candidates: tuple[Candidate, ...]
    span: Span = field(compare=False, repr=False)  # of the statement
    written: tuple[int, int] = (0, 0)

    @property
    def searched(self) -> bool:
        """Whether there is something to choose, so that the edge has a row of alphas."""
        return len(self.candidates) > 1

    @property
    def follows(self) -> bool:
        """Whether nobody wrote it as an edge: it stands for the operations after a node's merge (`Node.of`)."""
        return "." in self.source

    @property
    def node(self) -> str:
        """The node that it leads into, as it is written."""
        return self.target.partition(".")[0]

    @property
    def name(self) -> str:
        """As it is written: `c0 -> n1`, with (2), (3), ... where a pair of nodes has several edges; for the operations
        after a node's merge the node, `n1`."""
        if self.follows:
            return self.target
        return f"{self.source} -> {self.node}{f' ({self.twin + 1})' if self.twin else ''}"

    @property
    def called(self) -> str:
        """What messages call it: `edge c0 -> n1`, `node n1, after its merge`."""
        return f"node {self.name}, after its merge" if self.follows else f"edge {self.name}"


@dataclass(frozen=True)
class Output:
    """One of the values that a cell gives: a node (`merge` None) or one merge of nodes, perhaps after `mix_bn`."""

    merge: str | None
    nodes: tuple[str, ...]
    mix_bn: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Cell:
    """A cell without open parameters. Its alphas are one row for each searched edge, in this order.

    `layer` says that nobody wrote it: it is a layer of a stage (`dartsl.lang.plan.layer_choices`). `further` are the
    outputs after the first, the next carries of a cell that runs along a sequence with several (darts 2).
    """

    name: str
    inputs: tuple[CellInput, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    output: Output
    span: Span = field(compare=False, repr=False)  # of the cell's name where it is declared
    layer: bool = False
    further: tuple[Output, ...] = ()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """All that it gives; the first is what a layer gives."""
        return (self.output, *self.further)

    _repr_svg_: ClassVar[Callable[[Cell], str | None]]  # as a notebook shows it: `dartsl.api.drawing` sets it

    @property
    def searched_edges(self) -> tuple[Edge, ...]:
        """The edges that have a row of alphas, in the order of the rows."""
        return tuple(edge for edge in self.edges if edge.searched)

    def called(self, edge: Edge) -> str:
        """What messages call one of its edges."""
        return f"the layer `{self.name}`" if self.layer else f"the {edge.called}"

    def place(self, part: str) -> str:
        """What reports call one of its parts: `cell normal, edge c0 -> n1`; a layer has none, `layer3`."""
        return self.name if self.layer else f"cell {self.name}, {part}"

    def incoming(self, node: str) -> tuple[Edge, ...]:
        """The edges into a node in the order in which it merges them: as written where its merge heeds the order,
        else in that of `edges`, by which sources stand in order of declaration in darts 1, and as written later."""
        edges = tuple(edge for edge in self.edges if edge.target == node)
        ordered = any(each.name == node and heeds_order(each.merge) for each in self.nodes)
        return tuple(sorted(edges, key=lambda edge: edge.written)) if ordered else edges

    @cached_property
    def merging(self) -> dict[str, Node]:
        """Of each node with operations after its merge, the node that merges."""
        return {node.of: node for node in self.nodes if node.of is not None}

    @cached_property
    def reordered(self) -> frozenset[str]:
        """The nodes that give something else than they would if they merged their edges in order of declaration.

        A `highway` is none: it knows the carry from the element.
        """
        names = (*(item.name for item in self.inputs), *(node.name for node in self.nodes))
        order = {name: place for place, name in enumerate(names)}
        heeding = (x.name for x in self.nodes if heeds_order(x.merge) and x.merge != "highway")
        merged = {name: self.incoming(name) for name in heeding}
        return frozenset(
            name
            for name, edges in merged.items()
            if list(edges) != sorted(edges, key=lambda edge: (edge.written[0], order[edge.source]))
        )


@dataclass(frozen=True)
class Stage:
    """A stage's layers expression (chain of cells and ops, repeated and strided) and its width."""

    layers: Expr
    width: Expr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Network:
    """A network. `cells` are the names of the cells that its stages use, in order of first use.

    `choices` has each layer of its stages that offers a choice, as it is written, and what it offers (darts 2). It is
    empty once these layers are laid out as cells (`dartsl.lang.plan.layer_choices`); `unlaid` is the network before.
    """

    name: str
    parameters: tuple[Parameter, ...]
    input: Call
    stems: tuple[Expr, ...]
    stages: tuple[Stage, ...]
    head: Expr
    cells: tuple[str, ...]
    span: Span = field(compare=False, repr=False)
    choices: tuple[tuple[Expr, tuple[Candidate, ...]], ...] = ()
    unlaid: Network | None = None

    @property
    def takes(self) -> type[Input]:
        """What kind of input it has."""
        return INPUTS[self.input.function.id]

    @property
    def outputs_parameter(self) -> str | None:
        """The parameter that is the width of the head's last `linear`, such as `classes`, if that is one."""
        last = self.head
        while isinstance(last, Chain):
            last = last.steps[-1]
        if not isinstance(last, Call) or last.function.id != "linear":
            return None
        given = matched((WIDTH, "bias", "share", "tie"), last).given.get(WIDTH)
        return self._parameter(None if given is None else given.value)

    @property
    def sizes_parameters(self) -> tuple[str | None, ...]:
        """Of each size of the input, the parameter that it is, such as `features`; None where it is none."""
        given = matched(self.takes.sizes, self.input).given
        return tuple(
            self._parameter(given[size].value if size in given else None) for size in self.takes.sizes
        )

    def _parameter(self, written: Syntax | None) -> str | None:
        """The parameter that an argument is, if it is one and nothing else."""
        known = {parameter.name.id for parameter in self.parameters}
        return written.id if isinstance(written, Name) and written.id in known else None


@dataclass(frozen=True, repr=False)
class Spec:
    """Everything that a root file and its imports say. `files` has the imported before the importer."""

    files: tuple[File, ...]
    operations: Mapping[str, Operation]
    choices: Mapping[str, tuple[Candidate, ...]]
    cells: Mapping[str, Cell]
    networks: Mapping[str, Network]
    search: Mapping[str, SettingLiteral]
    train: Mapping[str, SettingLiteral]
    warnings: tuple[Diagnostic, ...] = ()

    _repr_svg_: ClassVar[Callable[[Spec], str | None]]  # as a notebook shows it: `dartsl.api.drawing` sets it

    def __repr__(self) -> str:
        """Its name and what its root file declares: the whole tree would fill pages."""
        root = self.root.source
        declared = [f"cell {cell.name}" for cell in self.cells.values() if cell.span.source == root]
        declared += [f"network {each.name}" for each in self.networks.values() if each.span.source == root]
        return f"<Spec {root.name}: {', '.join(declared) or 'no cell and no network'}>"

    @property
    def root(self) -> File:
        return self.files[-1]

    def decided(self, network: Network) -> bool:
        """Whether no edge of any of the network's cells, and no layer, offers a choice (language rule 10)."""
        layers = any(len(offered) > 1 for _, offered in network.choices)
        return not layers and not any(self.cells[name].searched_edges for name in network.cells)
