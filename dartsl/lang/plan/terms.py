"""What a spec becomes when widths, strides and image sizes are known: trees of primitive steps, a layer at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from dartsl.lang.check.model import Cell, Network
from dartsl.lang.codes.source import Span
from dartsl.lang.records.inputs import Input
from dartsl.lang.records.record import Argument as Argument
from dartsl.lang.records.tensors import Shape


@dataclass(frozen=True)
class Step:
    """One application of a primitive.

    `arguments` are evaluated, with defaults filled in, in the order of the signature (`bn` has the one
    argument `affine`). `stride` is (down, across).

    `share` names the place of a `linear` with share = "target" below its node: the calls that lead there and the
    step itself, each with its number from the second of a name on, e.g. `gate.linear_2`. Steps into one node with
    the same name have one matrix (language rule 19).

    `mixing` says that it is there only while the network has choices: it was written `mix_bn`.
    """

    primitive: str
    arguments: tuple[tuple[str, Argument], ...]
    stride: tuple[int, int]
    input: Shape
    output: Shape
    span: Span = field(compare=False, repr=False)
    share: str = ""
    mixing: bool = False

    def argument(self, name: str) -> Argument:
        return dict(self.arguments)[name]


@dataclass(frozen=True)
class Sequence:
    """Terms one after another; never empty, never nested in another Sequence."""

    terms: tuple[Term, ...]

    @property
    def output(self) -> Shape:
        return self.terms[-1].output


@dataclass(frozen=True)
class Merge:
    """Parallel branches on one input, merged: sum, concat, mean, product or lerp (see language rule 4)."""

    kind: str
    branches: tuple[Term, ...]
    output: Shape


@dataclass(frozen=True)
class CellTerm:
    """A cell that stands as an operation (darts 2): at its place, which has no name of its own, on an input of shape
    `input`. Its alphas are those of the cell's name. `size` counts the primitives and merges in it."""

    use: CellLayer
    input: Shape
    size: int
    span: Span = field(compare=False, repr=False)

    @property
    def output(self) -> Shape:
        return self.use.output


Term = Step | Sequence | Merge | CellTerm


@dataclass(frozen=True)
class Scan:
    """How a cell runs along a sequence (language rule 19).

    `carries` name the inputs that hold the outputs of the step before, in order; the other one is the element. The
    dropouts are the parts set to zero, by one mask for a whole sequence: `dropout_x` of the element where it enters the
    highway's matrix, `dropout_h` of the carry there and of all that enters a shared matrix. With `linears` (darts 2)
    both act where the element and the first carry enter a matrix that is not shared, too.
    """

    carries: tuple[str, ...]
    dropout_x: float
    dropout_h: float
    linears: bool = False


@dataclass(frozen=True)
class CellLayer:
    """A cell at one place of the network, with the term of each part of it: a layer, or what stands within another.

    `reads` names what each cell input takes: an earlier layer, oldest first. `inputs` and `input_shapes`
    run along `cell.inputs` (None: no operation; the shape is the one after the operation), `edges` along
    `cell.edges` (one term a candidate), `node_shapes` along `cell.nodes`.
    `node_bn` and `output_bn` (along `cell.outputs`) say that a batch norm without affine stands after that merge.

    `narrow` has the terms of a search with partial channels: of each edge that offers a choice those of its candidates
    on the channels that they are given, of others none. Where nothing is partial it is empty.

    With `scan`, the cell runs along the sequence that its one entry of `reads` gives: its inputs are the element and
    the carries in any order, without operations; input and node shapes are vectors, `output` is the sequence of all
    first outputs. The others are vectors as wide.
    """

    name: str
    cell: Cell
    width: int
    stride: int
    reads: tuple[str, ...]
    inputs: tuple[Term | None, ...]
    input_shapes: tuple[Shape, ...]
    edges: tuple[tuple[Term, ...], ...]
    node_shapes: tuple[Shape, ...]
    node_bn: tuple[bool, ...]
    output_bn: tuple[bool, ...]
    output: Shape
    scan: Scan | None = None
    narrow: tuple[tuple[Term, ...], ...] = ()

    @property
    def built(self) -> tuple[tuple[Term, ...], ...]:
        """The terms of each edge as they are built: those of `narrow` where there are some."""
        pairs = zip(self.edges, self.narrow or ((),) * len(self.edges), strict=True)
        return tuple(narrow or whole for whole, narrow in pairs)

    def terms(self) -> Iterator[Term]:
        """The terms of its inputs, and of its edges as they are built."""
        yield from (term for term in self.inputs if term is not None)
        for offered in self.built:
            yield from offered

    def within(self) -> Iterator[CellLayer]:
        """The cells that stand in it as operations, and those within them, each as often as it stands."""
        for term in self.terms():
            for use in held(term):
                yield use
                yield from use.within()


@dataclass(frozen=True)
class TermLayer:
    """A stem, a head, or an operation used as a layer of a stage. `reads` is one layer, or the input."""

    name: str
    kind: Literal["stem", "op", "head"]
    reads: tuple[str]
    term: Term
    output: Shape


Layer = CellLayer | TermLayer


@dataclass(frozen=True)
class Plan:
    """A network with every width and size known.

    Layers are named stem0.., layer0.., head. `input` is what enters, and layers read it by its `word`. With `partial`
    above 1, edges that offer a choice mix one of so many parts of their channels (`CellLayer.narrow`).
    """

    network: Network
    parameters: Mapping[str, Fraction]
    decided: bool
    input: Input
    layers: tuple[Layer, ...]
    stages: tuple[str, ...] = ()  # the first layer of each stage
    partial: int = 1

    @property
    def classes(self) -> int:
        """The width of the head's output: the classes of images, or the words of a vocabulary."""
        return self.layers[-1].output.channels

    def cells(self) -> tuple[Cell, ...]:
        """Each cell of the network once, in order of first use."""
        found: dict[str, Cell] = {}
        for use in self.uses():
            found.setdefault(use.cell.name, use.cell)
        return tuple(found.values())

    def nested(self) -> tuple[str, str] | None:
        """The names of the first cell that holds another, and of that one; None where none does."""
        for layer in self.layers:
            if isinstance(layer, CellLayer):
                for use in layer.within():
                    return layer.cell.name, use.cell.name
        return None

    def uses(self) -> Iterator[CellLayer]:
        """Every place where a cell stands: as a layer, and before the next layer all that stand within it."""
        for layer in self.layers:
            if isinstance(layer, CellLayer):
                yield layer
                yield from layer.within()


def held(term: Term) -> Iterator[CellLayer]:
    """The cells that stand in a term, without those within them."""
    if isinstance(term, CellTerm):
        yield term.use
    elif not isinstance(term, Step):
        for part in term.terms if isinstance(term, Sequence) else term.branches:
            yield from held(part)
