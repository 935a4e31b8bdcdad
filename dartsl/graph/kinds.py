"""The kinds of application beside the primitives and merges of the language: those of a loop, and those of passes.

Each stands here with what the verifier and the reports need to know, and in `dartsl/nn/fused*.py` or
`dartsl/nn/text.py` under the same name with what it computes. A kind is an ordinary function of its inputs, of the
modules at the paths of its state, and, where it `mixes`, of the mixing weights of the table that its attribute
`table` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dartsl.graph import checks
from dartsl.graph.operations import Application, GraphInfo
from dartsl.lang.records.primitives import owner
from dartsl.lang.records.record import Record, Trait

# What the graph itself is built of, by name: its input, the choice of an edge, and how values come together.
INPUT, MIX, SUM, PRODUCT, CONCAT, IDENTITY = "input", "mix", "sum", "product", "concat", "identity"
SHUFFLE = "shuffle"  # what is mixed of an edge's channels, and what passes by, put together


@dataclass(frozen=True, kw_only=True)
class GraphKind(Record):
    """A kind of the graph alone. check: further faults, for the verifier."""

    check: checks.Check | None


def _kind(
    name: str,
    inputs: int | None,
    *traits: Trait,
    check: checks.Check | None = None,
    state: bool = False,
    random: bool = False,
) -> GraphKind:
    found = frozenset(traits)
    return GraphKind(
        name=name, inputs=inputs, state=state, random=random, traits=found, builder=name, check=check
    )


_SEPARABLE: tuple[Trait, ...] = ("convolution", "normalises", "overwritable")
KINDS: Mapping[str, GraphKind] = {
    kind.name: kind
    for kind in (
        # What enters the network, and the sum of an edge's candidates, weighted by the row `row` of `table`.
        _kind(INPUT, 0, "view", "opaque"),
        _kind(MIX, None, "pointwise", "vectorwise", "mixes", check=checks.same_batch),
        # The loop of a recurrent cell (dartsl/graph/recurrent.py): what enters the step of an element, all outputs (it
        # reads the next of each carry), and what carry `index` is after the last element.
        _kind("element", 1, "view", check=checks.elements),
        _kind("carry", 0, "view"),
        _kind("sequence", None, check=checks.sequence),
        _kind("carried", 1, "view", check=checks.carried),
        # The mask of one pass over a sequence: 0 with the chance `p`, else 1 / (1 - p).
        _kind("dropout_mask", 1, check=checks.masks, random=True),
        # (element, carry, carry past the matrix): s0 of method.md.
        _kind("highway", 3, state=True, check=checks.highway),
        # What a network of text gives: logits, outputs, dropped outputs, and the sequences whose ends are carried on.
        _kind("bundle", None, "view"),
        # Mixing weights of a table, a tensor for each row of entries (a weight for each vector of a stack), and the
        # sum of all rows; and the matrices of modules side by side (`rows`: some of a highway's).
        _kind("factors", 0, "mixes"),
        _kind("weights", 0, state=True),
        # (start, gate, factors, ends ..): the sum of the lerps to all ends, each times its mixing weight.
        _kind("mixed_lerp", None, "stackable"),
        # Vectors stacked, as a batch of vectors; and the sum of a stack, with `factors` or without.
        _kind("gather", None, check=checks.gathered),
        _kind("batch_sum", None, check=checks.summed),
        # (vector, weights), or (vector, weights, what is added).
        _kind("multiply", None, "vectorwise", check=checks.multiplied),
        # (highway's product, carry past the matrix).
        _kind("gates", 2, check=checks.same_batch),
        # The memory layout of what follows: `format`, contiguous or channels_last.
        _kind("layout", 1, check=checks.same_shape),
        # The merge `concat` of images of one size, whose gradient comes back as images of their own.
        _kind("side_by_side", None, check=checks.beside),
        # A ReLU that writes over its input, which nothing else reads.
        _kind("relu_in_place", 1, check=checks.same_shape),
        # Every `stride`-th pixel, from the first: the image that a strided convolution with a 1 x 1 kernel sees.
        _kind("subsample", 1, check=checks.strided),
        # The phases of the image, `factor` (down, across) of them, moved into the batch: phase-major, the phase
        # of pixel (y, x) being (y % down) * across + x % across. And back.
        _kind("space_to_batch", 1, check=checks.to_batch),
        _kind("batch_to_space", 1, check=checks.from_batch),
        # The convolution of a module's weight with another geometry: `stride`, `padding`, `dilation` (pairs), `groups`.
        _kind("convolution", 1, "convolution", state=True, check=checks.same_batch),
        # Batch norm without affine, times the mixing weight at `row`, `column` of `table`.
        _kind(
            "scaled_bn",
            1,
            "pointwise",
            "normalises",
            "overwritable",
            "mixes",
            state=True,
            check=checks.same_shape,
        ),
        # The sum of all inputs, input i times the mixing weight at entries[i] = (row, column); (): as it is.
        _kind("combine", None, "pointwise", "vectorwise", "adds", "mixes", check=checks.combined),
        # Several such sums of the same inputs: result r has input i times the mixing weight at entries[r][i].
        _kind("blend", None, "mixes", check=checks.blended),
        # Result `index` of a `blend`, `split` or `pooled`.
        _kind("piece", 1, "vectorwise", "view", check=checks.same_batch),
        # The image `times` times, as channels side by side; and the channels in parts of `sizes`.
        _kind("repeat", 1, check=checks.repeated),
        _kind("split", 1, "vectorwise", "view", check=checks.split),
        # (mixed, rest): channels side by side as K parts, the width of the first, in turn one channel of each part.
        _kind(SHUFFLE, 2, check=checks.shuffled),
        # Batch norms without affine on channels side by side; and such ones, each times the mixing weight at its entry.
        _kind("bn_stack", 1, "normalises", "overwritable", state=True, check=checks.same_shape),
        _kind(
            "scaled_bn_stack", 1, "normalises", "overwritable", "mixes", state=True, check=checks.same_shape
        ),
        # Members side by side, each of stages [ReLU] > depthwise > pointwise > batch norm, rows of `stages`: (ReLU,
        # kernel, stride, padding, dilation, width). Member m reads block sources[m] of the channels; and such ones,
        # each times the mixing weight at its entry.
        _kind("separable", 1, *_SEPARABLE, state=True, check=checks.separable),
        _kind("scaled_separable", 1, *_SEPARABLE, "mixes", state=True, check=checks.separable),
        # The sum of such ones, `chains` of rows (stages, sources, terms): the channels of each in so many terms.
        _kind("separable_sum", None, *_SEPARABLE, state=True, check=checks.separable_sum),
        _kind("scaled_separable_sum", None, *_SEPARABLE, "mixes", state=True, check=checks.separable_sum),
        # Pools of odd side `k`, `pools` of rows (kind, modules of the batch norm after it), as results one by one; and
        # such ones, each times the mixing weight at its entry.
        _kind("pooled", 1, "normalises", state=True, check=checks.pooled),
        _kind("scaled_pooled", 1, "normalises", "mixes", state=True, check=checks.pooled),
        # What only a search needs: dropout after a skip connection.
        _kind("skip_dropout", 1, random=True, check=checks.same_shape),
        # What only training needs: an image dropped with a probability, and means over `kernel` at `stride`, unpadded.
        _kind("drop_path", 1, random=True, check=checks.same_shape),
        _kind("window_pool", 1, check=checks.windowed),
    )
}


def kind_of(applied: Application) -> Record:
    """The record of an application's kind; that of a plugin, where there is none of its name."""
    return KINDS.get(applied.kind) or owner(applied.kind)


def is_plain_norm(applied: Application, record: GraphInfo) -> bool:
    """Whether this is a batch norm of the language, or several, without parameters: all such compute the same."""
    specs = [record.modules[path] for path in applied.state]
    return kind_of(applied).has("batch_norm") and all(owner(x.primitive).parameters(x) == 0 for x in specs)
