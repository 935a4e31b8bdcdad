"""Cells of the DARTS space as plain numbers, as NASLib and NAS-Bench-301 hand them about -> data.

Two sequences, of the normal and of the reduction cell, hold eight pairs each, two a node: where an edge comes from, and
the number of its operation. All four nodes are concatenated.
"""

from __future__ import annotations

import ast

from dartsl.exchange.genotype import Genotype, Part, Wire
from dartsl.exchange.literals import Reader
from dartsl.exchange.operations import check_wire
from dartsl.lang.codes.diagnostics import UserError

# In the order of NAS-Bench-301 (https://github.com/automl/NASLib, nasbench301/conversions.py).
OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


def is_compact(node: ast.expr, reader: Reader) -> bool:
    """Whether a value is two sequences of pairs of numbers."""
    try:
        pairs = [reader.sequence(pair) for cell in _two(node, reader) for pair in reader.sequence(cell)]
    except UserError:
        return False
    return bool(pairs) and all(len(pair) == 2 and all(map(reader.is_integer, pair)) for pair in pairs)


def read_compact(node: ast.expr, reader: Reader) -> Genotype:
    """Raises UserError where a cell has not eight edges, or a number stands for nothing."""
    normal, reduce = (_part(cell, reader) for cell in _two(node, reader))
    return Genotype(normal, reduce)


def _two(node: ast.expr, reader: Reader) -> tuple[ast.expr, ...]:
    cells = tuple(reader.sequence(node))
    return cells if len(cells) == 2 else ()


def _part(cell: ast.expr, reader: Reader) -> Part:
    pairs = reader.sequence(cell)
    if len(pairs) != 8:
        raise UserError(
            f"{reader.at(cell)}: a cell of NAS-Bench-301 has 8 edges, two a node, not {len(pairs)}"
        )
    wires = []
    for place, pair in enumerate(pairs):
        source, number = (reader.integer(item) for item in reader.sequence(pair))
        if not 0 <= number < len(OPERATIONS):
            raise UserError(
                f"{reader.at(pair)}: there is no operation {number}",
                f"NAS-Bench-301 counts them from 0 to {len(OPERATIONS) - 1}: {', '.join(OPERATIONS)}",
            )
        wires.append(check_wire(Wire(OPERATIONS[number], source), place // 2, 2, None, reader.at(pair)))
    return Part(tuple(tuple(wires[start : start + 2]) for start in range(0, 8, 2)), (2, 3, 4, 5))
