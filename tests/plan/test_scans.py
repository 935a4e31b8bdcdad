"""Rule 19: networks of text, cells that run along a sequence, shared and tied matrices."""

from __future__ import annotations

from math import factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dartsl.graph.count import space_size
from dartsl.lang.check.model import Cell
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.terms import CellLayer, Plan, Scan, TermLayer
from dartsl.lang.records.inputs import Tokens
from dartsl.lang.records.tensors import Shape
from tests.plan.help import planned, shipped, steps

PUBLISHED = {
    "rnn_v1": ("relu0 relu1 tanh2 relu3 relu4 identity1 relu5 relu1", range(1, 9)),
    "rnn_v2": ("sigmoid0 relu1 relu1 identity1 tanh2 sigmoid5 tanh3 relu5", range(1, 9)),
    "rnn_enas": (
        "tanh0 tanh1 relu1 tanh3 tanh3 relu3 relu4 relu7 relu8 relu8 relu8",
        (2, 5, 6, 9, 10, 11),
    ),
}


def source(*declarations: str, items: str = "", vocab: int = 50) -> Source:
    text = "\n".join(declarations)
    items = items or 'stem embedding(vocab) stage scan(c, carry = "h") width H head linear(vocab)'
    network = f"network text(H = 6, vocab = {vocab}, p = 1/4) {{ input tokens(7) {items} }}"
    return Source("test.darts", f'darts 1\nimport "std/rnn"\n{text}\n{network}')


def text(*declarations: str, items: str = "") -> Plan:
    return planned(check(source(*declarations, items=items)))


def cell(*edges: str, nodes: str = "n0", inputs: str = "x, h", output: str = "n0") -> str:
    drawn = " ".join(f"edge {edge}" for edge in edges)
    return f"cell c {{ input {inputs} node {nodes} : sum {drawn} output {output} }}"


def scans(plan: Plan) -> list[CellLayer]:
    return [layer for layer in plan.layers if isinstance(layer, CellLayer)]


def shares(layer: CellLayer) -> list[list[str]]:
    """For each edge, the names of the shared matrices of its first candidate."""
    return [[step.share for step in steps(terms[0]) if step.primitive == "linear"] for terms in layer.edges]


def titles(*declarations: str, items: str = "") -> list[tuple[str, str]]:
    return [(f.code, f.title) for f in diagnose(source(*declarations, items=items)).diagnostics]


def test_the_search_space_of_darts() -> None:
    plan = planned(shipped("darts_rnn"))
    assert plan.input == Tokens(35, 10_000)
    assert plan.input.shape == Shape(1, (35,), tokens=True)
    assert plan.input.batch(4) == (35, 4)
    assert plan.classes == 10_000
    (layer,) = scans(plan)
    assert layer.scan == Scan(("h",), 0.75, 0.25)
    assert layer.reads == ("stem0",)
    assert layer.inputs == (None, None)
    assert {*layer.input_shapes, *layer.node_shapes} == {Shape(300, ())}
    assert layer.output == Shape(300, (35,))
    assert layer.node_bn == (True,) * 9
    edges = layer.cell.searched_edges
    assert len(edges) == 36
    assert [c.label for c in edges[0].candidates] == [
        *("none", "gate(tanh)", "gate(relu)", "gate(sigmoid)", "gate(identity)"),
    ]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_cells(name: str) -> None:
    entries, joined = PUBLISHED[name]
    spec = shipped(f"zoo/{name}")
    found = spec.cells["recurrent"]
    assert arrows(found)[:2] == ["x->s0:identity", "h->s0:identity"]
    wanted = [f"s{e[-1]}->s{place}:gate({e[:-1]})" for place, e in enumerate(entries.split(), 1)]
    assert arrows(found)[2:] == wanted
    assert (found.output.merge, found.output.nodes) == ("mean", tuple(f"s{n}" for n in joined))
    assert spec.decided(spec.networks["ptb"])
    assert [p.span.text for p in spec.networks["ptb"].parameters] == [
        *("H = 850", "vocab = 10000", "dropout = 1", "dropout_h = 0.25")
    ]
    assert scans(planned(spec))[0].node_bn == (False,) * (len(wanted) + 1)


def arrows(found: Cell) -> list[str]:
    return [f"{e.source}->{e.target}:{e.candidates[0].label}" for e in found.edges]


def test_stems_and_heads_work_on_sequences() -> None:
    plan = text(
        cell("all -> n0 : identity"),
        items="stem embedding(vocab, out = 4, dropout = p) stem linear(H) > tanh > locked_dropout(p) "
        'stage relu > scan(c, "h") > scan(c, "h", p) width H stage concat(tanh, identity) width 2*H head linear(vocab)',
    )
    layers = plan.layers
    assert [layer.name for layer in layers] == [
        *("stem0", "stem1", "layer0", "layer1", "layer2", "layer3", "head")
    ]
    assert [layer.output for layer in layers] == [Shape(n, (7,)) for n in (4, 6, 6, 6, 6, 12, 50)]
    assert [layer.scan for layer in scans(plan)] == [Scan(("h",), 0, 0), Scan(("h",), 0.25, 0)]
    first = layers[0]
    assert isinstance(first, TermLayer)
    (step,) = steps(first.term)
    assert step.input == plan.input.shape
    assert dict(step.arguments) == {"vocab": 50, "out": 4, "dropout": 0.25}


@pytest.mark.parametrize(("inputs", "carry"), [("x, h", "h"), ("h, x", "h"), ("x, h", "x")])
def test_the_carry_is_as_wide_as_the_stage_and_the_element_as_what_arrives(inputs: str, carry: str) -> None:
    highway = f"cell c {{ input {inputs} node s : highway edge all -> s : identity output s }}"
    plan = text(
        highway,
        items=f'stem embedding(vocab, out = 4) stage scan(c, "{carry}") width H head linear(vocab)',
    )
    (layer,) = scans(plan)
    found = {i.name: shape.channels for i, shape in zip(layer.cell.inputs, layer.input_shapes, strict=True)}
    assert found == {name: 6 if name == carry else 4 for name in ("x", "h")}
    assert layer.node_shapes == (Shape(6, ()),)


def test_the_place_of_a_shared_matrix() -> None:
    """One for each op and place in its body, whatever the arguments: branches of merges count as the body."""
    (layer,) = scans(planned(shipped("darts_rnn"), H=4, vocab=9))
    gates = [[["gate.linear", "gate.linear_2"]] * 4 for _ in layer.cell.searched_edges]
    found = [
        [[s.share for s in steps(t) if s.primitive == "linear"] for t in terms[1:]]
        for terms in layer.edges[2:]
    ]
    assert found == gates


def test_places_within_ops_parameters_and_repetitions() -> None:
    shared = 'linear(bias = false, share = "target")'
    ops = (
        f"op one = {shared} > tanh",
        "op two = one > one",
        f"op given(act) = act > {shared} > act",
        f"op mixed = linear > {shared}*2",
    )
    edges = (f"x -> n0 : {shared}", "h -> n0 : two", "x -> n1 : given(one)", "h -> n1 : given(tanh)")
    more = ("n0 -> n2 : mixed",)
    (layer,) = scans(text(*ops, cell(*edges, *more, "n1 -> n2 : relu", nodes="n0..n2", output="n2")))
    assert shares(layer) == [
        ["linear"],
        ["two.one.linear", "two.one_2.linear"],
        ["given.act.one.linear", "given.linear", "given.act_2.one.linear"],
        ["given.linear"],
        ["", "mixed.linear_2", "mixed.linear_3"],
        [],
    ]


@settings(deadline=None)
@given(widths=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_a_matrix_is_shared_where_widths_agree(widths: list[int]) -> None:
    """Sources of the same width can share a node's matrix, others are E0413."""
    nodes = [f"a{i}" for i in range(len(widths))]
    into = [f"h -> {node} : linear({width})" for node, width in zip(nodes, widths, strict=True)]
    joined = [f'{node} -> n0 : linear(share = "target")' for node in nodes]
    declared = cell("x -> n0 : identity", *into, *joined, nodes=", ".join([*nodes, "n0"]))
    assert {code for code, _ in titles(declared)} == ({"E0413"} if len(set(widths)) > 1 else set())


def test_an_argument_cannot_change_the_shape_of_a_shared_matrix() -> None:
    op = 'op g(n) = linear(n, share = "target") > linear'
    assert [c for c, _ in titles(op, cell("x -> n0 : g(3)", "h -> n0 : g(4)"))] == ["E0413"]
    assert titles(op, cell("x -> n0 : g(3)", "h -> n0 : g(1 + 2)")) == []


def test_ties() -> None:
    plan = text(
        cell("all -> n0 : identity"),
        items='stem embedding(vocab) stage scan(c, "h") width H head tanh > linear(vocab, tie = "stem")',
    )
    head = plan.layers[-1]
    assert isinstance(head, TermLayer)
    assert steps(head.term)[-1].argument("tie") == "stem"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ('stem linear stage scan(c, "h") width H head linear(9)', {"E0507"}),
        ('stem identity stage scan(c, "h") width H head linear(9)', {"E0507"}),
        ('stem embedding(9) stage scan(c, "h") width H head embedding(9)', {"E0507"}),
        ('stem embedding(9) > global_avg_pool stage scan(c, "h") width H head linear(9)', {"E0507"}),
        ('stem embedding(9) stage scan(c, "h")*2 > noise/2 width H head linear(9)', {"E0410"}),
        ('stem embedding(9) stage scan(c, "h", p*4) width H head linear(9)', {"E0405"}),
        ('stem embedding(9) stage scan(c, "h", relu) width H head linear(9)', {"E0402"}),
        ('stem embedding(9) stage scan(c, "h", 0, 0, 0) width H head linear(9)', {"E0401"}),
        ('stem embedding(9) stage scan(c, "h") width 2*H head linear(9)', set()),
        ('stem embedding(9) stage scan(c, carry = "n0") width H head linear(9)', {"E0608"}),
        ("stem embedding(9) stage c width H head linear(9)", {"E0609"}),
    ],
)
def test_what_does_not_fit_a_network_of_text(items: str, expected: set[str]) -> None:
    highway = "cell c { input x, h node n0 : highway edge x, h -> n0 : identity output n0 }"
    assert {code for code, _ in titles(highway, items=items)} == expected


def test_a_length_that_cannot_be() -> None:
    text = "darts 1 network t { input tokens(1/2) stem embedding(9) stage tanh width 4 head linear(9) }"
    assert [f.code for f in diagnose(Source("test.darts", text)).diagnostics] == ["E0503"]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        (("x -> n0 : linear", "h -> n0 : gate(tanh)"), set()),
        (("x -> n0 : gate(tanh) | none", "h -> n0 : relu"), set()),
        (("x -> n0 : conv(3)", "h -> n0 : relu"), set()),
        (("x -> n0 : conv(3)", "h -> n0 : linear"), {"E0507"}),
        (("x -> n0 : conv(3)", "h -> n0 : gate(tanh)"), {"E0507"}),
    ],
)
def test_cells_in_no_network_are_of_images_or_recurrent(edges: tuple[str, ...], expected: set[str]) -> None:
    text = f'darts 1\nimport "std/rnn"\n{cell(*edges)}'
    assert {fault.code for fault in diagnose(Source("test.darts", text)).diagnostics} == expected


@pytest.mark.parametrize("inputs", ["x", "x, h", "x, h, c"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_cell_in_no_network_may_be_of_a_table_or_of_several_carries(inputs: str, version: int) -> None:
    """In darts 1, whose vectors are those of a scan with one carry, it has two inputs."""
    body = (
        f"cell c {{\n  input {inputs}\n  node n : sum\n  edge {inputs} -> n : linear > EACH\n  output n\n}}\n"
    )
    for each, fits in (("relu", version == 2 or inputs == "x, h"), ("conv(3)", False)):
        text = f"darts {version}\n{body.replace('EACH', each)}"
        faults = diagnose(Source("test.darts", text)).errors
        assert {fault.code for fault in faults} == (set() if fits else {"E0507"})
    if (inputs, version) == ("x", 2):
        holder = body.replace("cell c", "cell d").replace("EACH", "c")
        spec = Source("test.darts", f"darts 2\n{body.replace('EACH', 'relu')}{holder}")
        assert not diagnose(spec).errors


def test_what_one_loose_cell_may_do_another_still_may_not() -> None:
    good, bad = cell("x, h -> n0 : both"), cell("x -> n0 : both", "h -> n0 : conv(3)")
    for first, second in ((good, bad), (bad, good)):
        named = second.replace("cell c", "cell d")
        text = f'darts 1\nimport "std/rnn"\nops both = linear | gate(tanh)\n{first}\n{named}'
        codes = {fault.code for fault in diagnose(Source("test.darts", text)).diagnostics}
        assert codes == {"E0507"}


def test_the_recipe_of_the_recurrent_search() -> None:
    spec = shipped("darts_rnn")
    assert spec.search == {
        "order": "2", "epochs": 50, "batch": 256, "bptt": 35, "short_windows": 0.05, "lr": 20, "momentum": 0,
        "weight_decay": 5e-7, "clip": 0.25, "ar": 0, "tar": 1e-3, "alphas_lr": 3e-3,
        "alphas_betas": (0.9, 0.999), "alphas_decay": 1e-3,
    }  # fmt: skip
    plan = planned(spec, H=8, vocab=12)
    assert plan.classes == 12


def test_the_size_of_the_recurrent_space() -> None:
    """Node i keeps one of i edges, each with four candidates other than `none`: 8! * 4**8, 2.64e9."""
    spec = shipped("darts_rnn")
    assert space_size([spec.cells["recurrent"]]) == factorial(8) * 4**8 == 2_642_411_520
