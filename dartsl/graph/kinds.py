"""The kinds of application beside the primitives and merges of the language: those of a loop, and those of passes.

Each stands here with what the verifier and the reports need to know, and in `dartsl/nn/fused*.py` or
`dartsl/nn/text.py` under the same name with what it computes. A kind is an ordinary function of its inputs, of the
modules at the paths of its state, and, where it `mixes`, of the mixing weights of the table that its attribute
`table` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dartsl.graph.operations import Application, GraphInfo, Value
from dartsl.lang.primitives import owner
from dartsl.lang.records import Record, Trait

STAGE = 3  # modules of a stage of a separable convolution: depthwise, pointwise, batch norm
# What the graph itself is built of, by name: its input, the choice of an edge, and how values come together.
INPUT, MIX, SUM, PRODUCT, CONCAT, IDENTITY = "input", "mix", "sum", "product", "concat", "identity"
SHUFFLE = "shuffle"  # what is mixed of an edge's channels, and what passes by, put together

# What is wrong with an application, given the shapes and the batch factors of its inputs.
Check = Callable[[Application, list[tuple[int, ...]], list[int]], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class GraphKind(Record):
    """A kind of the graph alone. check: further faults, for the verifier."""

    check: Check | None


def _same_batch(applied: Application, batches: list[int]) -> Iterator[str]:
    one_for_all = {1} if len(applied.shape) == 1 else set()  # a vector meets each of a stack
    if set(batches) - one_for_all != {applied.batch} - one_for_all:
        yield f"batches of {batches} times the images give {applied.batch}"


def same_shape(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    """Every input has the shape of the output."""
    if set(shapes) != {applied.shape}:
        yield f"{applied.kind} of {shapes} gives {applied.shape}"
    yield from _same_batch(applied, batches)


def same_batch(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    """Every input has as many images as the output."""
    yield from _same_batch(applied, batches)


def _combined(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    entries = applied.attribute("entries")
    if not isinstance(entries, tuple) or len(entries) != len(shapes):
        yield f"{len(shapes)} inputs for the entries {entries}"
    if any(shape[0] != applied.shape[0] for shape in shapes):
        yield f"widths of {shapes} are combined to {applied.shape[0]}"
    if {shape[1:] for shape in shapes} - {(1, 1), applied.shape[1:]} or applied.shape not in shapes:
        yield f"{shapes} are combined to {applied.shape}"
    yield from _same_batch(applied, batches)


def _blended(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    entries = applied.attribute("entries")
    if not isinstance(entries, tuple) or any(
        not isinstance(row, tuple) or len(row) != len(shapes) or () in row for row in entries
    ):
        yield f"{len(shapes)} inputs for the entries {entries}"
    yield from same_shape(applied, shapes, batches)


def _strided(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    down, across = factors(applied, "stride")
    width, height, breadth = shapes[0]
    if applied.shape != (width, -(-height // down), -(-breadth // across)):
        yield f"{shapes[0]} subsampled by {down} x {across} gives {applied.shape}"
    yield from _same_batch(applied, batches)


def _windowed(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    width, *sizes = shapes[0]
    geometry = zip(sizes, factors(applied, "kernel"), factors(applied, "stride"), strict=True)
    if applied.shape != (width, *((size - kernel) // stride + 1 for size, kernel, stride in geometry)):
        yield f"the windows of {shapes[0]} give {applied.shape}"
    yield from _same_batch(applied, batches)


def _to_batch(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    yield from _moved(applied.shape, applied.batch, shapes[0], batches[0], factors(applied, "factor"))


def _from_batch(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    yield from _moved(shapes[0], batches[0], applied.shape, applied.batch, factors(applied, "factor"))


def _moved(
    phase: tuple[int, ...], phases: int, image: tuple[int, ...], images: int, factor: tuple[int, int]
) -> Iterator[str]:
    down, across = factor
    if (phase[0], phase[1] * down, phase[2] * across) != image or phases != images * down * across:
        yield f"{images} x {image} and {phases} x {phase} are not phases of one another by {down} x {across}"


def _repeated(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    times = applied.attribute("times")
    if not isinstance(times, int) or (times * shapes[0][0], *shapes[0][1:]) != applied.shape:
        yield f"{shapes[0]} {times} times gives {applied.shape}"
    yield from _same_batch(applied, batches)


def _beside(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    sizes, width = {shape[1:] for shape in shapes}, sum(shape[0] for shape in shapes)
    if sizes != {applied.shape[1:]} or width != applied.shape[0]:
        yield f"{shapes} side by side give {applied.shape}"
    yield from _same_batch(applied, batches)


def _split(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    sizes = applied.attribute("sizes")
    if not isinstance(sizes, tuple) or sum(size for size in sizes if isinstance(size, int)) != shapes[0][0]:
        yield f"{shapes[0]} is split into {sizes}"
    yield from same_shape(applied, shapes, batches)


def _shuffled(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    yield from _beside(applied, shapes, batches)
    if applied.shape[0] % shapes[0][0] or len(applied.shape) != 3:
        yield f"{shapes} are shuffled as parts of {shapes[0][0]} channels"


def _separable(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    rows, sources = applied.attribute("stages"), applied.attribute("sources")
    if not isinstance(rows, tuple) or not isinstance(sources, tuple):
        yield f"stages {rows} of members that read {sources}"
        return
    blocks = [source for source in sources if isinstance(source, int)]
    width, *sizes = shapes[0]
    for row in rows:
        match row:
            case (bool(), kernel, stride, padding, dilation, int() as width):
                pairs = (pair(value, applied.kind) for value in (kernel, stride, padding, dilation))
                geometry = zip(sizes, *pairs, strict=True)
                sizes = [(n + 2 * pad - wide * (k - 1) - 1) // step + 1 for n, k, step, pad, wide in geometry]
            case _:
                yield f"a stage {row}"
    if len(blocks) != len(sources) or blocks != sorted(blocks) or set(blocks) != set(range(max(blocks) + 1)):
        yield f"members read {sources}"
    if applied.shape != (len(sources) * width, *sizes) or shapes[0][0] % (max(blocks) + 1):
        yield f"{len(sources)} members, which read {sources} of {shapes[0]}, give {applied.shape}"
    if len(applied.state) != STAGE * len(rows) * len(sources):
        yield f"{len(applied.state)} modules for {len(rows)} stages of {len(sources)} members"
    yield from _same_batch(applied, batches)


def _separable_sum(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    """Each chain as it would be alone, and its parts."""
    chains, start = applied.attribute("chains"), 0
    if not isinstance(chains, tuple) or len(chains) != len(shapes):
        yield f"chains {chains} of {len(shapes)} inputs"
        return
    for chain, shape, batch in zip(chains, shapes, batches, strict=True):
        match chain:
            case (tuple() as rows, tuple() as sources, int() as terms):
                end = start + STAGE * len(rows) * len(sources)
                alone = Application(
                    "separable",
                    (("stages", rows), ("sources", sources)),
                    applied.inputs[:1],
                    (terms * applied.shape[0], *applied.shape[1:]),
                    applied.layer,
                    applied.state[start:end],
                    batch=applied.batch,
                )
                yield from _separable(alone, [shape], [batch])
                start = end
            case _:
                yield f"a chain {chain}"
    if start != len(applied.state):
        yield f"{len(applied.state)} modules for chains of {start}"


def _pooled(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    pools, (width, *sizes) = applied.attribute("pools"), shapes[0]
    modules = []
    for row in pools if isinstance(pools, tuple) else ():
        match row:
            case (str(), int() as count) if count > 0:
                modules.append(count)
            case _:
                yield f"a pool {row}"
    sides = zip(sizes, factors(applied, "stride"), strict=True)
    if applied.shape != (len(modules) * width, *((side - 1) // step + 1 for side, step in sides)):
        yield f"{len(modules)} pools of {shapes[0]} give {applied.shape}"
    if len(applied.state) != sum(modules):
        yield f"{len(applied.state)} batch norms for the pools {pools}"
    yield from _same_batch(applied, batches)


def _elements(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if len(shapes[0]) != 2 or applied.shape != shapes[0][:1]:
        yield f"an element of {shapes[0]} is {applied.shape}"


def _sequence(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if len(applied.shape) != 2 or applied.shape[:1] != shapes[0]:
        yield f"a sequence of {shapes[0]} is {applied.shape}"
    yield from _same_batch(applied, batches)


def _masks(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if len(shapes[0]) != 2 or applied.shape != (applied.attribute("channels"),):
        yield f"a mask of {applied.attribute('channels')} channels for {shapes[0]} is {applied.shape}"
    if applied.random is None:
        yield "a mask without a key for its draws"


def _highway(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if shapes[1:] != [applied.shape] * 2 or len(applied.shape) != 1 or len(shapes[0]) != 1:
        yield f"a highway of {shapes} gives {applied.shape}"
    yield from _same_batch(applied, batches)


def _gathered(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if set(shapes) != {applied.shape} or set(batches) != {1} or len(shapes) != applied.batch:
        yield f"{shapes} of batches {batches} are stacked to {applied.batch} x {applied.shape}"


def _summed(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if shapes[0] != applied.shape or applied.batch != 1 or batches[0] < 2:
        yield f"{batches[0]} x {shapes[0]} are added up to {applied.batch} x {applied.shape}"


def _multiplied(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    vector, matrix, *added = shapes
    if (*applied.shape, *vector) != matrix or any(shape != applied.shape for shape in added):
        yield f"{vector} times {matrix} gives {applied.shape}"
    if applied.batch != batches[0] or (added and applied.batch != 1):
        yield f"batches of {batches} give {applied.batch}"


def factors(applied: Application, name: str) -> tuple[int, int]:
    """A pair of whole numbers (down, across) among the attributes. Raises TypeError for anything else."""
    return pair(applied.attribute(name), f"{applied.kind}: {name}")


def pair(value: Value, what: str) -> tuple[int, int]:
    """A value that is a pair of whole numbers (down, across). Raises TypeError for anything else."""
    match value:
        case (int() as down, int() as across):
            return down, across
    raise TypeError(f"{what} is {value!r}, no pair of numbers")


def _kind(
    name: str,
    inputs: int | None,
    *traits: Trait,
    check: Check | None = None,
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
        _kind(MIX, None, "pointwise", "vectorwise", "mixes", check=same_batch),
        # The loop of a recurrent cell (dartsl/graph/recurrent.py): what enters the step of an element, and all outputs.
        _kind("element", 1, "view", check=_elements),
        _kind("carry", 0, "view"),
        _kind("sequence", 1, check=_sequence),
        # The mask of one pass over a sequence: 0 with the chance `p`, else 1 / (1 - p).
        _kind("dropout_mask", 1, check=_masks, random=True),
        # (element, carry, carry past the matrix): s0 of method.md.
        _kind("highway", 3, state=True, check=_highway),
        # What a network of text gives: logits, outputs, dropped outputs, and the sequences whose ends are carried on.
        _kind("bundle", None, "view"),
        # Mixing weights of a table, a tensor for each row of entries (a weight for each vector of a stack), and the
        # sum of all rows; and the matrices of modules side by side (`rows`: some of a highway's).
        _kind("factors", 0, "mixes"),
        _kind("weights", 0, state=True),
        # (start, gate, factors, ends ..): the sum of the lerps to all ends, each times its mixing weight.
        _kind("mixed_lerp", None, "stackable"),
        # Vectors stacked, as a batch of vectors; and the sum of a stack, with `factors` or without.
        _kind("gather", None, check=_gathered),
        _kind("batch_sum", None, check=_summed),
        # (vector, weights), or (vector, weights, what is added).
        _kind("multiply", None, "vectorwise", check=_multiplied),
        # (highway's product, carry past the matrix).
        _kind("gates", 2, check=same_batch),
        # The memory layout of what follows: `format`, contiguous or channels_last.
        _kind("layout", 1, check=same_shape),
        # The merge `concat` of images of one size, whose gradient comes back as images of their own.
        _kind("side_by_side", None, check=_beside),
        # A ReLU that writes over its input, which nothing else reads.
        _kind("relu_in_place", 1, check=same_shape),
        # Every `stride`-th pixel, from the first: the image that a strided convolution with a 1 x 1 kernel sees.
        _kind("subsample", 1, check=_strided),
        # The phases of the image, `factor` (down, across) of them, moved into the batch: phase-major, the phase
        # of pixel (y, x) being (y % down) * across + x % across. And back.
        _kind("space_to_batch", 1, check=_to_batch),
        _kind("batch_to_space", 1, check=_from_batch),
        # The convolution of a module's weight with another geometry: `stride`, `padding`, `dilation` (pairs), `groups`.
        _kind("convolution", 1, "convolution", state=True, check=same_batch),
        # Batch norm without affine, times the mixing weight at `row`, `column` of `table`.
        _kind(
            "scaled_bn", 1, "pointwise", "normalises", "overwritable", "mixes", state=True, check=same_shape
        ),
        # The sum of all inputs, input i times the mixing weight at entries[i] = (row, column); (): as it is.
        _kind("combine", None, "pointwise", "vectorwise", "adds", "mixes", check=_combined),
        # Several such sums of the same inputs: result r has input i times the mixing weight at entries[r][i].
        _kind("blend", None, "mixes", check=_blended),
        # Result `index` of a `blend`, `split` or `pooled`.
        _kind("piece", 1, "vectorwise", "view", check=same_batch),
        # The image `times` times, as channels side by side; and the channels in parts of `sizes`.
        _kind("repeat", 1, check=_repeated),
        _kind("split", 1, "vectorwise", "view", check=_split),
        # (mixed, rest): channels side by side as K parts, the width of the first, in turn one channel of each part.
        _kind(SHUFFLE, 2, check=_shuffled),
        # Batch norms without affine on channels side by side; and such ones, each times the mixing weight at its entry.
        _kind("bn_stack", 1, "normalises", "overwritable", state=True, check=same_shape),
        _kind("scaled_bn_stack", 1, "normalises", "overwritable", "mixes", state=True, check=same_shape),
        # Members side by side, each of stages [ReLU] > depthwise > pointwise > batch norm, rows of `stages`: (ReLU,
        # kernel, stride, padding, dilation, width). Member m reads block sources[m] of the channels; and such ones,
        # each times the mixing weight at its entry.
        _kind("separable", 1, *_SEPARABLE, state=True, check=_separable),
        _kind("scaled_separable", 1, *_SEPARABLE, "mixes", state=True, check=_separable),
        # The sum of such ones, `chains` of rows (stages, sources, terms): the channels of each in so many terms.
        _kind("separable_sum", None, *_SEPARABLE, state=True, check=_separable_sum),
        _kind("scaled_separable_sum", None, *_SEPARABLE, "mixes", state=True, check=_separable_sum),
        # Pools of odd side `k`, `pools` of rows (kind, modules of the batch norm after it), as results one by one; and
        # such ones, each times the mixing weight at its entry.
        _kind("pooled", 1, "normalises", state=True, check=_pooled),
        _kind("scaled_pooled", 1, "normalises", "mixes", state=True, check=_pooled),
        # What only a search needs: dropout after a skip connection.
        _kind("skip_dropout", 1, random=True, check=same_shape),
        # What only training needs: an image dropped with a probability, and means over `kernel` at `stride`, unpadded.
        _kind("drop_path", 1, random=True, check=same_shape),
        _kind("window_pool", 1, check=_windowed),
    )
}


def kind_of(applied: Application) -> Record:
    """The record of an application's kind; that of a plugin, where there is none of its name."""
    return KINDS.get(applied.kind) or owner(applied.kind)


def is_plain_norm(applied: Application, record: GraphInfo) -> bool:
    """Whether this is a batch norm of the language, or several, without parameters: all such compute the same."""
    specs = [record.modules[path] for path in applied.state]
    return kind_of(applied).has("batch_norm") and all(owner(x.primitive).parameters(x) == 0 for x in specs)
