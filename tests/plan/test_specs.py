"""The shipped specs: short, sound, and the published cells edge by edge."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from dartsl.lang.settings.values import SearchConfig, TrainConfig, configure
from dartsl.lang.syntax.resources import shipped_specs
from tests.plan.help import graph_of, shipped

SHORT = {"darts_cnn", "nasbench201", "digits", "robust_s2", "robust_s3", "robust_s4", "darts_rnn"}
LINES = {
    **dict.fromkeys(SHORT, 25),
    "robust_s1": 42,
    "transnas_micro": 18,
    "nb1shot1": 22,
    "mobile": 20,
    "transformer": 12,
    "vit": 15,
    "lstm": 24,
}  # the most that each may take
OPERATIONS = {
    "s3": "sep_conv_3x3",
    "s5": "sep_conv_5x5",
    "s7": "sep_conv_7x7",
    "d3": "dil_conv_3x3",
    "d5": "dil_conv_5x5",
    "sk": "skip_connect",
    "mp": "max_pool_3x3",
    "ap": "avg_pool_3x3",
    "c71": "conv_7x1_1x7",
}

# As the papers and DARTS quote them: two entries a node; the digit is an input (0, 1) or a node (2..).
PUBLISHED = {
    "darts_v1": (
        ("s3-1 s3-0 sk-0 s3-1 sk-0 s3-1 s3-0 sk-2", "2 3 4 5"),
        ("mp-0 mp-1 sk-2 mp-0 mp-0 sk-2 sk-2 ap-0", "2 3 4 5"),
    ),
    "darts_v2": (
        ("s3-0 s3-1 s3-0 s3-1 s3-1 sk-0 sk-0 d3-2", "2 3 4 5"),
        ("mp-0 mp-1 sk-2 mp-1 mp-0 sk-2 sk-2 mp-1", "2 3 4 5"),
    ),
    "nasnet_a": (
        ("s5-1 s3-0 s5-0 s3-0 ap-1 sk-0 ap-0 ap-0 s3-1 sk-1", "2 3 4 5 6"),
        ("s5-1 s7-0 mp-1 s7-0 ap-1 s5-0 sk-3 ap-2 s3-2 mp-1", "4 5 6"),
    ),
    "amoebanet_a": (
        ("ap-0 mp-1 s3-0 s5-2 s3-0 ap-3 s3-1 sk-1 sk-0 ap-1", "4 5 6"),
        ("ap-0 s3-1 mp-0 s7-2 s7-0 ap-1 mp-0 mp-1 c71-0 s3-5", "3 4 6"),
    ),
}


def statements(text: str) -> list[str]:
    """The lines that count: no blanks, comments or settings."""
    text = re.sub(r"^(search|train) \{.*?^\}", "", text, flags=re.MULTILINE | re.DOTALL)
    return [line for line in text.splitlines() if line.split("#")[0].strip()]


def test_search_spaces_are_short() -> None:
    specs = shipped_specs()
    assert set(specs) >= LINES.keys()
    lengths = {name: len(statements(specs[name].read_text(encoding="utf-8"))) for name in LINES}
    assert {name: length for name, length in lengths.items() if length > LINES[name]} == {}


def test_every_shipped_spec_is_sound() -> None:
    for name in shipped_specs():
        spec = shipped(name)
        assert spec.warnings == ()
        configure(SearchConfig(), spec.search)
        configure(TrainConfig(), spec.train)
        for network in spec.networks:
            known = {p.name.id for p in spec.networks[network].parameters}
            graph_of(spec, network, **({"n": 1} if "n" in known else {}))


def node(number: int) -> str:
    return f"c{number}" if number < 2 else f"n{number - 2}"


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_cells(name: str) -> None:
    spec = shipped(f"zoo/{name}")
    for cell, (entries, joined) in zip(("normal", "reduction"), PUBLISHED[name], strict=True):
        expected: Counter[tuple[str, str, str]] = Counter()
        for place, entry in enumerate(entries.split()):
            operation, source = entry.split("-")
            expected[node(int(source)), node(2 + place // 2), OPERATIONS[operation]] += 1
        found = Counter((e.source, e.target, e.candidates[0].label) for e in spec.cells[cell].edges)
        assert found == expected
        assert spec.cells[cell].output.nodes == tuple(node(int(n)) for n in joined.split())
    network = spec.networks["cifar10"]
    assert [p.span.text for p in network.parameters] == ["C = 36", "n = 6", "classes = 10"]
    assert spec.decided(network)


# Edge by edge, in DARTS's order, as src/spaces.py of the authors' repository (automl/RobustDARTS) lists them.
ROBUST_S1 = {
    "normal": "sk|d3 sk|d5  sk|d5 sk|s3 sk|d3  mp|sk sk|s3 sk|s3 sk|d3  sk|s3 mp|sk sk|d3 d3|d5 d3|d5",
    "reduction": "mp|ap mp|d3  mp|ap mp|ap sk|d5  mp|ap mp|s3 sk|d3 sk|d5  mp|ap mp|ap sk|d5 sk|d5 sk|d5",
}


@pytest.mark.parametrize("cell", sorted(ROBUST_S1))
def test_robust_s1(cell: str) -> None:
    edges = shipped("robust_s1").cells[cell].edges
    places = [(node(source), node(2 + target)) for target in range(4) for source in range(2 + target)]
    assert [(edge.source, edge.target) for edge in edges] == places
    offered = [[OPERATIONS[short] for short in entry.split("|")] for entry in ROBUST_S1[cell].split()]
    assert [[candidate.label for candidate in edge.candidates] for edge in edges] == offered


def test_robust_spaces() -> None:
    offered = {
        name: [c.label for c in shipped(f"robust_{name}").cells["normal"].edges[0].candidates]
        for name in ("s2", "s3", "s4")
    }
    assert offered == {
        "s2": ["skip_connect", "sep_conv_3x3"],
        "s3": ["none", "skip_connect", "sep_conv_3x3"],
        "s4": ["noise", "sep_conv_3x3"],
    }


def test_recipe_of_darts() -> None:
    spec = shipped("darts_cnn")
    search = configure(SearchConfig(), spec.search)
    assert (search.order, search.epochs, search.batch, search.alphas_lr) == ("2", 50, 64, 3e-4)
    assert (search.lr, search.lr_min, search.clip, search.alphas_betas) == (0.025, 0.001, 5, (0.5, 0.999))
    train = configure(TrainConfig(), spec.train)
    assert (train.epochs, train.batch, train.auxiliary, train.drop_path, train.cutout) == (
        600,
        96,
        0.4,
        0.2,
        16,
    )
