"""The cell graph: what a cell is before sizes are known, as a networkx MultiDiGraph."""

from __future__ import annotations

import networkx as nx

from dartsl.lang.model import Cell

OUTPUT = "output"  # a keyword of the language, so that no node has this name


def cell_graph(cell: Cell) -> nx.MultiDiGraph:
    """Inputs, nodes and the output in order of declaration, with an edge for each edge of the cell.

    Nodes have a `kind` (input, node, output); nodes and the output also `merge` (None: the output is one
    node) and `mix_bn`, nodes `keep`, inputs `operation`. Edges, their keys counting twins from 0, have
    `candidates`, `row`, their row of alphas (None where nothing is chosen), and `place`, that in the order in
    which their target merges them. Those into the output have no candidates.
    """
    graph = nx.MultiDiGraph(cell=cell.name)
    for item in cell.inputs:
        graph.add_node(item.name, kind="input", operation=item.operation)
    for node in cell.nodes:
        graph.add_node(node.name, kind="node", merge=node.merge, mix_bn=node.mix_bn, keep=node.keep)
    graph.add_node(OUTPUT, kind="output", merge=cell.output.merge, mix_bn=cell.output.mix_bn)
    places = {id(edge): place for node in cell.nodes for place, edge in enumerate(cell.incoming(node.name))}
    rows = {id(edge): row for row, edge in enumerate(cell.searched_edges)}
    for edge in cell.edges:
        graph.add_edge(
            edge.source,
            edge.target,
            key=edge.twin,
            candidates=edge.candidates,
            row=rows.get(id(edge)),
            place=places[id(edge)],
        )
    for place, name in enumerate(cell.output.nodes):
        graph.add_edge(name, OUTPUT, candidates=(), row=None, place=place)
    return graph
