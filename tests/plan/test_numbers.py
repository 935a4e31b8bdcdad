"""The numbers of method.md: parameters, multiply-adds and sizes of spaces, by counting."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from dartsl.graph import count
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.layer_choices import laid_out
from dartsl.lang.records.inputs import Images
from dartsl.lang.syntax.loader import read
from tests.plan.help import graph_of, planned, shipped, spec_of

IMAGENET = """
network imagenet(C = 48, n = 4) {
  input image(3, 224, 224)
  stem  conv(3, out = C/2)/2 > bn > relu > conv(3, out = C)/2 > bn
  stem  relu > conv(3, out = C)/2 > bn
  stage normal*n               width C
  stage reduction/2 > normal*n width 2*C
  stage reduction/2 > normal*n width 4*C
  head  global_avg_pool > linear(1000)
}
"""


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("darts_cnn", {}, 1_930_618),
        ("darts_cnn", {"n": 1}, 1_275_834),
        ("zoo/darts_v1", {}, 3_169_414),
        ("zoo/darts_v2", {}, 3_349_342),
    ],
)
def test_parameters_of_darts(name: str, parameters: dict[str, int], expected: int) -> None:
    assert count.parameters(graph_of(name, **parameters)) == expected


@pytest.mark.parametrize(("name", "expected"), [("darts_cnn", 300_255_744), ("zoo/darts_v2", 528_359_040)])
def test_multiply_adds_of_darts(name: str, expected: int) -> None:
    assert count.multiply_adds(graph_of(name)) == expected


@pytest.mark.parametrize(
    ("name", "h", "vocab", "sources", "matrices"),
    [
        ("text", 48, 8, (1, 2, 3, 4), 4),  # each node from every one before it
        ("darts_rnn", 300, 10_000, range(1, 9), 8),
        ("zoo/rnn_v1", 850, 10_000, (1,) * 8, 8),
        ("zoo/rnn_v2", 850, 10_000, (1,) * 8, 8),
        ("zoo/rnn_enas", 850, 10_000, (1,) * 11, 11),
    ],
)
def test_counts_of_recurrent_networks(
    name: str, h: int, vocab: int, sources: Iterable[int], matrices: int
) -> None:
    """A node has two matrices, which meet each of its sources once, whatever the candidates. The head's is the
    embedding's, and has a bias of its own."""
    graph = graph_of(name)
    assert count.parameters(graph) == 2 * h * 2 * h + matrices * 2 * h * h + vocab * h + vocab
    assert count.multiply_adds(graph) == 2 * h * 2 * h + sum(sources) * 2 * h * h + h * vocab


def test_imagenet_network_of_darts_v2() -> None:
    spec = check(Source("imagenet.darts", f'darts 1\nimport "zoo/darts_v2"\n{IMAGENET}'))
    plan = planned(spec, "imagenet")
    first = next(layer for layer in plan.layers if layer.name == "layer0")
    assert first.reads == ("stem0", "stem1")
    assert [layer.output.size for layer in plan.layers[:3]] == [(56, 56), (28, 28), (28, 28)]
    assert len(plan.layers) == 2 + 14 + 1
    assert count.parameters(graph_of(spec, "imagenet")) == 4_718_752


def test_transnas_by_hand() -> None:
    """The network 64-41414-3_33_333 on scenes, as lib/models of the authors' repository (yawen-d/TransNASBench) has it:
    six convolutions a cell, of which three leave its input; a batch norm after each."""
    text = read("transnas_micro").text.replace("none | skip_connect | relu_conv_bn(1) |", "")
    spec = check(Source("test.darts", text))
    graph = graph_of(spec, C=64, step=2, channels=3, size=256, classes=47)
    cells = [
        (64, 128, 32),
        *[(128, 128, 32)] * 3,
        (128, 256, 16),
        *[(256, 256, 16)] * 3,
        (256, 512, 8),
        (512, 512, 8),
    ]
    convolutions = [(3, 32, 128), (32, 64, 64)]  # (channels in, channels out, size of what comes out)
    for before, width, size in cells:
        convolutions += [(before, width, size)] * 3 + [(width, width, size)] * 3
    weights = sum(9 * before * width + 2 * width for before, width, _ in convolutions)
    assert count.parameters(graph) == weights + 512 * 47 + 47 == 41_435_727
    products = sum(9 * before * width * size**2 for before, width, size in convolutions)
    assert count.multiply_adds(graph) == products + 512 * 47 == 8_469_896_704


PROXYLESS_MOBILE = """
network phones {
  input image(3, 224, 224)
  stem  conv(3, out = 32)/2 > bn > relu6
  stage depthwise(3) width 16
  stage mb(3, 5)/2 > mb(3, 3) width 32
  stage mb(3, 7)/2 > mb(3, 3) > mb(3, 5)*2 width 40
  stage mb(6, 7)/2 > mb(3, 5)*3 width 80
  stage mb(6, 5) > mb(3, 5)*3 width 96
  stage mb(6, 7)/2 > mb(6, 7) > mb(3, 7)*2 width 192
  stage mb(6, 7) width 320
  head  conv(1, out = 1280) > bn > relu6 > global_avg_pool > linear(1000)
}
"""


def test_proxyless_mobile_by_hand() -> None:
    """The network found for phones, which the paper's authors publish: 4.08 million parameters, 320 million
    multiply-adds; and the same figures by a loop over its blocks."""
    text = read("mobile").text
    graph = graph_of(check(Source("test.darts", text[: text.index("network mobile(")] + PROXYLESS_MOBILE)))
    # (kernel, ratio, width, size of what comes out)
    blocks = [(5, 3, 32, 56), (3, 3, 32, 56), (7, 3, 40, 28), (3, 3, 40, 28), *[(5, 3, 40, 28)] * 2]
    blocks += [(7, 6, 80, 14), *[(5, 3, 80, 14)] * 3, (5, 6, 96, 14), *[(5, 3, 96, 14)] * 3]
    blocks += [*[(7, 6, 192, 7)] * 2, *[(7, 3, 192, 7)] * 2, (7, 6, 320, 7)]
    convolutions = [(9 * 3, 32, 112), (9, 32, 112), (32, 16, 112)]  # (weights a channel, channels, size)
    before, size = 16, 112
    for kernel, ratio, width, after in blocks:
        inside = ratio * before
        convolutions += [(before, inside, size), (kernel**2, inside, after), (inside, width, after)]
        before, size = width, after
    convolutions.append((320, 1280, 7))
    weights = sum((each + 2) * channels for each, channels, _ in convolutions)
    assert count.parameters(graph) == weights + 1280 * 1000 + 1000 == 4_080_512
    products = sum(each * channels * size**2 for each, channels, size in convolutions)
    assert count.multiply_adds(graph) == products + 1280 * 1000 == 320_427_584


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Node by node: pairs of edges, and 7 operations on each; for two cells.
        ("darts_cnn", ((1 * 3 * 6 * 10) * 49**4) ** 2),
        ("nasbench201", 15_625),
        ("robust_s1", ((1 * 3 * 6 * 10) * 2**8) ** 2),
        ("transnas_micro", 4096),
        (
            "nb1shot1",
            3**4 * 3 * 6 * 10,
        ),  # operations of 4 nodes; two parents of 3, of 4, and of 5 for the output
        ("robust_s2", ((1 * 3 * 6 * 10) * 2**8) ** 2),
        ("transformer", (4 * 6) ** 2),
        ("vit", (6 * 6) ** 2),
        ("zoo/darts_v2", 1),
    ],
)
def test_sizes_of_spaces(name: str, expected: int) -> None:
    spec = shipped(name)
    (network,) = spec.networks.values()
    spec, network = laid_out(spec, network, {})
    assert count.space_size(spec.cells[cell] for cell in network.cells) == expected


def test_size_of_the_recurrent_space_by_its_shape() -> None:
    """8 nodes that keep one of all earlier edges with 4 operations beside `none`: 8! * 4^8 = 2.64e9."""
    spec = spec_of("""
      ops five = none | tanh | relu | sigmoid | identity
      cell recurrent {
        input  s0
        node   s1..s8 : sum keep 1
        edge   s0..s7 -> s1..s8 : five
        output mean(s1..s8)
      }
    """)
    assert count.space_size(spec.cells.values()) == 40_320 * 4**8


def test_size_of_a_space_with_uneven_edges() -> None:
    """keep 2 of edges with 2, 1 and 3 operations beside `none`: 2*1 + 2*3 + 1*3; then a free edge."""
    spec = spec_of("""
      cell c {
        input  x, y, z
        node   p : sum keep 2
        node   q : sum
        edge   x -> p : relu | none | tanh
        edge   y -> p : identity
        edge   z -> p : relu | tanh | sigmoid
        edge   p -> q : none | relu
        output q
      }
    """)
    assert count.space_size(spec.cells.values()) == 11 * 2


def test_digits_has_five_cells_with_two_reductions() -> None:
    plan = planned("digits")
    cells = [(layer.cell.name, layer.stride) for layer in plan.layers if hasattr(layer, "cell")]
    assert cells == [("normal", 1), ("reduction", 2), ("normal", 1), ("reduction", 2), ("normal", 1)]
    assert plan.input == Images(1, 8, 8)
    assert plan.classes == 10


def test_reductions_stand_at_one_and_two_thirds() -> None:
    for n, places in ((2, [2, 5]), (6, [6, 13])):
        cells = [layer for layer in planned("darts_cnn", n=n).layers if hasattr(layer, "cell")]
        assert [i for i, layer in enumerate(cells) if layer.cell.name == "reduction"] == places


def decided(name: str) -> Spec:
    """A shipped space of transformers of whose layers the largest are chosen."""
    text = re.sub(
        r"^ops mixer .*?(?=^ops)",
        "ops mixer = residual(layer_norm > attention(8))\n",
        read(name).text,
        flags=re.M | re.S,
    )
    return check(Source("test.darts", text.replace("mlp(1 | 2 | 4, gelu | silu)", "mlp(4, gelu)")))


def test_gpt2_by_hand() -> None:
    """GPT-2's smallest network has 124,439,808 parameters, and no bias where it gives words."""
    d, layers, window, vocab = 768, 12, 1024, 50257
    graph = graph_of(decided("transformer"), D=d, L=layers, window=window, vocab=vocab)
    layer = 2 * d + 3 * (d * d + d) + d * d + d + 2 * d + 4 * d * d + 4 * d + 4 * d * d + d
    assert vocab * d + window * d + layers * layer + 2 * d == 124_439_808
    assert count.parameters(graph) == 124_439_808 + vocab


def test_deit_by_hand() -> None:
    """DeiT-S has 22,050,664 parameters, those of a class token, and of biases where there is none here, among them."""
    d, layers, places, classes = 384, 12, 14 * 14, 1000
    graph = graph_of(decided("vit"), D=d, L=layers, channels=3, size=224, patch=16, classes=classes)
    layer = 4 * d + 4 * (d * d + d) + 8 * d * d
    ours = 16 * 16 * 3 * d + places * d + layers * layer + 2 * d + d * classes + classes
    assert count.parameters(graph) == ours
    biases = d + layers * (4 * d + d)
    assert ours + 2 * d + biases == 22_050_664  # a class token, and its place
    products = 16 * 16 * 3 * d * places + layers * (12 * d * d * places + 2 * places**2 * d) + d * classes
    assert count.multiply_adds(graph) == products == 4_574_026_752
