"""What must hold of the shapes and batches of applications of the kinds that are no primitives, for the verifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dartsl.graph.operations import Application, Value

STAGE = 3  # modules of a stage of a separable convolution: depthwise, pointwise, batch norm

# What is wrong with an application, given the shapes and the batch factors of its inputs.
Check = Callable[[Application, list[tuple[int, ...]], list[int]], Iterator[str]]


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


def combined(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    entries = applied.attribute("entries")
    if not isinstance(entries, tuple) or len(entries) != len(shapes):
        yield f"{len(shapes)} inputs for the entries {entries}"
    if any(shape[0] != applied.shape[0] for shape in shapes):
        yield f"widths of {shapes} are combined to {applied.shape[0]}"
    if {shape[1:] for shape in shapes} - {(1, 1), applied.shape[1:]} or applied.shape not in shapes:
        yield f"{shapes} are combined to {applied.shape}"
    yield from _same_batch(applied, batches)


def blended(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    entries = applied.attribute("entries")
    if not isinstance(entries, tuple) or any(
        not isinstance(row, tuple) or len(row) != len(shapes) or () in row for row in entries
    ):
        yield f"{len(shapes)} inputs for the entries {entries}"
    yield from same_shape(applied, shapes, batches)


def strided(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    down, across = factors(applied, "stride")
    width, height, breadth = shapes[0]
    if applied.shape != (width, -(-height // down), -(-breadth // across)):
        yield f"{shapes[0]} subsampled by {down} x {across} gives {applied.shape}"
    yield from _same_batch(applied, batches)


def windowed(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    width, *sizes = shapes[0]
    geometry = zip(sizes, factors(applied, "kernel"), factors(applied, "stride"), strict=True)
    if applied.shape != (width, *((size - kernel) // stride + 1 for size, kernel, stride in geometry)):
        yield f"the windows of {shapes[0]} give {applied.shape}"
    yield from _same_batch(applied, batches)


def to_batch(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    yield from _moved(applied.shape, applied.batch, shapes[0], batches[0], factors(applied, "factor"))


def from_batch(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    yield from _moved(shapes[0], batches[0], applied.shape, applied.batch, factors(applied, "factor"))


def _moved(
    phase: tuple[int, ...], phases: int, image: tuple[int, ...], images: int, factor: tuple[int, int]
) -> Iterator[str]:
    down, across = factor
    if (phase[0], phase[1] * down, phase[2] * across) != image or phases != images * down * across:
        yield f"{images} x {image} and {phases} x {phase} are not phases of one another by {down} x {across}"


def repeated(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    times = applied.attribute("times")
    if not isinstance(times, int) or (times * shapes[0][0], *shapes[0][1:]) != applied.shape:
        yield f"{shapes[0]} {times} times gives {applied.shape}"
    yield from _same_batch(applied, batches)


def beside(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    sizes, width = {shape[1:] for shape in shapes}, sum(shape[0] for shape in shapes)
    if sizes != {applied.shape[1:]} or width != applied.shape[0]:
        yield f"{shapes} side by side give {applied.shape}"
    yield from _same_batch(applied, batches)


def split(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    sizes = applied.attribute("sizes")
    if not isinstance(sizes, tuple) or sum(size for size in sizes if isinstance(size, int)) != shapes[0][0]:
        yield f"{shapes[0]} is split into {sizes}"
    yield from same_shape(applied, shapes, batches)


def shuffled(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    yield from beside(applied, shapes, batches)
    if applied.shape[0] % shapes[0][0] or len(applied.shape) != 3:
        yield f"{shapes} are shuffled as parts of {shapes[0][0]} channels"


def separable(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
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


def separable_sum(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
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
                yield from separable(alone, [shape], [batch])
                start = end
            case _:
                yield f"a chain {chain}"
    if start != len(applied.state):
        yield f"{len(applied.state)} modules for chains of {start}"


def pooled(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
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


def elements(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if len(shapes[0]) != 2 or applied.shape != shapes[0][:1]:
        yield f"an element of {shapes[0]} is {applied.shape}"


def sequence(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if len(applied.shape) != 2 or any(applied.shape[:1] != shape for shape in shapes):
        yield f"a sequence of {', '.join(map(str, shapes))} is {applied.shape}"
    yield from _same_batch(applied, batches)


def carried(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if len(shapes[0]) != 2 or applied.shape != shapes[0][:1]:
        yield f"what is carried of {shapes[0]} is {applied.shape}"


def masks(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if len(shapes[0]) != 2 or applied.shape != (applied.attribute("channels"),):
        yield f"a mask of {applied.attribute('channels')} channels for {shapes[0]} is {applied.shape}"
    if applied.random is None:
        yield "a mask without a key for its draws"


def highway(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if shapes[1:] != [applied.shape] * 2 or len(applied.shape) != 1 or len(shapes[0]) != 1:
        yield f"a highway of {shapes} gives {applied.shape}"
    yield from _same_batch(applied, batches)


def gathered(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if set(shapes) != {applied.shape} or set(batches) != {1} or len(shapes) != applied.batch:
        yield f"{shapes} of batches {batches} are stacked to {applied.batch} x {applied.shape}"


def summed(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
    if shapes[0] != applied.shape or applied.batch != 1 or batches[0] < 2:
        yield f"{batches[0]} x {shapes[0]} are added up to {applied.batch} x {applied.shape}"


def multiplied(applied: Application, shapes: list[tuple[int, ...]], batches: list[int]) -> Iterator[str]:
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
