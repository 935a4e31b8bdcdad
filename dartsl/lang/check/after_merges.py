"""Operations after the merge of a node (darts 2): the node as two, with the operations as the edge between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from dartsl.lang.check.model import Candidate, Cell, Edge, Node


def merging_name(node: Node) -> str:
    """The name of the node that merges, where operations follow: no name that can be written."""
    return f"{node.name}.{node.merge}"


def with_operations(cell: Cell, after: Mapping[str, tuple[Candidate, ...]]) -> Cell:
    """A cell in which each node of `after` goes through what it offers there once its edges are merged.

    The rows of nodes follow all rows of edges, in order of the nodes.
    """
    if not after:
        return cell
    merging = {node.name: merging_name(node) for node in cell.nodes if node.name in after}
    edges = [replace(edge, target=merging.get(edge.target, edge.target)) for edge in cell.edges]
    last = len(cell.edges)  # a statement after all others
    for node in cell.nodes:
        if node.name in after:
            offered = after[node.name]
            edges.append(Edge(merging[node.name], node.name, 0, offered, node.item_span, (last, 0)))
    return replace(
        cell, nodes=tuple(part for node in cell.nodes for part in _parts(node, merging)), edges=tuple(edges)
    )


def _parts(node: Node, merging: Mapping[str, str]) -> Iterator[Node]:
    if node.name in merging:
        yield replace(node, name=merging[node.name], of=node.name)
        yield replace(node, merge="sum", mix_bn=False, keep=None)
    else:
        yield node
