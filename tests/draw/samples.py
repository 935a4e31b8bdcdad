"""Cells made by hand, so that drawing is tested without a parser."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.check.model import Candidate, Cell, CellInput, Edge, Node, Output
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax.ast import Name

SPAN = Span(Source("sample", ""), 0, 0)

DARTS = (
    "none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
    "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip


def cell(
    name: str,
    inputs: Sequence[str],
    nodes: Sequence[tuple[str, str, int | None]],
    edges: Sequence[tuple[str, str, Sequence[str]]],
    output: tuple[str | None, Sequence[str]],
) -> Cell:
    """A cell from names: nodes are (name, merge, keep), edges (source, target, labels of candidates)."""
    made: list[Edge] = []
    for source, target, labels in edges:
        twin = sum((edge.source, edge.target) == (source, target) for edge in made)
        candidates = tuple(Candidate(label, Name(label, span=SPAN), SPAN) for label in labels)
        made.append(Edge(source, target, twin, candidates, SPAN))
    return Cell(
        name,
        tuple(CellInput(item, None, SPAN) for item in inputs),
        tuple(Node(item, merge, False, keep, SPAN, SPAN) for item, merge, keep in nodes),
        tuple(made),
        Output(output[0], tuple(output[1]), False, SPAN),
        SPAN,
    )


def genotype(name: str, entries: str, nodes: int, output: Sequence[int]) -> Cell:
    """A published cell: `sep_conv_3x3-1 ...`, two entries a node, as in method.md."""
    names = ["c0", "c1", *(f"n{place}" for place in range(nodes))]
    edges = []
    for place, entry in enumerate(entries.split()):
        label, source = entry.rsplit("-", 1)
        edges.append((names[int(source)], f"n{place // 2}", (label,)))
    return cell(
        name, ("c0", "c1"), [(item, "sum", None) for item in names[2:]], edges,
        ("concat", [names[place] for place in output]),
    )  # fmt: skip


def darts_v2() -> list[Cell]:
    normal = (
        "sep_conv_3x3-0 sep_conv_3x3-1 sep_conv_3x3-0 sep_conv_3x3-1 "
        "sep_conv_3x3-1 skip_connect-0 skip_connect-0 dil_conv_3x3-2"
    )
    reduction = (
        "max_pool_3x3-0 max_pool_3x3-1 skip_connect-2 max_pool_3x3-1 "
        "max_pool_3x3-0 skip_connect-2 skip_connect-2 max_pool_3x3-1"
    )
    return [genotype("normal", normal, 4, range(2, 6)), genotype("reduction", reduction, 4, range(2, 6))]


def nasnet_a() -> list[Cell]:
    normal = (
        "sep_conv_5x5-1 sep_conv_3x3-0 sep_conv_5x5-0 sep_conv_3x3-0 avg_pool_3x3-1 skip_connect-0 "
        "avg_pool_3x3-0 avg_pool_3x3-0 sep_conv_3x3-1 skip_connect-1"
    )
    reduction = (
        "sep_conv_5x5-1 sep_conv_7x7-0 max_pool_3x3-1 sep_conv_7x7-0 avg_pool_3x3-1 sep_conv_5x5-0 "
        "skip_connect-3 avg_pool_3x3-2 sep_conv_3x3-2 max_pool_3x3-1"
    )
    return [genotype("normal", normal, 5, range(2, 7)), genotype("reduction", reduction, 5, (4, 5, 6))]


def darts_space(name: str = "normal") -> Cell:
    names = ["c0", "c1", "n0", "n1", "n2", "n3"]
    edges = [(names[j], names[i], DARTS) for i in range(2, 6) for j in range(i)]
    nodes = [(item, "sum", 2) for item in names[2:]]
    return cell(name, ("c0", "c1"), nodes, edges, ("concat", names[2:]))


def nb201() -> Cell:
    names = ["x", "n1", "n2", "n3"]
    operations = ("none", "skip_connect", "nor_conv(1)", "nor_conv(3)", "avg_pool(3)")
    edges = [(names[j], names[i], operations) for i in range(1, 4) for j in range(i)]
    return cell("block", ("x",), [(item, "sum", None) for item in names[1:]], edges, (None, ("n3",)))


def irregular() -> Cell:
    convs = ("sep_conv(3)", "sep_conv(5)", "dil_conv(3)")
    pools = ("max_pool(3)", "avg_pool(3)", "skip_connect")
    return cell(
        "odd",
        ("a", "b"),
        [("p", "sum", None), ("q", "sum", None), ("r", "concat", None)],
        [
            ("a", "p", ("skip_connect", "sep_conv(3)")),
            ("b", "p", ("sep_conv(5)",)),
            ("a", "q", convs),
            ("b", "q", convs),
            ("p", "q", (*convs, "none")),
            ("p", "r", pools),
            ("q", "r", pools),
        ],
        (None, ("r",)),
    )
