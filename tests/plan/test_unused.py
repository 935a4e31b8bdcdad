"""What is written and never runs: counted apart, and named."""

from __future__ import annotations

import pytest

import dartsl
from dartsl.graph import count
from dartsl.graph.unused import running, unused
from dartsl.lang.codes.source import Source
from tests.plan.help import NETWORK, graph_of, shipped, spec_of

HEAD = 3 * 8 * 9 * 64 + 8 * 10  # the stem's convolution on 8 x 8 images, C = 8, and the head's matrix
MATRIX = 8 * 8 * 64  # a 1 x 1 convolution
SEPARABLE = 2 * (9 * 8 * 64 + MATRIX)
SEPARABLE_WEIGHTS = 2 * (9 * 8 + 8 * 8 + 2 * 8)  # depthwise, 1 x 1, and batch norm


def test_an_input_that_nothing_uses_is_not_prepared() -> None:
    cell = """cell a {
      input  x, y : preprocess
      node   n, m : sum
      edge   x -> n, m : sep_conv_3x3
      output n
    }"""
    graph = graph_of(spec_of(cell + NETWORK.format(size="8, 8", stage="a")))
    assert count.multiply_adds(running(graph)) == HEAD + MATRIX + SEPARABLE
    found = unused(graph)
    assert found.multiply_adds == MATRIX + SEPARABLE
    assert found.parameters == 8 * 8 + 2 * 8 + SEPARABLE_WEIGHTS
    assert found.parts == ("a.y", "a.m")


def test_a_found_cell_of_100_nodes_counts_the_path_that_runs() -> None:
    """Each node is fed by the one before it, the output is the second one."""
    edges = "\n".join(f"edge n{i} -> n{i + 1} : conv(1)" for i in range(1, 100))
    cell = f"cell a {{ input x node n1..n100 : sum\nedge x -> n1 : conv(1)\n{edges}\noutput n2 }}"
    graph = graph_of(spec_of(cell + NETWORK.format(size="8, 8", stage="a")))
    assert count.multiply_adds(graph) == HEAD + 100 * MATRIX
    assert count.multiply_adds(running(graph)) == HEAD + 2 * MATRIX
    assert unused(graph).parts == tuple(f"a.n{i}" for i in range(3, 101))


def test_what_none_takes_in_does_not_run() -> None:
    cell = """cell a {
      input  x : relu_conv_bn(1)
      input  y
      node   n, m : sum
      edge   x -> n : none
      edge   n -> m : identity
      edge   y -> m : conv(1)
      output m
    }"""
    graph = graph_of(spec_of(cell + NETWORK.format(size="8, 8", stage="a")))
    assert count.multiply_adds(running(graph)) == HEAD + MATRIX
    assert unused(graph).parts == ("a.x",)


def test_layers_that_are_passed_by_are_named_whole_and_parts_by_layer() -> None:
    """Of four layers of `a`, which reads the last but one alone, the third and the first never run."""
    cells = """cell a {
      input  x : relu_conv_bn(1)
      input  y : relu_conv_bn(1)
      node   n : sum
      edge   x -> n : conv(1)
      output n
    }"""
    graph = graph_of(spec_of(cells + NETWORK.format(size="8, 8", stage="a*4")))
    assert unused(graph).parts == ("layer0", "a.y", "layer2")
    assert count.multiply_adds(running(graph)) == HEAD + 2 * 2 * MATRIX


@pytest.mark.parametrize("name", ["darts_cnn", "zoo/amoebanet_a", "zoo/rnn_v2", "text"])
def test_all_of_a_sound_network_runs(name: str) -> None:
    found = unused(graph_of(shipped(name)))
    assert (found.parameters, found.multiply_adds, found.parts) == (0, 0, ())


def test_info_says_what_does_not_run() -> None:
    cell = "cell a { input x : relu_conv_bn(1) node n, m : sum edge x -> n, m : conv(1) output n }"
    text = f'darts 1\nimport "std/cnn"\n{cell}\n{NETWORK.format(size="8, 8", stage="a")}'
    found = dartsl.info(Source("test.darts", text))
    assert found.multiply_adds == HEAD + 2 * MATRIX
    assert found.unused is not None
    assert (found.unused.parameters, found.unused.multiply_adds) == (64, MATRIX)
    assert found.unused.parts == ("a.m",)
