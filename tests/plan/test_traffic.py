"""What a forward pass reads and writes, counted by hand for a network of text."""

from __future__ import annotations

import networkx as nx

from dartsl.graph.build import build
from dartsl.graph.listing import passes_listing
from dartsl.graph.passes import optimise
from dartsl.graph.target import target_of
from dartsl.graph.traffic import BYTES, cost
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan

STORY = """darts 1
cell rnn {
  input  x, h
  node   s0 : highway
  edge   x, h -> s0 : identity
  output s0
}
network story(window = 5) {
  input tokens(window)
  stem  embedding(7, out = 2)
  stage scan(rnn, carry = "h") width 2
  head  linear(7)
}
"""


def graph(window: int) -> nx.DiGraph:
    spec = check(Source("story", STORY))
    return build(plan(spec, spec.networks["story"], {"window": window}))


def test_a_cell_along_a_sequence_moves_its_numbers_at_each_step() -> None:
    for window in (5, 10):
        embedding = window + 7 * 2 + 2 * window  # tokens, matrix, vectors
        highway = window * (3 * 2 + 4 * 4 + 2)  # element and carry twice, matrix, output
        outputs = window * 2 + 2 * window
        head = 2 * window + 7 * 2 + 7 + 7 * window  # vectors, matrix, bias, logits
        assert cost(graph(window)).traffic == BYTES * (embedding + highway + outputs + head)


def test_the_unit_is_that_of_the_input() -> None:
    built, target = graph(5), target_of("cpu")
    text = passes_listing(built, optimise(built, 0, target), target, "-O0")
    assert "  MiB per row of text\n" in text
    assert "image" not in text
