"""Published cells as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from dartsl.lang.codes.diagnostics import UserError

MAX_NODES = 100  # of one cell; published ones have 3 to 11


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


def check_concat(concat: tuple[int, ...], nodes: int, inputs: int, where: str) -> tuple[int, ...]:
    """The states that a cell gives: nodes, each once. Raises UserError."""
    last = inputs + nodes - 1
    for state in concat:
        if not inputs <= state <= last:
            raise UserError(
                f"{where}: {state} is not a node that could be concatenated",
                f"the nodes are {inputs} to {last}",
            )
    if not concat or len(set(concat)) != len(concat):
        raise UserError(f"{where}: the concatenation must name each node once")
    return concat
