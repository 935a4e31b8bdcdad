"""`dartsl info`."""

from __future__ import annotations

from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dartsl.cli.options import (
    command,
    network_options,
    parse_assignments,
    plugin_option,
    read_spec,
    spec_argument,
)
from dartsl.cli.output import answer

if TYPE_CHECKING:
    from dartsl.api.describing import CellInfo, Info

MOST_PARTS = 8  # named of those that never run


@command("info")
@spec_argument
@network_options
@click.option(
    "--batch", type=click.IntRange(min=1), help="Batch size of the memory estimate: images, or rows of text."
)
@click.option(
    "--order",
    type=click.Choice(["1", "2", "exact"]),
    help="Order of the alpha gradient in the memory estimate.",
)
@click.option(
    "-O",
    "--optimise",
    "level",
    type=click.IntRange(0, 2),
    help="Level of optimisation in the memory estimate.",
)
@click.option(
    "--memory",
    type=click.Choice(["normal", "low", "none"]),
    help="Estimate a step with --memory low; `none` skips the estimate, which takes seconds.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Device of the memory estimate; no GPU is needed.",
)
@click.option("--partial", type=click.IntRange(min=1), metavar="K", help="Count a search with this setting.")
@click.option(
    "--cost", type=click.Path(path_type=Path), metavar="FILE.json",
    help="Also give the range of what can be found in costs of this file, which `dartsl latency` writes.",
)  # fmt: skip
@plugin_option
def info_command(
    spec: str,
    network: str | None,
    assignments: tuple[str, ...],
    batch: int | None,
    order: str | None,
    level: int | None,
    memory: str | None,
    device: str,
    partial: int | None,
    cost: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Report the size of a search space and the cost of its network.

    Alphas and `extern op`s are not counted. Multiply-adds are those of convolutions and linear layers, per image
    or word. The memory is an estimate for one search step with the settings of the spec; nothing is allocated.
    For the folder of a run, what it found is reported, or else its spec.

    \b
    Examples:
      dartsl info darts_cnn
      dartsl info zoo/darts_v2 --set C=36 --format json
      dartsl info nasbench201 --memory none
    """
    from dartsl.api import info

    found = info(
        read_spec(spec),
        network,
        parse_assignments(assignments),
        batch=batch,
        order=order,
        level=level,
        memory=memory,
        device=device,
        partial=partial,
        cost=cost,
        plugins=plugins,
    )
    answer(as_json(found), as_text(found))


def as_json(info: Info) -> dict[str, Any]:
    """The document that programs read; numbers that need a network are null without one."""
    values = None if info.values is None else {name: str(value) for name, value in info.values.items()}
    return {
        "network": info.network,
        "set": values,
        "layers": info.layers,
        "parameters": info.parameters,
        "multiply_adds": info.multiply_adds,
        "unused": None if info.unused is None else vars(info.unused),
        "space_size": info.space_size,
        "space_size_log10": log10(info.space_size),
        "found": info.found,
        "memory_bytes": info.memory_bytes,
        "stage": None if info.stage is None else {"number": info.stage[0], "of": info.stage[1]},
        "batch": info.batch,
        "order": info.order,
        "level": info.level,
        "memory": info.memory,
        "device": info.device,
        "window": info.window,
        "vocabulary": info.vocabulary,
        "cells": [vars(cell) for cell in info.cells],
    }


def as_text(info: Info) -> str:
    """A few lines for a reader."""
    lines: list[str] = []
    layers = [cell for cell in info.cells if cell.layer and cell.searched_edges]
    if layers:
        wide = max(len(cell.name) for cell in layers)
        lines.append("layers that offer a choice")
        lines += [f"  {cell.name:<{wide}}  {cell.candidates} candidates" for cell in layers]
    for cell in info.cells:
        if not cell.layer:
            lines += _cell_lines(cell)
    network = [] if info.network is None else _network_lines(info)
    return "\n".join([*network, *([""] if network and lines else []), *lines])


def _cell_lines(cell: CellInfo) -> list[str]:
    nodes = f"nodes with a choice {cell.searched_nodes}, " if cell.searched_nodes else ""
    searched = f"  searched edges {cell.searched_edges}, {nodes}candidates {cell.candidates}"
    return [
        f"cell {cell.name}",
        f"  inputs {cell.inputs}, nodes {cell.nodes}, edges {cell.edges}",
        *([searched] if cell.candidates else []),
        f"  space {_architectures(cell.space_size)}",
    ]


def _network_lines(info: Info) -> list[str]:
    values = ", ".join(f"{name} = {value}" for name, value in (info.values or {}).items())
    window = []
    if info.window is not None:
        window = [f"  window         {info.window} words of a vocabulary of {info.vocabulary:,}"]
    return [
        f"network {info.network}({values}), {info.layers} layers",
        *window,
        f"  parameters     {info.parameters:,}",
        f"  multiply-adds  {info.multiply_adds:,} per {info.unit}",
        *_unused_lines(info),
        *([] if info.memory == "none" else _memory_lines(info)),
        f"  space          {_architectures(info.space_size)}",
        *_range_lines(info),
    ]


def _range_lines(info: Info) -> list[str]:
    """What the cheapest and the costliest network cost that a search can find."""
    from dartsl.api.describing import readable_ranges

    lines = readable_ranges(info)
    return [f"  {'' if number else 'found':<13}  {line}" for number, line in enumerate(lines)]


def _unused_lines(info: Info) -> list[str]:
    """What is written and never runs, where there is any."""
    found = info.unused
    if found is None or not found.parts:
        return []
    named = ", ".join(found.parts[:MOST_PARTS])
    more = len(found.parts) - MOST_PARTS
    return [
        f"  unused         {found.parameters:,} of the parameters, and {found.multiply_adds:,} multiply-adds that are "
        f"not counted above:",
        f"                 nothing reaches the output from {named}{f' and {more} more' if more > 0 else ''}",
    ]


def _memory_lines(info: Info) -> list[str]:
    from dartsl.api.describing import ASSUMED, readable_bytes

    if info.memory_bytes is None:
        return ["  memory         unknown: an `extern op` has no implementation here (--plugin)"]
    where = "" if info.stage is None else f", stage {info.stage[0]} of {info.stage[1]}"
    size = (
        f"  memory         {readable_bytes(info.memory_bytes)} per step "
        f"(batch {info.batch}, order {info.order}{where})"
    )
    if info.device == "cpu":
        return [size]
    return [f"{size} on {info.device}", f"                 {ASSUMED}"]


def _architectures(number: int) -> str:
    from dartsl.api.describing import readable_count

    return "decided: nothing is left to choose" if number == 1 else f"{readable_count(number)} architectures"
