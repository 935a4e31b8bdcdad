"""A spec in numbers: how much there is to choose in its cells, and what one of its networks costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from dartsl.api.arguments import require
from dartsl.api.jobs import beside, job_of
from dartsl.api.specs import Parameters, Plugins, SpecLike, check, root_networks
from dartsl.lang.check.model import Cell, Spec
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.plan.terms import Plan
from dartsl.lang.records.inputs import Images, Tokens
from dartsl.lang.settings.values import SearchConfig, search_config
from dartsl.nn.build import DEFAULT, Build
from dartsl.nn.plugin_files import Files
from dartsl.run.job import Job

if TYPE_CHECKING:
    import networkx as nx

    from dartsl.graph.unused import Unused

NO_IMPLEMENTATION = "E0411"
DEVICES = ("cpu", "cuda")  # that memory is estimated for
ASSUMED = (
    "cudnn's workspaces are assumed; CUDA's context, about 0.5 GiB, and the data set come on top"  # on a GPU
)


@dataclass(frozen=True)
class CellInfo:
    """One cell as it is written: how much there is in it, and how much there is to choose.

    `searched_nodes` offer a choice after their merge. `candidates` are those of all searched edges and nodes together;
    `space_size` is the number of cells that
    discretisation can give. A `layer` that offers a choice counts as a cell of one edge.
    """

    name: str
    inputs: int
    nodes: int
    edges: int
    searched_edges: int
    searched_nodes: int
    candidates: int
    space_size: int
    layer: bool = False


@dataclass(frozen=True)
class Info:
    """A spec in numbers; without a network, only its cells.

    parameters      of the network, alphas and those of `extern op`s left out
    multiply_adds   of its convolutions and linear layers, for one image or one word, as far as they run
    unused          parameters and multiply-adds that never run: nothing leads from them to the output
    space_size      the number of networks that discretisation can give
    memory_bytes    of one search step at its peak, for `batch` images from each half (or rows of text, a
                    window long) and the alpha gradient
                    of `order`, at the `level` of optimisation and with `memory` (normal, or low:
                    layers computed again); None where an `extern op` has no implementation here, or
                    `memory` is none: the estimate was not asked for
    device          that the memory is estimated for: `cpu` or `cuda`
    window          words (or characters) of a window; None for images
    vocabulary      how many of them the network knows; None for images
    unit            what multiply-adds are counted for: an `image`, a `word`
    stage           of a search in stages: which one, from 1, takes that memory, and of how many
    found           of a network of images that offers a choice: the least and the most `parameters` and
                    `multiply_adds` of what can be derived from it, and what it costs by a file; None of others
    """

    cells: tuple[CellInfo, ...]
    space_size: int
    network: str | None = None
    values: Mapping[str, Fraction] | None = None
    layers: int | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    memory_bytes: int | None = None
    batch: int | None = None
    order: str | None = None
    level: int | None = None
    memory: str | None = None
    device: str = "cpu"
    window: int | None = None
    vocabulary: int | None = None
    unused: Unused | None = None
    unit: str | None = None
    found: Mapping[str, tuple[float, float]] | None = None
    stage: tuple[int, int] | None = None


def info(
    spec: SpecLike,
    network: str | None = None,
    parameters: Parameters | None = None,
    *,
    batch: int | None = None,
    order: str | int | None = None,
    level: int | None = None,
    memory: str | None = None,
    device: str = "cpu",
    partial: int | None = None,
    cost: str | Path | None = None,
    plugins: Plugins = (),
) -> Info:
    """The size of a search space, and the parameters, multiply-adds and memory of one of its networks.

    `batch` (images per step, from each half), `order` (of the alpha gradient), `level` (of optimisation) and `memory`
    (normal or low) are for the memory, in bytes; `partial`, the parts of the channels of which one is mixed, is for all
    numbers of the network. The spec's settings are their defaults. `device` is `cpu` or `cuda`, which need not be
    there: of a GPU the workspaces of cudnn are assumed. With memory = "none" it is left out: all else takes no
    torch and no seconds. `cost` is a file of costs (`dartsl latency`): the range of what can be found is given by it,
    too. A spec without a network has its cells alone.
    Raises SpecError, UserError.
    """
    from dartsl.run.beside import allowed

    if device not in DEVICES:
        raise UserError(f"no memory is estimated for the device `{device}`", "take cpu or cuda", exit_code=2)
    estimated = None if memory == "none" else memory
    asked = {"batch": batch, "order": order, "level": level, "memory": estimated, "partial": partial}
    require(**{name: value for name, value in asked.items() if value is not None}, plugins=plugins)
    checked = check(spec)
    job = _job(checked, network, parameters)
    config = search_config(Images, {}) if job is None else search_config(job.picked().takes, checked.search)
    config = config if partial is None else replace(config, partial=int(partial))
    planned = None if job is None else job.plan(config.partial)
    if planned is not None and plugins:
        from dartsl.nn.plugins import require_sound

        require_sound(checked, planned, plugins)
    build = replace(
        Build.of(config),
        level=config.optimise if level is None else level,
        memory=memory or config.memory,
        device=device,
    )
    staged = job is not None and bool(config.stages) and build.memory != "none"
    found = describe(
        checked,
        planned,
        batch=config.batch if batch is None else batch,
        order=config.order if order is None else str(order),
        build=replace(build, memory="none") if staged else build,
        plugins=plugins or allowed(beside(checked, ())),
        curvature=config.curvature > 0,
        cost=None if cost is None else str(cost),
    )
    if job is None or not staged:
        return found
    return _of_largest_stage(found, job, config, build, plugins or allowed(beside(checked, ())))


def _job(spec: Spec, network: str | None, parameters: Parameters | None) -> Job | None:
    """That of the network that is meant; None for a spec without one. Raises UserError."""
    if network is not None or root_networks(spec):
        return job_of(spec, network, parameters)
    if parameters:
        raise UserError("the spec has no network whose parameters could be set", exit_code=2)
    return None


def _of_largest_stage(found: Info, job: Job, config: SearchConfig, build: Build, plugins: Files) -> Info:
    """What is known of a spec, and the memory of the stage of its search that takes most."""
    if found.batch is None or found.order is None:
        return found
    from dartsl.searching.stages import Course

    course = Course(job, config)
    taken = [
        _memory(
            course.plan(span),
            found.batch,
            found.order,
            replace(build, skip_dropout=rate > 0),
            plugins,
            config.curvature > 0,
            keep,
        )
        for span, rate, keep in course.sizes()
    ]
    found = replace(found, memory=build.memory)
    if None in taken:  # an `extern op` has no implementation here
        return found
    most = max(filter(None, taken))
    return replace(found, memory_bytes=most, stage=(taken.index(most) + 1, len(taken)))


def describe(
    spec: Spec,
    plan: Plan | None,
    *,
    batch: int,
    order: str,
    build: Build = DEFAULT,
    plugins: Files = (),
    curvature: bool = False,
    cost: str | None = None,
) -> Info:
    """A checked spec in numbers: a network's cells and cost, or all cells where `plan` is None."""
    from dartsl.graph.count import space_size

    cells = tuple(spec.cells.values()) if plan is None else plan.cells()
    described = tuple(describe_cell(cell) for cell in cells)
    if plan is None:
        return Info(described, space_size(cells))
    from dartsl.graph.unused import unused

    graph, parameters, multiply_adds = _counted(plan, build)
    return Info(
        described,
        space_size(cells),
        plan.network.name,
        plan.parameters,
        len(plan.layers),
        parameters,
        multiply_adds,
        None if build.memory == "none" else _memory(plan, batch, order, build, plugins, curvature),
        batch,
        order,
        build.level,
        build.memory,
        str(build.device),
        plan.input.window if isinstance(plan.input, Tokens) else None,
        plan.input.vocabulary if isinstance(plan.input, Tokens) else None,
        unused(graph),
        plan.input.unit,
        _found(plan, cost),
    )


def _counted(plan: Plan, build: Build) -> tuple[nx.DiGraph, int, int]:
    """The graph of a network, its parameters, and the multiply-adds of what runs."""
    from dartsl.graph import count
    from dartsl.graph.build import build as build_graph
    from dartsl.graph.unused import running

    graph = build_graph(plan, auxiliary_skip=build.auxiliary_skip, skip_dropout=build.skip_dropout)
    return graph, count.parameters(graph), count.multiply_adds(running(graph))


def counts(spec: Spec, network: str) -> tuple[int, int, str]:
    """The parameters and multiply-adds of a network of a checked spec, and for what they are counted, as `info` has
    them, which takes longer. Raises SpecError, UserError."""
    job = job_of(spec, network, None)
    config = search_config(job.picked().takes, spec.search)
    plan = job.plan(config.partial)
    _, parameters, multiply_adds = _counted(plan, Build.of(config))
    return parameters, multiply_adds, plan.input.unit


def _found(plan: Plan, cost: str | None) -> Mapping[str, tuple[float, float]] | None:
    """What the networks cost that can be found: by counting, and by a file of costs. Raises UserError."""
    from dartsl.graph.budget import UNITS, budget
    from dartsl.searching.prices import is_file, pricing

    if plan.input.sequence or plan.decided:
        if cost is not None:
            raise UserError(
                f"nothing can be found in the network `{plan.network.name}`, so there is no range of costs"
            )
        return None
    given = [*UNITS, *([cost] if cost is not None and is_file(cost) else [])]
    prices = [pricing(each)(plan) for each in given]
    return {each.unit: budget(plan, each).span() for each in prices}


def describe_cell(cell: Cell) -> CellInfo:
    """One cell in numbers."""
    from dartsl.graph.count import space_size

    searched = cell.searched_edges
    follow = sum(edge.follows for edge in searched)
    return CellInfo(
        cell.name,
        len(cell.inputs),
        len(cell.nodes) - len(cell.merging),
        len(cell.edges) - len(cell.merging),
        len(searched) - follow,
        follow,
        sum(len(edge.candidates) for edge in searched),
        space_size((cell,)),
        cell.layer,
    )


def _memory(
    plan: Plan, batch: int, order: str, build: Build, plugins: Files, curvature: bool, keep: int = 0
) -> int | None:
    from dartsl.searching.memory import estimate_step

    try:
        return estimate_step(plan, batch, order, build, plugins, curvature, keep)
    except SpecError as fault:
        if all(diagnostic.code == NO_IMPLEMENTATION for diagnostic in fault.diagnostics):
            return None
        raise


def readable_ranges(info: Info) -> list[str]:
    """What the cheapest and the costliest network cost that can be found: counts, then by a file; lines."""
    from dartsl.graph.budget import UNITS, amounts

    found = info.found or {}
    counts = ", ".join(amounts(unit, *span) for unit, span in found.items() if unit in UNITS)
    return [
        *([f"{counts} per {info.unit}"] if counts else []),
        *(amounts(unit, *span) for unit, span in found.items() if unit not in UNITS),
    ]


def readable_count(number: int) -> str:
    """A number with its digits in threes; one too long to read in scientific notation: `1.08e18`."""
    return f"{number:,}" if number < 10**7 else f"{Decimal(number):.2e}".replace("e+", "e")


def readable_bytes(number: int) -> str:
    """Bytes in the largest unit that leaves a number above one: `1.3 GiB`."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    place = min(int(math.log(max(number, 1), 1024)), len(units) - 1)
    return f"{number} bytes" if place == 0 else f"{number / 1024**place:.1f} {units[place]}"
