"""A cell as a DOT diagram, the way DARTS's figures show it: left to right, operations on the edges.

Every operation stands in a small node of its own in the middle of its edge, because Graphviz never puts one
node over another, while its edge labels may touch. Ids are synthetic and labels are quoted or escaped here:
pydot takes `a:b` for a port, `node` and `graph` for keywords, and leaves quotes as they are.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pydot

from dartsl.graph.chain import Drawn, chained
from dartsl.graph.legend import Legend, legend
from dartsl.lang.check.model import Cell, Edge
from dartsl.lang.check.within import held
from dartsl.lang.records.record import heeds_order

# The colours of the authors' own figures (arXiv 1806.09055): X11 names that Graphviz knows.
INPUT_COLOUR, NODE_COLOUR, OUTPUT_COLOUR = "darkseagreen2", "lightblue", "palegoldenrod"
FONT = "Helvetica"  # one whose widths every Graphviz knows
LINE, FAINT, TEXT, SOFT_TEXT = "#333333", "#9a9a9a", "#111111", "#555555"
LABEL_WIDTH = 30  # characters of an operation in one line
CAPTION_WIDTH = 84
MARGIN, HOLDING = "12", "20"  # of a cell, and of one in whose diagram others have frames, in points
# Graphviz's time grows much faster than the number of edges: with more than MANY of them its search for the best
# layout is cut short, and in a cell of more than LABELLED what is written on edges, or left out by a run, goes.
MANY, LABELLED = 150, 600
ROUGH = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.05", "splines": "line"}

Weights = Mapping[str, Sequence[Sequence[float]]]
Shares = Mapping[str, Sequence[float]]
Kept = Mapping[str, Collection[Edge]]


@dataclass(frozen=True)
class Strength:
    """The strongest operation of a searched edge, its mixing weight, and what it would weigh were none preferred.

    `share` is what the edge counts among those into its node, where that is learnt.
    """

    label: str
    weight: float
    even: float
    share: float | None = None

    @property
    def lead(self) -> float:
        """How far the weight has come from where none is preferred (0, where it is below too) to 1, the most."""
        return max(0.0, (self.weight - self.even) / (1 - self.even))

    @property
    def text(self) -> str:
        """What is written on the edge."""
        share = "" if self.share is None else f" \N{MULTIPLICATION SIGN} {self.share:.2f}"
        return f"{self.label}  {self.weight:.2f}{share}"


def equal_shares(candidates: int) -> float:
    """What each candidate of an edge weighs where none is preferred and the weights add up to 1."""
    return 1 / candidates


def draw(
    cells: Iterable[Cell],
    weights: Weights | None = None,
    kept: Kept | None = None,
    even: Callable[[int], float] = equal_shares,
    shares: Shares | None = None,
) -> str:
    """DOT text of some cells, one above the other, each with its title.

    `weights` (a run's) holds for each cell its mixing weights, one row for each searched edge in the order of
    `Cell.searched_edges`, one column a candidate. Then each edge shows its strongest operation other than `none`, with
    its weight, and is the wider the further that is above `even`, the weight of each of so many candidates while none
    is preferred; without them a searched edge shows its candidates. `kept` names each cell's edges that discretisation
    keeps; the others are dashed. `shares` has for each cell what its searched edges count at their nodes, which is
    written after the weight; empty where nothing is learnt of that. A cell of very many edges is drawn without their
    text, and of a run without those that are dropped; its title says so. Layers that are operations or choices are
    drawn as one chain, and a cell that stands in another within that one. Raises ValueError where a table does not fit
    its cell.
    """
    drawn = chained(Drawn(tuple(cells), weights, kept, shares))
    shown, weights, kept, shares = list(_shown(drawn.cells)), drawn.weights, drawn.kept, drawn.shares
    graph = pydot.Dot(
        "cells", graph_type="digraph", rankdir="LR", bgcolor="white", nodesep="0.22", ranksep="0.3"
    )
    graph.set_graph_defaults(fontname=_quoted(FONT), fontcolor=_quoted(TEXT))
    graph.set_node_defaults(
        fontname=_quoted(FONT), fontcolor=_quoted(TEXT), shape="box", style=_quoted("filled,rounded"),
    )  # fmt: skip
    graph.set_edge_defaults(color=_quoted(LINE), penwidth="1.2", arrowsize="0.8")
    if sum(len(cell.edges) for cell in shown) > MANY:
        for name, value in ROUGH.items():
            graph.set(name, value)
    clusters: dict[str, pydot.Subgraph] = {}
    for index, cell in enumerate(shown):
        table = weights.get(cell.name) if weights is not None else None
        stays = cell.edges if kept is None else kept[cell.name]
        own = (shares or {}).get(cell.name, ())
        strong = strengths(cell, table, even, own) if table is not None else None
        clusters[cell.name] = _cell_cluster(cell, f"c{index}", strong, stays)
    holders = _holders(shown)
    # a diagram from left to right is filled from below
    for name, cluster in reversed(clusters.items()):
        if name in holders:
            cluster.set("pencolor", _quoted(FAINT))
        elif holders:
            cluster.set("margin", HOLDING)  # what keeps frames away from what stands above them
        (clusters[holders[name]] if name in holders else graph).add_subgraph(cluster)
    return str(graph.to_string())


def _holders(cells: Sequence[Cell]) -> dict[str, str]:
    """Of each cell that stands in another as an operation, the first that it stands in."""
    drawn = {cell.name for cell in cells}
    found: dict[str, str] = {}
    for cell in cells:
        for name in held(cell, drawn):
            found.setdefault(name.id, cell.name)
    return found


def _shown(cells: tuple[Cell, ...]) -> Iterable[Cell]:
    """The cells as they are drawn: where none offers a choice, `mix_bn` is nothing (language rule 10) and left out."""
    if any(cell.searched_edges for cell in cells):
        return cells
    return (
        replace(
            cell,
            nodes=tuple(replace(node, mix_bn=False) for node in cell.nodes),
            output=replace(cell.output, mix_bn=False),
            further=tuple(replace(output, mix_bn=False) for output in cell.further),
        )
        for cell in cells
    )


def strengths(
    cell: Cell,
    table: Sequence[Sequence[float]],
    even: Callable[[int], float] = equal_shares,
    shares: Sequence[float] = (),
) -> dict[int, Strength]:
    """For each searched edge (by its place in `cell.edges`) its strongest operation other than `none`."""
    places = [place for place, edge in enumerate(cell.edges) if edge.searched]
    if len(table) != len(places):
        raise ValueError(
            f"cell {cell.name} has {len(places)} searched edges, the table has {len(table)} rows"
        )
    found: dict[int, Strength] = {}
    for place, row in zip(places, table, strict=True):
        candidates = cell.edges[place].candidates
        if len(row) < len(candidates):
            raise ValueError(f"row {len(found)} of cell {cell.name} needs {len(candidates)} weights")
        offered = [column for column, candidate in enumerate(candidates) if not candidate.is_none]
        best = max(offered, key=lambda column: row[column])  # the first of equals, as in discretisation
        share = shares[len(found)] if shares else None
        found[place] = Strength(candidates[best].label, float(row[best]), even(len(candidates)), share)
    return found


def _cell_cluster(
    cell: Cell, prefix: str, strong: Mapping[int, Strength] | None, kept: Collection[Edge]
) -> pydot.Subgraph:
    """`strong` is that of a run; None where a spec is drawn."""
    key = legend(cell) if strong is None else Legend((), {})
    large = len(cell.edges) > LABELLED
    drawn = {
        place: edge
        for place, edge in enumerate(cell.edges)
        if not (large and strong is not None) or edge in kept
    }
    bare = len(drawn) > LABELLED
    names = [*(item.name for item in cell.inputs), *(node.name for node in cell.nodes)]
    ids = {name: f"{prefix}_v{place}" for place, name in enumerate(names)}
    cluster = pydot.Subgraph(
        f"cluster_{prefix}",
        label=_title(cell.name, [*key.captions, *_left_out(len(cell.edges), len(drawn), bare)]),
        labeljust="l",
        labelloc="t",
        pencolor="none",
        margin=MARGIN,
    )
    _add_vertices(cluster, cell, ids, f"{prefix}_out")
    numbers = _numbers(cell)
    highways = {node.name for node in cell.nodes if node.merge == "highway"}
    for place, edge in drawn.items():
        labels = [candidate.label for candidate in edge.candidates]
        # A highway takes the inputs as they are, so there is nothing to write.
        text = [] if edge.target in highways else key.texts.get(place, labels)
        ends = (ids[edge.source], f"{prefix}_e{place}", ids[edge.target])
        _add_edge(
            cluster, ends, text, (strong or {}).get(place), edge in kept, numbers.get(id(edge), {}), bare
        )
    for box, output in zip(_places(cell, f"{prefix}_out"), cell.outputs, strict=True):
        in_order = list(output.nodes) == [name for name in names if name in output.nodes]
        for number, name in enumerate(output.nodes, start=1):
            look = {} if in_order or not heeds_order(output.merge) else _number(number)
            cluster.add_edge(pydot.Edge(ids[name], box, color=_quoted(FAINT), penwidth="0.9", **look))
    return cluster


def _places(cell: Cell, first: str) -> list[str]:
    """The ids of a cell's outputs."""
    return [first, *(f"{first}{number}" for number in range(2, len(cell.outputs) + 1))]


def _numbers(cell: Cell) -> dict[int, dict[str, Any]]:
    """By the id of each edge into a node that does not merge in order of declaration, the look of its number."""
    found: dict[int, dict[str, Any]] = {}
    for node in cell.nodes:
        if node.name in cell.reordered:
            merged = cell.incoming(node.name)
            found |= {id(edge): _number(number) for number, edge in enumerate(merged, start=1)}
    return found


def _number(number: int) -> dict[str, Any]:
    """The place of what an arrow brings among what its head merges."""
    return {"headlabel": str(number), "labelfontsize": "10"}


def _left_out(edges: int, drawn: int, bare: bool) -> list[str]:
    """What a drawing leaves out of a cell of very many edges, in words."""
    dropped = [f"{edges - drawn:,} edges that are dropped are not drawn"] if drawn < edges else []
    return dropped + ([f"{drawn:,} edges, too many to name their operations"] if bare else [])


def _add_vertices(cluster: pydot.Subgraph, cell: Cell, ids: Mapping[str, str], output: str) -> None:
    """Inputs in one column, nodes and outputs; a merge that is not the usual one stands below its name."""
    for item in cell.inputs:
        cluster.add_node(_box(ids[item.name], item.name, (), INPUT_COLOUR))
    for node in cell.nodes:
        merge = node.merge if node.merge != "sum" else None
        cluster.add_node(_box(ids[node.name], node.name, _notes(merge, node.mix_bn), NODE_COLOUR))
    for number, (place, given) in enumerate(zip(_places(cell, output), cell.outputs, strict=True), start=1):
        name = f"output {number}" if cell.further else "output"
        cluster.add_node(_box(place, name, _notes(given.merge, given.mix_bn), OUTPUT_COLOUR))
    if len(cell.inputs) > 1:
        column = pydot.Subgraph("", rank="same")
        for item in cell.inputs:
            column.add_node(pydot.Node(ids[item.name]))
        cluster.add_subgraph(column)


def _notes(merge: str | None, mix_bn: bool) -> list[str]:
    return [*([merge] if merge is not None else []), *(["mix_bn"] if mix_bn else [])]


def _box(node_id: str, name: str, notes: Sequence[str], colour: str) -> pydot.Node:
    label = _quoted(name)
    if notes:
        label = _table([html.escape(name), *(_font(note, 10, TEXT) for note in notes)], "center")
    return pydot.Node(
        node_id,
        label=label,
        fillcolor=colour,
        color=_quoted(LINE),
        fontsize="15",
        height="0.42",
        width="0.55",
        margin=_quoted("0.12,0.06"),
    )


def _add_edge(
    cluster: pydot.Subgraph,
    ends: tuple[str, str, str],
    text: Sequence[str],
    strong: Strength | None,
    kept: bool,
    number: dict[str, Any],
    bare: bool,
) -> None:
    """An edge with its text in the middle, or one plain arrow where there is nothing to write, or it is to be `bare`.

    `ends` are the ids of its source, of its text and of its target.
    """
    source, middle, target = ends
    look: dict[str, Any] = {}
    if strong is not None:
        text = [strong.text]
        look = {"penwidth": f"{1 + 5 * strong.lead:.2f}", "color": _quoted(_grey(strong.lead))}
    elif text == ["none"]:
        look = {"style": "dashed", "color": _quoted(FAINT)}
    if not kept:
        look |= {"style": "dashed"}
    if bare or not text:
        cluster.add_edge(pydot.Edge(source, target, **look, **number))
        return
    cluster.add_node(_operation(middle, text))
    # Ports hold both halves of the edge at the middle of the text's sides, so that they read as one line.
    cluster.add_edge(pydot.Edge(source, middle, headport="w", arrowhead="none", **look))
    cluster.add_edge(pydot.Edge(middle, target, tailport="e", **look, **number))


def _operation(node_id: str, text: Sequence[str]) -> pydot.Node:
    lines = [line for entry in text for line in textwrap.wrap(entry, LABEL_WIDTH, break_long_words=False)]
    return pydot.Node(
        node_id,
        label=_quoted("\n".join(lines)),
        fillcolor="white",
        color="white",
        fontsize="12",
        height="0.2",
        width="0.2",
        margin=_quoted("0.07,0.03"),
    )


def _grey(lead: float) -> str:
    """A line's grey: black for a lead of one half and above, lighter below."""
    level = round(0x90 * (1 - min(lead, 0.5) / 0.5))
    return f"#{level:02x}{level:02x}{level:02x}"


def _title(name: str, captions: Sequence[str]) -> str:
    lines = [line for text in captions for line in textwrap.wrap(text, CAPTION_WIDTH, break_long_words=False)]
    return _table(
        [f"<b>{_font(name, 18, TEXT)}</b>", *(_font(line, 12, SOFT_TEXT) for line in lines)], "left"
    )


def _table(rows: Iterable[str], align: str) -> str:
    """A label of several lines that differ in size: Graphviz's HTML-like markup."""
    cells = "".join(f'<tr><td align="{align}">{row}</td></tr>' for row in rows)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>>'


def _font(text: str, size: int, colour: str) -> str:
    return f'<font point-size="{size}" color="{colour}">{html.escape(text)}</font>'


def _quoted(text: str) -> str:
    r"""A DOT string: quotes and backslashes escaped, line ends as `\n`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
