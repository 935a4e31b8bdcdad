"""Layers of a stage that offer a choice (darts 2): laid out, computed, searched, written and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.nn import functional as F

import dartsl
from dartsl.cli import cli
from dartsl.graph.count import space_size
from dartsl.graph.passes import passes_of
from dartsl.lang.checker import check, diagnose, pick_network
from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.render import Size
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.layer_choices import laid_out, shown
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.emit import emit_python
from dartsl.nn.supernet import compile
from dartsl.searching.connected import derive_network
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule
from tests.layers.bars import found_of_bars
from tests.passes.same import CPU, assert_same

SPEC = """darts 2
import "std/cnn"

op  mb(e, k) = conv(1) > bn > relu > dwconv(k)/stride > conv(1) > bn
ops first = mb(1 | 2, 3 | 5)
ops later = first | skip_connect

network mobile(C = 2, classes = 3, L = 2) {
  input image(1, 6, 6)
  stem  conv(3) > bn
  stage first/2 > later*L width C
  stage (conv(1)/stride > bn | mb(2, C + 1))/2 > skip_connect width 2*C
  head  global_avg_pool > linear(classes)
}
"""


def offered(text: str, **parameters: int) -> dict[str, list[str]]:
    """What each layer of a choice offers, by its name."""
    spec = check(Source("test.darts", text))
    spec, network = laid_out(spec, pick_network(spec, None), parameters)
    cells = (spec.cells[name] for name in network.cells)
    return {cell.name: [each.label for each in cell.edges[0].candidates] for cell in cells if cell.layer}


def test_a_layer_of_a_choice_has_a_table_of_its_own_copies_too() -> None:
    first = ["mb(1, 3)", "mb(1, 5)", "mb(2, 3)", "mb(2, 5)"]
    later = [*first, "skip_connect"]
    last = ["conv(1)/stride > bn", "mb(2, 2 + 1)"]
    assert offered(SPEC) == {"layer0": first, "layer1": later, "layer2": later, "layer3": last}
    assert list(offered(SPEC, L=4)) == [f"layer{place}" for place in range(6)]
    model = dartsl.compile(check(Source("test.darts", SPEC)), parameters={"L": 1})
    assert {name: tuple(alpha.shape) for name, alpha in model.alphas.items()} == {
        "layer0": (1, 4), "layer1": (1, 5), "layer2": (1, 2),
    }  # fmt: skip


def test_a_check_counts_the_layers_and_nodes_that_offer_a_choice() -> None:
    assert diagnose(Source("test.darts", SPEC)).size == Size(edges=0, layers=4)
    assert diagnose(read("nb1shot1")).size == Size(edges=15, nodes=4)


def test_choices_among_arguments_stand_on_edges_too_the_last_running_fastest() -> None:
    text = """darts 2
op f(a, n) = a > conv(n)/stride
cell one {
  input x
  node  y : sum
  edge  x -> y : f(relu | bn, 1 | 3) | identity > f(relu, 5 | 7)
  output y
}
"""
    (edge,) = check(Source("test.darts", text)).cells["one"].edges
    assert [each.label for each in edge.candidates] == [
        "f(relu, 1)", "f(relu, 3)", "f(bn, 1)", "f(bn, 3)", "identity > f(relu, 5)", "identity > f(relu, 7)",
    ]  # fmt: skip


def test_far_too_many_are_refused_before_they_are_built() -> None:
    ways = " | ".join(map(str, range(1, 100, 2)))
    text = SPEC.replace("ops first = mb(1 | 2, 3 | 5)", f"ops first = mb({ways}, mb({ways}, {ways}))")
    (fault,) = [each for each in diagnose(Source("test.darts", text)).errors if each.code == "E0310"]
    assert fault.title == "too large to build: 125,000 candidates"


@pytest.mark.parametrize(
    ("layers", "code"), [("first", "E0606"), ("(conv(1) | conv(3))", "E0606"), ("conv(1 | 3)", "E0402")]
)
def test_darts_1_refuses_them_as_before(layers: str, code: str) -> None:
    text = f"""darts 1
ops first = conv(1) | conv(3)
network one {{
  input image(1, 6, 6)
  stem  conv(3)
  stage {layers} width 2
  head  global_avg_pool > linear(2)
}}
"""
    assert [fault.code for fault in diagnose(Source("test.darts", text)).errors] == [code]


def test_all_levels_compute_the_same() -> None:
    assert_same(SPEC, passes_of(2, CPU))


def test_all_levels_compute_the_same_of_residuals_as_wide_as_what_reaches_them() -> None:
    body = "residual(conv(1, out = e*Cin) > bn > relu > dwconv(k)/stride > conv(1) > bn)"
    lines = SPEC.replace('import "std/cnn"', 'import "std/cnn"\nimport "std/blocks"').splitlines()
    text = "\n".join(f"op mb(e, k) = {body}" if line.startswith("op  mb") else line for line in lines)
    assert_same(text, passes_of(2, CPU))


def test_a_layer_is_the_sum_of_what_it_offers_by_softmax() -> None:
    """Against a few lines of torch, with the network's own weights, whose names are those of the language's rule."""
    text = """darts 2
network two {
  input image(1, 4, 4)
  stem  conv(1)
  stage (conv(3) > bn | identity | avg_pool(3)) > (conv(1) | none) width 2
  head  global_avg_pool > linear(2)
}
"""
    model = compile(check(Source("test.darts", text)), None, {}, Build(level=0, dtype=torch.float64))
    weights = {name.removeprefix("network."): each for name, each in model.named_parameters()}
    assert sorted(weights) == [
        "alphas.layer0",
        "alphas.layer1",
        "head.linear.bias",
        "head.linear.weight",
        "layer0.conv_3_bn.conv.weight",
        "layer1.conv_1.conv.weight",
        "stem0.conv.weight",
    ]
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    one, other = (weights[f"alphas.layer{place}"].softmax(1)[0] for place in (0, 1))
    stem = F.conv2d(x, weights["stem0.conv.weight"])  # (B, 2, 4, 4)
    normed = F.batch_norm(
        F.conv2d(stem, weights["layer0.conv_3_bn.conv.weight"], padding=1), None, None, training=True
    )
    pooled = F.avg_pool2d(stem, 3, 1, 1, count_include_pad=False)
    first = one[0] * normed + one[1] * stem + one[2] * pooled
    second = other[0] * F.conv2d(first, weights["layer1.conv_1.conv.weight"])
    expected = F.linear(second.mean((2, 3)), weights["head.linear.weight"], weights["head.linear.bias"])
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(
        torch.autograd.grad(model(x).square().sum(), list(weights.values())),
        torch.autograd.grad(expected.square().sum(), list(weights.values())),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec and a finished search of it, of two epochs."""
    folder = tmp_path_factory.mktemp("layers")
    (folder / "mobile.darts").write_text(SPEC)
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (24, 6, 6), dtype=np.uint8), np.arange(24) % 3
    np.savez(folder / "few.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    run(folder, "search", "mobile.darts", "--epochs", "2", "--batch", "6", "--out", "run", data=True)
    return folder


def run(folder: Path, *arguments: str, data: bool = False, code: int = 0) -> str:
    given = [str(folder / each) if (folder / each).exists() or each in NEW else each for each in arguments]
    more = ["--data", str(folder / "few.npz")] if data else []
    result = CliRunner().invoke(cli, [*given, *more], prog_name="dartsl", catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


NEW = ("run", "trained", "later.darts", "drawn.dot", "program.pt2", "more", "drawn")


def test_a_found_file_has_a_stage_a_layer_with_its_weight(folder: Path) -> None:
    text = (folder / "run" / "found.darts").read_text()
    stages = [line.strip() for line in text.splitlines() if line.startswith("  stage")]
    assert len(stages) == 5
    assert [line.partition("  # ")[2] for line in stages] == ["0.25", "0.20", "0.20", "0.50", ""]
    assert stages[4].split()[1] == "skip_connect"
    found = check(Source("found.darts", text))
    assert found.decided(pick_network(found, None))
    assert not pick_network(found, None).choices


def test_a_winner_that_is_a_chain_is_an_operation_of_its_own(folder: Path) -> None:
    texts = dartsl.sample(folder / "mobile.darts", count=8)
    chains = [text for text in texts if "op layer3 = conv(1)/stride > bn\n" in text]
    assert chains
    assert len(chains) < len(texts)
    assert all("stage layer3/2 " in text for text in chains)
    for text in texts:
        check(Source("drawn.darts", text))


def test_different_layers_are_no_isomorphic_cells() -> None:
    spec = check(Source("test.darts", SPEC))
    texts = dartsl.sample(spec, count=20, unique=True)
    stages = {
        "\n".join(line for line in text.splitlines() if "stage" in line or "op layer" in line)
        for text in texts
    }
    assert len(stages) == 20
    chosen = SPEC.replace("(conv(1)/stride > bn | mb(2, C + 1))/2", "layer3")
    bodies = (f"op layer3 = conv({k}) > bn\nop  mb" for k in (1, 3))
    pair = [check(Source("drawn.darts", chosen.replace("op  mb", body))) for body in bodies]
    assert [cell.name for cell in dartsl.diff(*pair).cells if not cell.equal] == ["layer3"]


def test_every_command_knows_them(folder: Path) -> None:
    assert "space          200 architectures" in run(folder, "info", "mobile.darts", "--memory", "none")
    run(folder, "train", "run", "--epochs", "1", "--batch", "6", "--out", "trained", data=True)
    assert "test error" in run(folder, "eval", "trained")
    run(folder, "derive", "run", "--epoch", "1", "-o", "later.darts")
    compared = run(folder, "diff", "mobile.darts", "run/found.darts", code=1)
    assert (
        "cell layer0\n  - edge x -> y : mb(1, 3) | mb(1, 5) | mb(2, 3) | mb(2, 5)\n  + edge x -> y : mb("
        in compared
    )
    run(folder, "export", "trained", "--to", "torch", "-o", "program.pt2")
    for level in ("0", "2"):
        assert "layer3" in run(folder, "compile", "mobile.darts", "--emit", "graph", "-O", level)


def test_they_are_drawn_as_a_chain(folder: Path) -> None:
    spec = check(Source("test.darts", SPEC))
    assert [name for name, cell in shown(spec).cells.items() if cell.layer] == [
        f"layer{place}" for place in range(5)
    ]
    for given in ("mobile.darts", "run", "run/found.darts"):
        dot = dartsl.draw(folder / given)
        assert dot.count("subgraph cluster") == 1
        assert 'label="layer3"' in dot


def test_a_search_resumes_where_it_was(folder: Path) -> None:
    run(folder, "search", "mobile.darts", "--epochs", "1", "--batch", "6", "--out", "more", data=True)
    run(folder, "search", "--resume", "more", "--epochs", "2")
    once, again = ([row["epoch"] for row in dartsl.Run(folder / name).history] for name in ("run", "more"))
    assert once == again
    assert dartsl.Run(folder / "more").alphas().keys() == {"layer0", "layer1", "layer2", "layer3"}


def test_the_space_is_the_product_of_what_layers_offer() -> None:
    spec = check(Source("test.darts", SPEC))
    spec, network = laid_out(spec, pick_network(spec, None), {"L": 3})
    assert space_size(spec.cells[name] for name in network.cells) == 4 * 5**3 * 2


def test_a_planted_chain_is_found(tmp_path: Path) -> None:
    text = """darts 2
network bars {
  input image(1, 6, 6)
  stem  conv(1, out = 8)
  stage (conv(1) > bn > relu | conv(3) > bn > relu) > (none | conv(1) > bn > relu) width 8
  head  global_avg_pool > linear(2)
}
"""
    found = found_of_bars(text, tmp_path)
    assert [line for line in found if line.startswith(("op ", "stage"))] == [
        "op layer0 = conv(3) > bn > relu",
        "op layer1 = conv(1) > bn > relu",
        "stage layer0 width 8",
        "stage layer1 width 8",
    ]


def test_a_mix_bn_in_a_layer_is_there_until_all_is_decided() -> None:
    text = """darts 2
op pool = avg_pool(3) > mix_bn
network one {
  input image(1, 6, 6)
  stem  conv(1)
  stage LAYERS width 2
  head  global_avg_pool > linear(2)
}
"""
    counts = {}
    for layers in ("pool > (pool | identity)", "pool > identity"):
        model = dartsl.compile(check(Source("test.darts", text.replace("LAYERS", layers))), level=0)
        counts[layers] = sum(name.endswith("running_mean") for name, _ in model.named_buffers())
    assert counts == {"pool > (pool | identity)": 2, "pool > identity": 0}


EQUAL = """darts 2
op f(k, w) = conv(k, out = w) > relu > conv(1)
network two(C = 2, D = 3) {
  input image(1, 6, 6)
  stem  conv(3)
  stage f(1 | 3, C) > f(D, 1 | 2)/S width 4*C
  stage f(1 | 3, C) > f(D, 1 | 2)   width 2*C
  head  global_avg_pool > linear(3)
}
"""


def test_equal_choices_of_two_stages_name_the_parameters_of_the_network() -> None:
    first, second = ["f(1, 2)", "f(3, 2)"], ["f(3, 1)", "f(3, 2)"]
    text = EQUAL.replace("/S", "")
    assert offered(text) == {"layer0": first, "layer1": second, "layer2": first, "layer3": second}


@pytest.mark.parametrize("given", [{"L": 0}, {"L": 2, "C": 0}])
def test_a_number_that_cannot_be_is_reported_once(given: dict[str, int]) -> None:
    spec = check(Source("test.darts", SPEC))
    with pytest.raises(SpecError) as caught:
        plan(spec, pick_network(spec, None), given)
    assert len({fault.primary.span for fault in caught.value.diagnostics}) == len(caught.value.diagnostics)


def test_what_is_wrong_in_one_of_two_equal_choices_is_reported_there() -> None:
    found = diagnose(Source("test.darts", EQUAL.replace("/S", "/2"))).errors
    assert {(fault.code, fault.primary.span.position) for fault in found} == {("E0501", (6, 23))}


def test_a_cell_cannot_have_the_name_of_a_layer(tmp_path: Path) -> None:
    """It would stand in the place of a layer that offers a choice; one of an imported file of darts 1 too."""
    cell = "cell layer0 {\n  input a\n  node n : sum\n  edge a -> n : relu\n  output n\n}\n"
    used = f"{cell}cell other = layer0\n\nnetwork mobile"
    (fault,) = diagnose(Source("test.darts", SPEC.replace("network mobile", used))).errors
    assert (fault.code, fault.title) == ("E0203", "a cell cannot be called `layer0`")
    (tmp_path / "old.darts").write_text(f"darts 1\n{cell}")
    new = tmp_path / "new.darts"
    text = SPEC.replace('import "std/cnn"', 'import "std/cnn"\nimport "./old"')
    (fault,) = diagnose(Source("new.darts", text, new)).errors
    assert (fault.code, fault.title) == ("E0203", "`layer0` is reserved in `darts 2`")
    assert diagnose(Source("old.darts", f"darts 1\n{cell}")).errors == ()


def test_an_operation_with_the_name_of_a_layer_keeps_it() -> None:
    text = SPEC.replace("op  mb", "op layer3 = relu > conv(3)\nop  mb").replace(
        "conv(3) > bn\n", "conv(3) > layer3\n"
    )
    texts = dartsl.sample(check(Source("test.darts", text)), count=8)
    chains = [each for each in texts if "op layer3_ = conv(1)/stride > bn" in each]
    assert chains
    for each in chains:
        assert "op layer3  = relu > conv(3)" in each or "op layer3 = relu > conv(3)" in each
        check(Source("drawn.darts", each))


def test_a_parameter_with_the_name_of_a_layer_keeps_it() -> None:
    text = SPEC.replace("L = 2", "layer3 = 2").replace("later*L", "later*layer3")
    chains = [
        each for each in dartsl.sample(check(Source("test.darts", text)), count=8) if "op layer3_ =" in each
    ]
    assert chains
    for each in chains:
        check(Source("drawn.darts", each))


def test_stages_of_a_search_cannot_change_how_many_layers_offer_choices(folder: Path) -> None:
    stages = "stage(keep = 2), stage(keep = 1, L = 3)"
    given = ("--stages", stages, "--epochs", "2", "--batch", "6", "--out", str(folder / "stages"))
    output = run(folder, "search", "mobile.darts", *given, data=True, code=2)
    assert "stage 2 has other layers that offer a choice" in output
    assert "leave out `L`" in output
    assert not (folder / "stages").exists()


def test_the_python_text_says_what_a_layer_is() -> None:
    model = dartsl.compile(check(Source("test.darts", SPEC)), parameters={"L": 1}, level=0)
    assert '"""Layer `layer0`, which offers a choice."""' in emit_python(model.network)


def test_reports_call_a_layer_by_its_name() -> None:
    spec = check(Source("test.darts", SPEC))
    spec, network = laid_out(spec, pick_network(spec, None), {"L": 1})
    readings = {
        name: Reading([[0.2] * len(edge.candidates) for edge in spec.cells[name].searched_edges])
        for name in network.cells
    }
    found = derive_network(spec, network, {"L": 1}, readings, Rule("threshold", threshold=0.85))
    assert found.notes[0] == "layer0: no edge of weight 0.85 or more"
