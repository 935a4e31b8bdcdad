"""Small random spaces without `keep` (but for some nodes), in which much leads nowhere."""

from __future__ import annotations

import random
from itertools import product as combinations
from math import prod

from dartsl.lang.check.model import Cell, Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source

OFFERS = ("identity", "noise", "conv(1)", "conv(1) > bn", "sigmoid")
NETWORK = """
network net(C = 2) {{
  input image(1, 4, 4)
  stem  conv(1) > bn
  stage {layers} width C
  head  global_avg_pool > linear(3)
}}
"""
LAYERS = ("a", "a*2", "a > b", "b > a > b", "a*2 > b", "a > noise > b > a", "a > b > b > a > b")


def space(seed: int, most: int = 2500) -> Spec:
    """A checked spec of one or two cells, with so many architectures at most that all can be tried."""
    draws = random.Random(seed)
    while True:
        layers = draws.choice(LAYERS)
        names = [name for name in "ab" if name in layers.replace("noise", "")]
        text = "\n".join(_cell(draws, name) for name in names) + NETWORK.format(layers=layers)
        spec = check(Source("random.darts", f'darts 1\nimport "std/cnn"\n{text}'))
        if 1 < prod(len(edge.candidates) for cell in spec.cells.values() for edge in cell.edges) <= most:
            return spec


def _cell(draws: random.Random, name: str) -> str:
    inputs = ["x", "y"][: draws.choice((1, 2, 2))]
    lines = [f"cell {name} {{"]
    lines += [f"  input {item}{draws.choice(('', ' : relu_conv_bn(1)'))}" for item in inputs]
    edges: list[str] = []
    known = list(inputs)
    nodes = [f"n{place}" for place in range(draws.choice((2, 3, 3, 4)))]
    for node in nodes:
        merge = draws.choice(("sum", "sum", "sum", "product", "mean", "lerp"))
        count = 3 if merge == "lerp" else draws.choice((1, 2, 2))
        sources = [draws.choice(known) for _ in range(count)]
        keep = " keep 1" if merge == "sum" and count == 2 and draws.random() < 0.15 else ""
        lines.append(f"  node {node} : {merge}{keep}")
        for source in sources:
            offers = draws.sample(OFFERS, draws.choice((1, 1, 2)))
            if merge == "sum" and (len(offers) > 1 or count == 1) and draws.random() < 0.8:
                offers.insert(draws.randrange(len(offers) + 1), "none")
            if keep and len(offers) == 1:
                offers.append(draws.choice([each for each in OFFERS if each not in offers]))
            edges.append(f"  edge {source} -> {node} : {' | '.join(offers)}")
        known.append(node)
    output = draws.choice((nodes[-1], f"mean({', '.join(nodes)})", f"product({', '.join(nodes[-2:])})"))
    return "\n".join([*lines, *edges, f"  output {output}", "}"])


def weights_of(cell: Cell, draws: random.Random) -> list[list[float]]:
    """Mixing weights; `none` and `noise` are favoured, and some are equal."""
    table = []
    for edge in cell.searched_edges:
        row = [
            draws.choice((1.0, 2.0, 3.0)) * (4 if each.label in ("none", "noise") else 1)
            + draws.random() / 10
            for each in edge.candidates
        ]
        table.append([value / sum(row) for value in row])
    return table


def all_columns(cells: list[Cell]) -> list[dict[str, dict[int, int]]]:
    """Every way to choose a candidate on each edge of each cell, by cell and place of the edge."""
    places = [(cell.name, place, len(e.candidates)) for cell in cells for place, e in enumerate(cell.edges)]
    found = []
    for columns in combinations(*(range(size) for _, _, size in places)):
        chosen: dict[str, dict[int, int]] = {cell.name: {} for cell in cells}
        for (name, place, _), column in zip(places, columns, strict=True):
            chosen[name][place] = column
        found.append(chosen)
    return found
