"""Published cells as plain data: the Genotypes of the DARTS family, and what dartsl knows of their operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from dartsl.lang.diagnostics import UserError

MAX_NODES = 100  # of one cell; published ones have 3 to 11

# The operations that a Genotype of image cells may name; the shipped library defines each under the same name.
IMAGE_OPS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "conv_7x1_1x7",
    "noise",
)
RECURRENT_OPS = ("none", "tanh", "relu", "sigmoid", "identity")
# NAS-Bench-201's operations, as its spec (`nasbench201`) writes them.
NASBENCH_OPS = {
    "none": "none",
    "skip_connect": "skip_connect",
    "nor_conv_1x1": "nor_conv(1)",
    "nor_conv_3x3": "nor_conv(3)",
    "avg_pool_3x3": "avg_pool(3)",
}


@dataclass(frozen=True)
class Wire:
    """An edge into a node: its operation, and where it comes from (inputs first, then nodes, from 0)."""

    operation: str
    source: int


@dataclass(frozen=True)
class Part:
    """One cell: the wires into each node in order, and the states that it concatenates (or averages)."""

    nodes: tuple[tuple[Wire, ...], ...]
    concat: tuple[int, ...]


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell, each with the two layers before it as states 0 and 1, nodes from 2 on."""

    normal: Part
    reduce: Part


@dataclass(frozen=True)
class Recurrent:
    """A recurrent cell: state 0 is made of x and h, and node i (from 1) has one wire."""

    cell: Part


@dataclass(frozen=True)
class Nasbench:
    """A cell of NAS-Bench-201: state 0 is its input; a wire from every earlier state leads into each node."""

    nodes: tuple[tuple[Wire, ...], ...]


Architecture = Genotype | Recurrent | Nasbench


def known_operation(name: str, known: Iterable[str], where: str) -> str:
    """`name` where it is one of `known`. Raises UserError, which tells the nearest of them."""
    names = list(known)
    if name in names:
        return name
    near = get_close_matches(name, names, 1, cutoff=0.4)
    help = f"did you mean `{near[0]}`?" if near else "known are " + ", ".join(f"`{item}`" for item in names)
    raise UserError(f"{where}: unknown operation `{_short(name)}`", help)


def check_wire(wire: Wire, node: int, inputs: int, known: Iterable[str], where: str) -> Wire:
    """A wire into node `node` (from 0) of a cell whose states begin with `inputs` inputs. Raises UserError."""
    known_operation(wire.operation, known, where)
    states = inputs + node
    if not 0 <= wire.source < states:
        raise UserError(
            f"{where}: `{wire.operation}` into node {states} comes from {wire.source}, which is no earlier state",
            f"node {states} can be reached from 0 to {states - 1}",
        )
    return wire


def check_concat(concat: tuple[int, ...], nodes: int, inputs: int, where: str) -> tuple[int, ...]:
    """The states that a cell gives: nodes, each once. Raises UserError."""
    last = inputs + nodes - 1
    for state in concat:
        if not inputs <= state <= last:
            raise UserError(
                f"{where}: {state} is no node that could be concatenated", f"the nodes are {inputs} to {last}"
            )
    if not concat or len(set(concat)) != len(concat):
        raise UserError(f"{where}: the concatenation must name nodes, each once")
    return concat


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:60]}..."
