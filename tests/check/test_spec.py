"""Networks, settings, scopes of imports, the order of diagnostics, and size."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dartsl.lang.checker import check, diagnose, pick_network
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.render import render
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read, read_file

CELL = "cell c { input x node y : sum edge x -> y : relu output y }\n"


def network(name: str) -> str:
    head = "head global_avg_pool > linear(2)"
    return f"network {name}(C = 4) {{ input image(1, 8, 8) stem conv(3) stage c width C {head} }}\n"


def source(text: str) -> Source:
    return Source("test.darts", f"darts 1\n{text}")


def codes(text: str) -> list[str]:
    return [d.code for d in diagnose(source(text)).diagnostics]


def test_the_only_network_is_meant() -> None:
    spec = check(source(CELL + network("tiny")))
    assert pick_network(spec, None).name == "tiny"
    assert pick_network(spec, None).cells == ("c",)
    assert spec.decided(spec.networks["tiny"])


def test_several_networks_must_be_distinguished() -> None:
    spec = check(source(CELL + network("one") + network("two")))
    assert pick_network(spec, "two").name == "two"
    with pytest.raises(UserError, match="2 networks") as caught:
        pick_network(spec, None)
    assert caught.value.exit_code == 2
    assert caught.value.help == "pick one with --network: `one`, `two`"
    with pytest.raises(UserError, match="no network `on`") as caught:
        pick_network(spec, "on")
    assert caught.value.help == "did you mean `one`?"


def test_no_network() -> None:
    spec = check(Source("test.darts", f"# above\n  darts 1  # after\n{CELL}"))
    with pytest.raises(SpecError) as caught:
        pick_network(spec, None)
    (fault,) = caught.value.diagnostics
    assert fault.code == "E0601"
    assert fault.primary.span.text == "darts 1"
    assert "^^^^^^^ a network is needed" in render(caught.value.diagnostics)


def test_an_imported_network_counts_only_when_named() -> None:
    spec = check(source('import "zoo/darts_v2"\n'))
    (name,) = spec.networks
    assert pick_network(spec, name).name == name
    with pytest.raises(SpecError) as caught:
        pick_network(spec, None)
    assert caught.value.diagnostics[0].help == f"its imports have some; pick one with --network: `{name}`"


def test_network_parameters_may_be_called_c_and_hide_operations() -> None:
    text = CELL + "network t(C = 4, relu = 2*C) { input image(1, 8, relu) stem conv(3, out = relu/2)"
    assert codes(text + " stage c*2 > tanh width relu/2 head global_avg_pool > linear(C) }") == []


def test_settings_of_the_root_alone_are_read(tmp_path: Path) -> None:
    (tmp_path / "other.darts").write_text("darts 1\nsearch { nonsense = 1 }\ntrain { lr = 0.5 }\n")
    root = tmp_path / "root.darts"
    root.write_text(
        'darts 1\nimport "./other"\nsearch { order = 2 lr = 1 alphas_betas = [0.5, 0.9] flip = false }\n'
    )
    spec = check(read_file(root, "root.darts"))
    assert spec.search == {"order": "2", "lr": 1.0, "alphas_betas": (0.5, 0.9), "flip": False}
    assert spec.train == {}


def test_what_a_file_sees(tmp_path: Path) -> None:
    """A file sees what it imports, and what those files import; not what its importer imports besides."""
    (tmp_path / "base.darts").write_text("darts 1\nop base = relu\n")
    (tmp_path / "left.darts").write_text('darts 1\nimport "./base"\nop left = base\n')
    (tmp_path / "right.darts").write_text("darts 1\nop right = base\n")
    root = tmp_path / "root.darts"
    root.write_text('darts 1\nimport "./left"\nimport "./right"\nimport "./base"\nop all_of = left > base\n')
    found = diagnose(read_file(root, "root.darts")).diagnostics
    assert [(d.code, d.primary.span.source.name) for d in found] == [("E0201", "right.darts")]
    assert found[0].help == "`base` is declared in base.darts:2: import that file"


def test_an_argument_of_a_cell_is_read_where_it_is_written(tmp_path: Path) -> None:
    """The library's `dag` does not import the operations that it is given."""
    root = tmp_path / "root.darts"
    root.write_text('darts 1\nimport "std/cells"\nop mine = relu\ncell c = dag(mine | tanh)\n')
    assert diagnose(read_file(root, "root.darts")).diagnostics == ()


def test_order_of_diagnostics(tmp_path: Path) -> None:
    (tmp_path / "other.darts").write_text("darts 1\n\n\n\nop late = missing\n")
    root = tmp_path / "root.darts"
    root.write_text('darts 1\nimport "./other"\nop b = missing > lacking\nop a = gone\n')
    found = diagnose(read_file(root, "root.darts")).diagnostics
    assert [d.primary.span.text for d in found] == ["missing", "missing", "lacking", "gone"]
    assert [d.primary.span.position for d in found] == [(5, 11), (3, 8), (3, 18), (4, 8)]


def test_one_report_a_place() -> None:
    """A fault of a cell with parameters is not repeated for each cell that is made from it."""
    text = "cell open(f) { input x node y : sum edge x -> y : f | unknown output y }\n"
    assert codes(text + "cell a = open(relu)\ncell b = open(tanh)\n") == ["E0201"]


def test_a_kind_is_learned_from_use_across_operations() -> None:
    text = "op outer(f, k) = inner(f, k)\nop inner(g, n) = g > conv(n)\nop free(x) = relu\n"
    use = "cell c { input x node y : sum edge x -> y : {} output y }"
    assert codes(text + use.replace("{}", "outer(relu, 3) | free(relu) | free(3)")) == []
    assert codes(text + use.replace("{}", "outer(3, relu)")) == ["E0402", "E0402"]


def test_syntax_faults_hide_what_they_may_have_caused() -> None:
    assert codes("op f = relu conv(3)\nop g = nothing\n") == ["E0100"]


def test_a_thousand_edges_check_quickly() -> None:
    edges = "\n".join(f"edge x -> n{i} : sep_conv(3) | skip_connect" for i in range(1000))
    cell = f"cell c {{ input x\nnode n0..n999 : sum\n{edges}\noutput concat(n0..n999) }}\n"
    start = time.process_time()
    report = diagnose(source('import "std/cnn"\n' + cell + network("t")))
    assert time.process_time() - start < 2
    assert report.spec is not None
    assert report.size.edges == 1000


DOUBLING = "op a0 = relu > relu\n" + "".join(f"op a{i + 1} = a{i} > a{i}\n" for i in range(60))
HUNDRED = "cell c { input x node n0..n99 : sum edge all -> n0..n99 : relu output n99 }\n"
LARGE = {
    "nodes": "cell c { input x node n0..n999999 : sum edge all -> n0..n999999 : relu output n999999 }",
    "edges": "cell c { input x node n0..n9998 : sum edge all -> n0..n9998 : relu output n9998 }",
    "layers": CELL + network("t").replace("stage c", "stage c*1000*1000"),
    "aliases": HUNDRED + "".join(f"cell c{i} = c\n" for i in range(100)),
    "operations": DOUBLING + CELL.replace("relu", "a60"),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_large_is_refused_at_once(name: str) -> None:
    start = time.process_time()
    assert codes(LARGE[name]) == ["E0310"]
    assert time.process_time() - start < 2


def test_shipped_specs_are_found_by_name() -> None:
    assert check(read("darts_cnn")).root.source.name == "darts_cnn.darts"
