"""Published cells to specs: every form that is read, and what is said of what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dartsl
from dartsl import UserError
from dartsl.exchange.importing import import_text
from dartsl.exchange.operations import IMAGE_OPS
from dartsl.graph.diff import diff_specs
from dartsl.graph.draw import draw
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.ast import CellDecl
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from dartsl.lang.syntax.resources import specs_dir

from .genotypes import AMOEBANET, DARTS_V1, DARTS_V2, FILE, NASNET, RNN_V2, image

FLAT = "[('sep_conv_3x3', 0), ('skip_connect', 1), ('none', 2), ('max_pool_3x3', 0)]"


def imported(text: str, name: str | None = None) -> Spec:
    return check(Source("imported.darts", import_text(text, name).text))


def edges(spec: Spec, cell: str) -> list[tuple[str, str, str]]:
    return [(edge.source, edge.target, edge.candidates[0].label) for edge in spec.cells[cell].edges]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (DARTS_V1, "zoo/darts_v1"),
        (DARTS_V2, "zoo/darts_v2"),
        (NASNET, "zoo/nasnet_a"),
        (AMOEBANET, "zoo/amoebanet_a"),
    ],
)
def test_published_cells_are_those_of_the_zoo(text: str, name: str) -> None:
    mine = import_text(text).text
    zoo = (specs_dir() / f"{name}.darts").read_text(encoding="utf-8")
    assert mine.partition("import ")[2] == zoo.partition("import ")[2]


def test_parameters_of_darts_v2() -> None:
    assert dartsl.info(imported(DARTS_V2)).parameters == 3_349_342


def test_a_file_with_several_names(tmp_path: Path) -> None:
    path = tmp_path / "genotypes.py"
    path.write_text(FILE, encoding="utf-8")
    text = import_text(str(path), "DARTS_V2").text
    assert "# DARTS_V2, imported by dartsl" in text
    assert "from genotypes.py." in text
    assert edges(imported(str(path), "DARTS"), "normal") == edges(imported(str(path), "DARTS_V2"), "normal")
    with pytest.raises(UserError) as several:
        import_text(str(path))
    assert several.value.help == "pick one by --name: NASNet, DARTS_V1, DARTS_V2, DARTS"
    with pytest.raises(UserError, match="no genotype `DART`"):
        import_text(str(path), "DART")


@pytest.mark.parametrize(
    "text",
    [
        image("(('sep_conv_3x3', 0), ('skip_connect', 1), ('none', 2), ('max_pool_3x3', 0))", "[2, 3]"),
        image("[[('sep_conv_3x3', 0), ('skip_connect', 1)], [('none', 2), ('max_pool_3x3', 0)]]", "(2, 3)"),
        image("((['sep_conv_3x3', 0], ['skip_connect', 1]), (['none', 2], ['max_pool_3x3', 0]))"),
        image(f"list({FLAT})", "list(range(2, 4))"),
        image(FLAT, "tuple(range(2, 4, 1))").replace(")", ", )", 1).replace("Genotype", "x = gt.Genotype"),
        f"Genotype({FLAT}, range(2, 4), {FLAT}, range(2, 4), connectN=None)".replace(
            ", connectN", ", connects"
        ),
    ],
)
def test_forms_of_the_family(text: str) -> None:
    wanted = [
        ("c0", "n0", "sep_conv_3x3"),
        ("c1", "n0", "skip_connect"),
        ("c0", "n1", "max_pool_3x3"),  # beside it, `none` adds nothing
    ]
    spec = imported(text.replace("0, )", "0)"))
    assert edges(spec, "normal") == wanted
    assert edges(spec, "reduction") == wanted
    assert spec.cells["normal"].output.nodes == ("n0", "n1")
    wires = "[[('sep_conv_3x3', 0), ('skip_connect', 1)], [('max_pool_3x3', 0)]]"
    assert dartsl.export(spec, "genotype") == image(wires, "[2, 3]")


@pytest.mark.parametrize("nodes", [3, 4, 5, 6])
def test_three_to_six_nodes_and_more_than_two_edges(nodes: int) -> None:
    wires = [[("sep_conv_3x3", source) for source in range(node + 2)] for node in range(nodes)]
    spec = imported(image(str(wires), f"range(2, {nodes + 2})"))
    assert len(spec.cells["normal"].edges) == sum(node + 2 for node in range(nodes))
    assert len(spec.cells["normal"].nodes) == nodes


def test_recurrent() -> None:
    text = import_text(RNN_V2).text
    assert print_file(parse(Source("rnn.darts", text))) == text
    cell = next(d for d in parse(Source("rnn.darts", text)).declarations if isinstance(d, CellDecl))
    assert len(cell.items) == 3 + 1 + 8 + 1
    assert "  edge   s5   -> s8 : gate(relu)\n  output mean(s1..s8)\n" in text
    assert "network ptb(H = 850, vocab = 10000, dropout = 1, dropout_h = 0.25) {" in text
    assert "  weight_decay  = 8e-7\n" in text  # with the published training
    spec = check(Source("rnn.darts", text))
    # `mix_bn`, for whoever opens the cell again, is nothing in a decided cell.
    assert diff_specs(spec, check(read("zoo/rnn_v2"))).equal
    assert "mix_bn" in text
    assert draw(spec.cells.values()) == draw(check(read("zoo/rnn_v2")).cells.values())


def test_nasbench() -> None:
    spec = imported("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|")
    assert edges(spec, "block") == [
        ("x", "n1", "nor_conv(3)"),
        ("n1", "n2", "skip_connect"),
        ("x", "n3", "none"),
    ]
    whole = dartsl.info(imported("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+" + "|skip_connect~0|" * 1
                                 + "nor_conv_1x1~1|avg_pool_3x3~2|"))  # fmt: skip
    assert whole.network == "cifar10"


def nni_of_v2(form: str) -> dict[str, object]:
    """DARTS_V2's choices as NNI writes them."""
    spec = check(read("zoo/darts_v2"))
    old = {"max_pool_3x3": "maxpool", "skip_connect": "skipconnect", "sep_conv_3x3": "sepconv3x3"}
    places = list(old) and ["maxpool", "avgpool", "skipconnect", "sepconv3x3", "sepconv5x5", "dilconv3x3"]
    states = ["c0", "c1", "n0", "n1", "n2", "n3"]
    found: dict[str, object] = {}
    for key, name in (("normal", "normal"), ("reduce", "reduction")):
        cell = spec.cells[name]
        for number, node in enumerate(cell.nodes, start=2):
            switch: list[object] = []
            for place, edge in enumerate(cell.incoming(node.name)):
                source, operation = states.index(edge.source), edge.candidates[0].label
                if form == "new":
                    found[f"{key}/op_{number}_{place}"] = operation
                    found[f"{key}/input_{number}_{place}"] = [source]
                    continue
                short = old.get(operation, "dilconv3x3")
                value = {"names": short, "numbers": places.index(short)}
                value["flags"] = [place == short for place in places]  # type: ignore[assignment]
                found[f"{key}_n{number}_p{source}"] = value[form]
                switch.append(f"{key}_n{number}_p{source}" if form == "names" else source)
            if form == "flags":
                switch = [source in switch for source in range(number)]
            if form != "new":
                found[f"{key}_n{number}_switch"] = switch
    return found


@pytest.mark.parametrize("form", ["new", "names", "numbers", "flags"])
def test_choices_of_nni(form: str) -> None:
    spec, zoo = imported(json.dumps(nni_of_v2(form))), check(read("zoo/darts_v2"))
    for name in ("normal", "reduction"):
        assert sorted(edges(spec, name)) == sorted(edges(zoo, name))
    literal = dartsl.export(spec, "genotype")
    assert dartsl.export(imported(str(literal)), "genotype") == literal
    assert (literal == DARTS_V2) == (form != "flags")  # which have no order of a node's edges


def test_operations_are_in_the_library() -> None:
    known = check(read("std/cnn")).operations
    assert set(IMAGE_OPS) <= set(known)


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        (image("[('sep_conv_3x4', 0), ('none', 1)]", "[2]"), "unknown operation `sep_conv_3x4`", "`sep_conv_3x3`"),
        (image("[('none', 2), ('none', 1)]", "[2]"), "comes from 2, which is not an earlier", "from 0 to 1"),
        (image("[('none', -1), ('none', 1)]", "[2]"), "comes from -1", "from 0 to 1"),
        (image("[('none', 0), ('none', 1), ('none', 1)]", "[2]"), "3 pairs are not two per node", "of its own"),
        (image("[('none', 0), ('none', 1)]", "[2, 3]"), "3 is not a node", "2 to 2"),
        (image("[('none', 0), ('none', 1)]", "[1]"), "1 is not a node", "2 to 2"),
        (image("[('none', 0), ('none', 1)]", "[2, 2]"), "name each node once", ""),
        (image("[('none', 0), ('none', 1)]", "range(10**9)"), "a whole number is needed", ""),
        (image("[('none', 0), ('none', 1)]", "range(999999)"), "too long", ""),
        (image("[('none', 0), ('none', 1)]", "range(2, 3, 0)"), "steps of 0", ""),
        (image("[('none', 0, 'x'), ('none', 1)]", "[2]"), "not 3 items", "may be its weight"),
        (image("[('none', 0, 1), ('none', 2, 1)]", "[2]"), "0 is no node", ""),
        (image("[('none', True), ('none', 1)]", "[2]"), "a whole number is needed", ""),
        (image("open('x')"), "a list or a tuple is needed", ""),
        (image("[]"), "no node", ""),
        (image("[[('none', 0)], []]"), "node 3 has no edge", ""),
        ("Genotype(normal=[('none', 0)])", "no `normal_concat`", "it needs normal, normal_concat"),
        ("x = 1 (", "this is not Python", ""),
        ("f(1)", "holds no `Genotype", "never run"),
        ("", "the name of a file is empty", "a text such as"),
        ("|nor_conv_3x3~0|+|none~0|", "node 2 needs one edge from each", ""),
        ("|nor_conv_3x2~0|", "unknown operation `nor_conv_3x2`", "`nor_conv_3x3`"),
        ("|none~0|+none~0|", "is not written", ""),
        ('{"a": 1}', "no choices of a DARTS space", "normal_n2_p0"),
        ('{"normal/op_2_0": "none"}', "are not an operation and a number", ""),
        ('{"normal_n2_switch": [0, 9], "normal_n2_p0": 0, "normal_n2_p9": 0}', "comes from 9", ""),
        ('{"normal_n2_switch": ["x"]}', "missing, or no operation", ""),
        ('{"a": ', "this is not JSON", ""),
    ],
)  # fmt: skip
def test_mistakes(text: str, message: str, help: str) -> None:
    with pytest.raises(UserError) as found:
        import_text(text)
    assert message in found.value.message
    assert help in (found.value.help or "")


def test_a_mistake_in_a_file_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "\n\nX = Genotype(normal=[\n  ('none', 0),\n  ('nome', 1)], normal_concat=[2], reduce=[])\n"
    )
    with pytest.raises(UserError, match=r"mine.py:3: this Genotype has no `reduce_concat`"):
        import_text(str(path))


@pytest.mark.parametrize(
    "text",
    [
        "Genotype(" + "[" * 100_000,
        "x = " + "-" * 200_000 + "1\nGenotype(",
        "x = " + "1+" * 100_000 + "1 (\n",
        "x = " + "9" * 10_000 + " (",
        "x" + ".y" * 100_000 + " (",
        "(" * 2_000_000,
        "{" * 100_000,
        '{"a":' * 5_000,
        "|" + "none~0|" * 100_000 + "~",
        "Genotype(\0)",
    ],
)
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(UserError):
        import_text(text)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    for given in (tmp_path, tmp_path / "missing", tmp_path / "binary"):
        with pytest.raises(UserError):
            import_text(str(given))
