"""The picture of a run: learning curves, and below them the mixing weights of each cell, edge by edge.

Everything is placed in inches, so that labels have the room they need; the same data give the same bytes. An
operation has one colour throughout, of a palette that colour-blind readers can tell apart (Okabe and Ito, 2008).
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from dartsl.run.curves import (
    ABSOLUTE,
    CURVATURE,
    ENTROPY,
    LOSS,
    PERPLEXITY,
    SKIPS,
    SQUARES,
    CellShares,
    EdgeShares,
    Line,
    Panel,
)

FORMATS = ("svg", "png", "pdf")
PNG_DPI = 144
MOST_PIXELS = 60_000  # of a side, which is what can be drawn
TEXT, SOFT, FAINT, GRID = "#111111", "#555555", "#9a9a9a", "#e4e4e4"
# Blue, vermillion, green, sky blue, orange, purple, black; yellow is too faint on white.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#56b4e9", "#e69f00", "#cc79a7", "#000000")
MOST_RUNS = len(PALETTE)  # side by side: each has a colour
# What does nothing has the same colour in every picture.
FIXED = {"none": FAINT} | dict.fromkeys(("skip_connect", "identity", "gate(identity)"), PALETTE[1])
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
UNITS = {
    LOSS: "loss, nats",
    SQUARES: "mean squared error, of standardised targets",
    ABSOLUTE: "mean absolute error, in the targets' own units",
    ENTROPY: "entropy of the mixing weights, nats",
    CURVATURE: "largest eigenvalue of the Hessian in the alphas",
    SKIPS: "skip connections that would be derived",
}
STYLE: Any = {  # the types that matplotlib gives its settings differ from version to version
    # The first comes with matplotlib, so that all machines measure the same; the others are for who reads the SVG.
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 7,
    "text.parse_math": False,
    "axes.formatter.useoffset": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "dartsl",
}
METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": "dartsl"},
    "png": {"Software": "dartsl"},
    "pdf": {"CreationDate": None, "Creator": "dartsl", "Producer": None},
}
# Inches: around the page, of a panel with its labels, of the page's title.
MARGIN, PITCH, TOP = 0.35, 4.05, 0.75
PANEL = (2.2, 1.75)  # width and height of a panel's axes
PANEL_ROW = 2.75  # a panel with its title and its ticks
LINE = 0.135  # of text
LEGEND_LINE = 0.2  # of the names of several runs
SMALL = (1.22, 0.72)  # of an edge's axes
SMALL_TITLE = 0.46  # its three lines
SMALL_PITCH = (1.56, 1.47)
MOST_COLUMNS = 8  # edges side by side
CAPTION = (
    "Right: one panel per edge, a row per node; one line for each candidate's mixing weight by epoch. "
    "Bold: what would win the edge, with its weight and its lead over the next. Grey: edges that would be left "
    "out. Dotted: none is preferred."
)
COUNTED = " After the sign of multiplication: what the edge counts at its node."

Look = Mapping[str, Any]


def picture(
    title: str,
    panels: Sequence[Panel],
    cells: Sequence[CellShares] = (),
    averaged: int | None = None,
    kind: str = "svg",
    runs: Sequence[str] = (),
) -> bytes:
    """A run's picture in one of `FORMATS`.

    `averaged` is the epoch from which on the figures are those of averaged weights, if there is one. `runs` are what
    several runs are called, at most `MOST_RUNS`, of which the panels show lines side by side (`curves.side_by_side`).
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a reader's own style is not made for this page
        matplotlib.rcParams.update(STYLE)
        page = _Page(panels, cells, len(runs))
        page.write(MARGIN, 0.28, title, size=11, weight="bold")
        for place, name in enumerate(runs):
            page.write(
                MARGIN, TOP + place * LEGEND_LINE, f"{place + 1}  {name}", color=PALETTE[place], size=9
            )
        top = TOP + _legend_height(len(runs))
        for start in range(0, len(panels), page.across):
            for place, panel in enumerate(panels[start : start + page.across]):
                _panel(page, panel, MARGIN + place * PITCH, top, averaged)
            top += PANEL_ROW
        if cells:
            counted = any(edge.share is not None for cell in cells for edge in cell.edges)
            caption = textwrap.fill(CAPTION + (COUNTED if counted else ""), 66)
            page.write(MARGIN, top + 2.8, caption, color=SOFT, size=7, linespacing=1.25)
        looks = _looks([label for cell in cells for label in cell.labels])
        for cell in cells:
            _cell(page, cell, looks, top)
            top += _cell_height(cell)
        dpi = min(PNG_DPI, MOST_PIXELS / max(page.width, page.height))
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Glyph .* missing"
            )  # of a name in another script; a box stands for it
            page.figure.savefig(file, format=kind, dpi=dpi, metadata=METADATA[kind])
    return file.getvalue()


class _Page:
    """A figure that is measured in inches from its upper left corner."""

    def __init__(self, panels: Sequence[Panel], cells: Sequence[CellShares], runs: int) -> None:
        columns = max((len(row) for cell in cells for row in _rows(cell)), default=0)
        self.across = min(3, len(panels)) if not cells else 3
        edges = PITCH + columns * SMALL_PITCH[0]
        self.width = MARGIN + max(self.across * PITCH, edges)
        rows = -(-len(panels) // self.across)
        self.height = TOP + _legend_height(runs) + rows * PANEL_ROW + sum(map(_cell_height, cells))
        self.figure = Figure(figsize=(self.width, self.height))

    def axes(self, left: float, top: float, size: tuple[float, float]) -> Axes:
        width, height = size
        bottom = self.height - top - height
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
        axes.tick_params(color=FAINT, labelcolor=SOFT, length=2, pad=2)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        return axes

    def write(self, left: float, top: float, text: str, **look: Any) -> None:
        """Text whose upper left corner is there, taken as it is: a `$` in it begins no formula."""
        look = {"size": 7.5, "color": TEXT, "va": "top", "parse_math": False, **look}
        self.figure.text(left / self.width, 1 - top / self.height, text, **look)


def _panel(page: _Page, panel: Panel, left: float, top: float, averaged: int | None) -> None:
    title = UNITS.get(panel.title, panel.title)
    page.write(left, top, title if panel.of in ("", panel.title) else f"{title}: {panel.of}", size=9)
    axes = page.axes(left + 0.45, top + 0.28, PANEL)
    places = [int(line.name) - 1 if panel.of else place for place, line in enumerate(panel.lines)]
    looks = {
        line.name: {"color": PALETTE[place % len(PALETTE)]}
        for place, line in zip(places, panel.lines, strict=True)
    }
    _draw(axes, panel.lines, looks)
    values = [value for line in panel.lines for _, value in line.points]
    if panel.title == PERPLEXITY and max(values) > 10 * min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    if averaged is not None and panel.title in (LOSS, PERPLEXITY):
        axes.axvline(averaged, color=FAINT, linewidth=0.8, linestyle=":")
        left_of_it = 2 * averaged > sum(axes.get_xlim())
        axes.text(
            averaged, 1, f" averaged from epoch {averaged} ", color=SOFT, va="top",
            ha="right" if left_of_it else "left", transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    axes.set_xlabel("epoch", color=SOFT, labelpad=2)
    texts = [f"{line.name} {_number(line.points[-1][1])}" for line in panel.lines]
    _label(axes, panel.lines, looks, texts)


def _cell(page: _Page, cell: CellShares, looks: Mapping[str, Look], top: float) -> None:
    """Left the shares of all edges together, right each edge."""
    page.write(MARGIN, top, f"cell {cell.name}", size=11, weight="bold")
    edges = f"mean over {len(cell.edges)} edges" if len(cell.edges) > 1 else "its one edge"
    page.write(MARGIN, top + 0.3, f"weight of each operation, {edges}", size=9)
    axes = page.axes(MARGIN + 0.45, top + 0.58, PANEL)
    means = cell.means()
    _draw(axes, means, looks)
    axes.set_ylim(0, 1.05 * max(weight for line in means for _, weight in line.points))
    axes.set_xlabel("epoch", color=SOFT, labelpad=2)
    texts = [f"{_short(line.name, 16)} {line.points[-1][1]:.2f}" for line in means]
    _label(axes, means, looks, texts)
    highest = max(weight for edge in cell.edges for row in edge.weights for weight in row)
    for row, edges_of_node in enumerate(_rows(cell)):
        for column, edge in enumerate(edges_of_node):
            left = MARGIN + PITCH + 0.12 + column * SMALL_PITCH[0]
            small = _edge(page, edge, cell.epochs, looks, left, top + 0.3 + row * SMALL_PITCH[1])
            small.set_ylim(0, 1.05 * highest)
            if column:
                small.tick_params(labelleft=False)


def _edge(
    page: _Page, edge: EdgeShares, epochs: Sequence[int], looks: Mapping[str, Look], left: float, top: float
) -> Axes:
    """One edge: its candidates' lines, the strongest in bold, and in words."""
    label = edge.labels[edge.strongest]
    lead = "" if edge.lead is None else f" {edge.lead:+.3f}"
    look = {"color": TEXT, "weight": "bold"} if edge.kept else {"color": FAINT}
    page.write(left, top, _short(edge.name, 22), **look)
    page.write(
        left, top + 0.14, _short(label, 22), **look | ({"color": looks[label]["color"]} if edge.kept else {})
    )
    share = "" if edge.share is None else f" \N{MULTIPLICATION SIGN} {edge.share:.2f}"
    page.write(left, top + 0.28, f"{edge.weights[edge.strongest][-1]:.2f}{lead}{share}", color=look["color"])
    axes = page.axes(left, top + SMALL_TITLE, SMALL)
    axes.axhline(edge.even, color=FAINT, linewidth=0.7, linestyle=":")
    lines = [
        Line(name, tuple(zip(epochs, row, strict=True)))
        for name, row in zip(edge.labels, edge.weights, strict=True)
    ]
    _draw(axes, [*lines[: edge.strongest], *lines[edge.strongest + 1 :]], looks, width=0.8, alpha=0.5)
    _draw(
        axes, [lines[edge.strongest]], looks, width=2.0 if edge.kept else 1.2, alpha=1 if edge.kept else 0.6
    )
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    return axes


def _draw(
    axes: Axes, lines: Sequence[Line], looks: Mapping[str, Look], *, width: float = 1.4, alpha: float = 1
) -> None:
    """Lines over the epochs, the last of which is the right edge."""
    epochs = [epoch for line in lines for epoch, _ in line.points]
    first, last = min(epochs), max(epochs)
    for line in lines:
        x, y = zip(*line.points, strict=True)
        dots = "o" if len(x) == 1 else ""
        axes.plot(x, y, linewidth=width, alpha=alpha, marker=dots, markersize=3, **looks[line.name])
    axes.set_xlim(first - 0.5 if first == last else first, last + 0.5 if first == last else last)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))


def _label(axes: Axes, lines: Sequence[Line], looks: Mapping[str, Look], texts: Sequence[str]) -> None:
    """A text for each line at the right edge of its panel, as near to the line's end as the others let it."""
    to_panel = axes.transAxes.inverted()
    ends = [float(to_panel.transform(axes.transData.transform(line.points[-1]))[1]) for line in lines]
    gap = min(LINE / PANEL[1], 1 / len(lines))  # as part of the panel's height
    size = 7 * gap * PANEL[1] / LINE
    for line, text, end, place in zip(lines, texts, ends, apart(ends, gap), strict=True):
        look = {"color": looks[line.name]["color"], "transform": axes.transAxes, "clip_on": False}
        axes.plot([1.01, 1.05], [end, place], linewidth=0.6, **look)
        axes.text(1.06, place, text, va="center", size=size, **look)


def apart(wanted: Sequence[float], gap: float) -> list[float]:
    """Places for labels on a line from 0 to 1: `gap` apart, in the order of the wanted ones and near to them."""
    groups: list[list[int]] = []

    def middle(group: Sequence[int]) -> float:
        half = (len(group) - 1) / 2 * gap
        return max(half, min(1 - half, sum(wanted[item] for item in group) / len(group)))

    for item in sorted(range(len(wanted)), key=lambda item: wanted[item]):
        group = [item]
        while groups and middle(group) - middle(groups[-1]) < (len(group) + len(groups[-1])) / 2 * gap:
            group = groups.pop() + group
        groups.append(group)
    return [
        middle(group) + (group.index(item) - (len(group) - 1) / 2) * gap
        for item in range(len(wanted))
        for group in groups
        if item in group
    ]


def _looks(labels: Sequence[str]) -> dict[str, Look]:
    """Colour and dashes of each operation; dashes tell apart those that share a colour."""
    names = dict.fromkeys(labels)
    free = [colour for colour in PALETTE if not any(FIXED.get(name) == colour for name in names)]
    uses: dict[str, int] = {}
    looks: dict[str, Look] = {}
    for name in names:
        others = sum(label not in FIXED for label in looks)
        colour = FIXED.get(name, free[others % len(free)])
        looks[name] = {"color": colour, "linestyle": DASHES[uses.get(colour, 0) % len(DASHES)]}
        uses[colour] = uses.get(colour, 0) + 1
    return looks


def _rows(cell: CellShares) -> list[list[EdgeShares]]:
    """Its edges as they are placed: those into one node side by side, in a row or a few."""
    into: dict[str, list[EdgeShares]] = {}
    for edge in cell.edges:
        into.setdefault(edge.target, []).append(edge)
    rows = []
    for edges in into.values():
        rows += [edges[start : start + MOST_COLUMNS] for start in range(0, len(edges), MOST_COLUMNS)]
    return rows


def _legend_height(runs: int) -> float:
    return runs * LEGEND_LINE + 0.2 if runs else 0.0


def _cell_height(cell: CellShares) -> float:
    return max(0.3 + len(_rows(cell)) * SMALL_PITCH[1] + 0.25, 4.0)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _number(value: float) -> str:
    return f"{value:.3f}" if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.2e}"
