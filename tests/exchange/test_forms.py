"""The forms in which people have cells: logs, scripts, other names, weights, numpy's numbers, strings, tuples."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

import dartsl
from dartsl import UserError
from dartsl.exchange import finding
from dartsl.exchange.importing import import_text
from dartsl.exchange.operations import definition, identifier
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source

WIRES = "[('sep_conv_3x3', 0), ('skip_connect', 1), ('dil_conv_3x3', 2), ('max_pool_3x3', 0)]"
EDGES = [
    ("c0", "n0", "sep_conv_3x3"),
    ("c1", "n0", "skip_connect"),
    ("n0", "n1", "dil_conv_3x3"),
    ("c0", "n1", "max_pool_3x3"),
]


def genotype(wires: str = WIRES, concat: str = "range(2, 4)", called: str = "Genotype") -> str:
    return f"{called}(normal={wires}, normal_concat={concat}, reduce={wires}, reduce_concat={concat})"


OTHER = genotype("[('avg_pool_3x3', 0), ('avg_pool_3x3', 1)]", "[2]")
LOG = f"""\
2019-10-04 16:08:33,123 gpu device = 0
2019-10-04 16:08:34,001 epoch 0 lr 2.500000e-02
2019-10-04 16:08:34,123 genotype = {OTHER}
tensor([[0.1250, 0.1251], [0.1249, 0.1250]], device='cuda:0')
2019-10-04 16:20:01,500 genotype = {genotype()}
2019-10-04 16:20:02,001 valid_acc 62.1
2019-10-04 16:31:01,500 genotype = Genotype(normal=[('sep_conv_3x3', 0), ('sk"""


def spec_of(text: str, name: str | None = None, keep_unknown: bool = False) -> Spec:
    return check(Source("imported.darts", import_text(text, name, keep_unknown).text))


def edges(spec: Spec, cell: str = "normal") -> list[tuple[str, str, str]]:
    return [(edge.source, edge.target, edge.candidates[0].label) for edge in spec.cells[cell].edges]


@pytest.mark.parametrize(
    "text",
    [
        LOG,
        f"10/04 04:08:33 PM genotype = {genotype()}",
        f"best: `{genotype()}`, at epoch 49",
        genotype(called="DARTSGenotype"),
        genotype(called="gt.Genotype_CNN"),
        genotype(called="G"),
        repr(genotype()),
        f'GENOTYPE = "{genotype()}"',
        f'archs=(\n  "{genotype(called="DARTSGenotype")}"\n)\npython train.py --arch $1\n',
        f"config = dict(arch=dict(genotype={genotype()!r}))",
        f"def load():\n    return Network(36, genotype={genotype()})\n",
        f"x = {{'best': {genotype()}}}",
        f"'''An example:\n  genotype = {genotype()}\n'''",
        f"# {genotype()}\nimport torch\n",
        f"print 'found'\ngenotype = {genotype()}\n",  # of Python 2
        f"Genotype(normal=gene, normal_concat=c, reduce=gene, reduce_concat=c)\nfound = {genotype()}",
        genotype(WIRES.replace("0)", "np.int64(0))").replace("1)", "np.int64(1))"), "range(2, 4)"),
        genotype(WIRES.replace("'sep_conv_3x3'", "np.str_('sep_conv_3x3')"), "array([2, 3])"),
        genotype(WIRES.replace("0)", "tensor(0, device='cuda:0'))"), "np.arange(2, 4)"),
        genotype(
            WIRES.replace("0)", "0, 0.2386)").replace("1)", "1, np.float32(0.1))").replace("2)", "2, 1.0)")
        ),
        genotype(
            "[('sep_conv_3x3', 2, 0), ('skip_connect', 2, 1), ('dil_conv_3x3', 3, 2), ('max_pool_3x3', 3, 0)]"
        ),
        genotype()
        .replace("reduce_concat", "\n  # of two layers\n  reduce_concat")
        .replace(", reduce", ",\nreduce"),
        genotype()[:-1] + ", connectN=None, connects=None, bottleneck='')",
        '{"normal": [["sep_conv_3x3", 0], ["skip_connect", 1], ["dil_conv_3x3", 2], ["max_pool_3x3", 0]], '
        '"normal_concat": [2, 3], "reduce": [["sep_conv_3x3", 0], ["skip_connect", 1], ["dil_conv_3x3", 2], '
        '["max_pool_3x3", 0]], "reduce_concat": [2, 3]}',
    ],
)
def test_forms_of_one_genotype(text: str) -> None:
    spec = spec_of(text)
    assert edges(spec) == edges(spec, "reduction") == EDGES
    assert spec.cells["normal"].output.nodes == ("n0", "n1")


def test_the_last_of_a_log_is_taken_and_named(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(LOG, encoding="utf-8")
    found = import_text(str(tmp_path / "log.txt"))
    assert found.notes == ("line 5 of log.txt, the last of 2 genotypes",)
    assert "from log.txt.\n# line 5 of log.txt, the last of 2 genotypes\n" in found.text


def test_a_mistake_in_a_log_has_its_line() -> None:
    with pytest.raises(UserError, match="the text:3: unknown operation `dil_conv_3x4`"):
        import_text(f"epoch 1\n\ngenotype = {genotype(WIRES.replace('dil_conv_3x3', 'dil_conv_3x4'))} (")


def test_of_several_names_one_is_picked() -> None:
    text = f"A = {OTHER}\n\nB = {genotype()}\n\nthat was Python 2: print A\nA = {genotype()}\n"
    with pytest.raises(UserError) as several:
        import_text(text)
    assert several.value.help == "pick one by --name: A, B"
    found = import_text(text, "A")
    assert found.notes == ("line 6 of the text, the last of 2 genotypes",)
    assert edges(spec_of(text, "B")) == EDGES
    with pytest.raises(UserError, match="no genotype `C`"):
        import_text(text, "C")


def test_fields_of_other_parts_are_left_out_and_named() -> None:
    found = import_text(genotype()[:-1] + ", head=[('nor_conv_3x3', 0)], gamma=[1, 0])")
    assert found.notes == ("fields left out: head, gamma",)


def test_a_node_without_edges_gives_zeros() -> None:
    spec = spec_of(genotype("[('sep_conv_3x3', 2, 0), ('max_pool_3x3', 4, 1)]", "range(2, 6)"))
    assert edges(spec) == [
        ("c0", "n0", "sep_conv_3x3"),
        ("c0", "n1", "none"),
        ("c1", "n2", "max_pool_3x3"),
        ("c0", "n3", "none"),
    ]


def test_tuples_of_nasbench301() -> None:
    cell = ((0, 3), (1, 2), (2, 5), (0, 0), (1, 1), (3, 4), (4, 6), (0, 2))
    spec = spec_of(str((cell, cell)))
    assert edges(spec)[:4] == EDGES
    assert edges(spec, "reduction")[4:] == [
        ("c1", "n2", "avg_pool_3x3"),
        ("n1", "n2", "sep_conv_5x5"),
        ("n2", "n3", "dil_conv_5x5"),
        ("c0", "n3", "skip_connect"),
    ]
    assert spec.cells["normal"].output.nodes == ("n0", "n1", "n2", "n3")
    lists = [[list(pair) for pair in cell], [[f"np.int64({a})", b] for a, b in cell]]
    assert edges(spec_of(str(lists).replace("'", ""))) == edges(spec)
    with pytest.raises(UserError, match="there is no operation 7"):
        import_text(str((cell, (*cell[:7], (0, 7)))))
    with pytest.raises(UserError, match="has 8 edges"):
        import_text(str((cell, cell[:6])))
    with pytest.raises(UserError, match="comes from 3, which is not an earlier state"):
        import_text(str((cell, (*cell[:3], (3, 0), *cell[4:]))))


STRING = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"


@pytest.mark.parametrize(
    "text",
    [
        STRING,
        repr(STRING),
        str(STRING.split("+")),
        str(tuple(STRING.split("+"))),
        f"['{STRING.replace('3x3', '1x1')}', '{STRING}']",
        f"[2021-01-02] arch : Structure(4 nodes with {STRING.replace('none', 'skip_connect')})\nbest {STRING} 93.2",
        "Structure([(('nor_conv_3x3', 0),), (('skip_connect', 1),), (('avg_pool_3x3', 0), ('nor_conv_1x1', 2))])",
    ],
)
def test_forms_of_nasbench201(text: str) -> None:
    spec = spec_of(text)
    assert edges(spec, "block") == [
        ("x", "n1", "nor_conv(3)"),
        ("n1", "n2", "skip_connect"),
        ("x", "n3", "avg_pool(3)"),
        ("n2", "n3", "nor_conv(1)"),
    ]
    assert dartsl.export(spec, "nasbench201") == STRING


def test_families_of_other_sizes_are_defined() -> None:
    wires = "[('sep_conv_9x9', 0), ('nor_conv_3x3', 1), ('max_pool_5x5', 0), ('conv_3x1_1x3', 2)]"
    spec = spec_of(genotype(wires))
    assert [edge[2] for edge in edges(spec)] == [
        "sep_conv_9x9",
        "nor_conv_3x3",
        "max_pool_5x5",
        "conv_3x1_1x3",
    ]
    text = dartsl.export(spec, "genotype")
    assert text == genotype(wires, "[2, 3]")
    dartsl.compile(spec, parameters={"C": 4, "n": 1})


@pytest.mark.parametrize(
    "name",
    ["sep_conv_4x4", "sep_conv_1x1", "max_pool_1x1", "sep_conv_3x5", "conv_3x3", "sep_conv_999x999", "x"],
)
def test_what_is_of_no_family(name: str) -> None:
    assert definition(name) is None


def test_unknown_operations_are_kept_where_that_is_asked_for() -> None:
    wires = (
        "[('SE_0.25', 0), ('mr_conv', 1), ('relu', 2), ('3d', 0), ('skip_connect', 1), ('bottleneck(3)', 3)]"
    )
    text = genotype(wires, "range(2, 5)")
    with pytest.raises(UserError, match=r"unknown operation `SE_0\.25`") as fault:
        import_text(text)
    assert "--keep-unknown" in (fault.value.help or "")
    spec = spec_of(text, keep_unknown=True)
    kept = ["SE_0_25", "mr_conv", "relu_", "op_3d", "bottleneck_3"]
    assert [edge[2] for edge in edges(spec)] == [*kept[:4], "skip_connect", kept[4]]
    assert [name for name in kept if spec.operations[name].body is None] == kept
    again = dartsl.export(spec, "genotype")
    assert isinstance(again, str)
    assert edges(spec_of(again, keep_unknown=True)) == edges(spec)


def test_unknown_operations_of_other_cells() -> None:
    string = STRING.replace("skip_connect", "mine")
    assert "mine" in spec_of(string, keep_unknown=True).operations
    recurrent = spec_of("Genotype(recurrent=[('mish', 0), ('tanh', 1)], concat=[1, 2])", keep_unknown=True)
    assert edges(recurrent, "recurrent")[2:] == [("s0", "s1", "gate(mish)"), ("s1", "s2", "gate(tanh)")]
    assert "('mish', 0)" in str(dartsl.export(recurrent, "genotype"))


@pytest.mark.parametrize("name", ["sum", "cell", "normal", "C", "conv", "sep_conv", "_", "", "é", "a" * 500])
def test_any_name_becomes_one_that_can_be_declared(name: str) -> None:
    check(Source("x.darts", f'darts 1\nimport "std/cnn"\nextern op {identifier(name)}\n'))


OWN = """darts 1
import "std/cnn"
op mine(k) = relu > conv(k)/stride > bn
op plain = mine(3)
extern op far
cell normal {
  input  a, b : preprocess
  node   p, q : sum
  edge   a -> p : mine(5)
  edge   b -> p : plain
  edge   a -> q : sep_conv(9)
  edge   p -> q : far
  output concat(p, q)
}
cell reduction = normal
network n(C = 8) {
  input image(3, 8, 8)
  stem  conv(3) > bn
  stage normal > reduction/2 width C
  head  global_avg_pool > linear(10)
}
"""


def test_own_operations_are_written_by_name() -> None:
    wires = "[('mine(5)', 0), ('plain', 1), ('sep_conv_9x9', 0), ('far', 2)]"
    assert dartsl.export(Source("own.darts", OWN), "genotype") == genotype(wires, "[2, 3]")


@pytest.mark.parametrize("name", ["sep_conv_11x11", "nor_conv_3x3"])
def test_an_own_operation_may_not_pass_for_a_published_one(name: str) -> None:
    with pytest.raises(UserError, match=f"`{name}` on the edge b -> p has no name there"):
        dartsl.export(Source("own.darts", OWN.replace("plain", name)), "genotype")


@pytest.mark.parametrize(
    "text",
    [
        "Genotype(" * 300_000,
        "(normal=" * 300_000,
        "a" * 3_000_000,
        "|none~0" * 500_000,
        "|none~0|+" * 100_000,
        "x\n" * 1_000_000,
        '"' * 1_000_000,
        "((0, 0), " * 100_000,
    ],
    ids=lambda text: text[:9],
)
def test_long_texts_are_read_in_bounded_time(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_MOST_READ", 200_000)
    with pytest.raises(UserError):
        import_text(text + "\n(")


def test_nothing_is_run(tmp_path: Path) -> None:
    harm = f"open({str(tmp_path / 'harm')!r}, 'w')"
    for text in (
        genotype(f"{harm} or {WIRES}"),
        genotype(concat=f"({harm}, [2])[1]"),
        genotype(WIRES.replace("0)", f"np.int64({harm}))")),
        f"exec({harm!r})\n{genotype()}",
    ):
        with contextlib.suppress(UserError):
            import_text(text)
        assert list(tmp_path.iterdir()) == []
