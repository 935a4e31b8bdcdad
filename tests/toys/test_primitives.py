"""A primitive of one's own, one file each (mish.py, scale.py), goes through all of dartsl; no other file is touched."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.graph.build import build
from dartsl.graph.operations import application
from dartsl.graph.passes import optimise, passes_of
from dartsl.graph.target import LEVELS
from dartsl.lang.codes.source import Source
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.nn.builders import BUILDERS, register
from dartsl.nn.emit import emit_python
from dartsl.nn.passing import PLAIN
from dartsl.run.folder import RunFolder
from tests.nn.test_lower import import_text
from tests.passes.same import CPU, assert_same, images, model, planned_text
from tests.toys import mish, scale

SPEC = """darts 1

op plain  = mish > conv(1) > bn
op deep   = mish > dwconv(3) > conv(1) > bn > mish > dwconv(3) > conv(1) > bn
op atrous = mish > dwconv(3, dilation = 2) > conv(1) > scale > bn
op scaled = scale(3) > mish

cell normal {
  input  a, b : plain
  node   n, m : sum keep 2
  edge   all -> n, m : none | identity | deep | atrous | scaled
  output concat(n, m)
}

network small(C = 2) {
  input image(1, 8, 8)
  stem  conv(3) > bn > scale > mish
  stage normal  width C
  head  global_avg_pool > linear(10)
}

search { epochs = 1  batch = 500  crop = 1  flip = false  data = "digits" }

train { epochs = 1  batch = 500  crop = 1  flip = false  data = "digits" }
"""


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    both = (mish, scale)
    for each in both:
        register(each.RECORD, each.BUILDER)
    yield
    for each in both:
        del PRIMITIVES[each.RECORD.name], BUILDERS[each.RECORD.builder]


def test_check_knows_them() -> None:
    dartsl.check(Source("toy.darts", SPEC))
    with pytest.raises(dartsl.SpecError) as fault:
        dartsl.check(
            Source("toy.darts", SPEC.replace("scale(3)", "scale(3, 4)").replace("> mish >", "> mihs >"))
        )
    found = {(each.code, each.help) for each in fault.value.diagnostics}
    assert ("E0201", "did you mean `mish`?") in {(code, (help or "").split(" (")[0]) for code, help in found}
    assert "E0401" in {code for code, _ in found}


def test_info_counts_them() -> None:
    """The stem's `scale` learns 2 numbers and multiplies 2 x 8 x 8; `mish` neither."""
    whole, without, bare = (
        dartsl.info(Source("toy.darts", SPEC.replace("bn > scale > mish", stem)), memory="none")
        for stem in ("bn > scale > mish", "bn > mish", "bn")
    )
    assert whole.parameters - without.parameters == 2
    assert whole.multiply_adds - without.multiply_adds == 2 * 8 * 8
    assert (without.parameters, without.multiply_adds) == (bare.parameters, bare.multiply_adds)
    planned = planned_text(SPEC)
    assert whole.parameters == sum(each.numel() for each in model(planned, build(planned)).weights())


def test_draw_shows_them(tmp_path: Path) -> None:
    (tmp_path / "toy.darts").write_text(SPEC)
    assert "scaled" in dartsl.draw(tmp_path / "toy.darts")


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_computes_the_same(level: int) -> None:
    assert_same(SPEC, passes_of(level, CPU))


def test_passes_ask_for_traits() -> None:
    """Side by side as a ReLU would be, and in the phases of the image after a dilated convolution."""
    graph = optimise(build(planned_text(SPEC)), 2, CPU).graph
    found = [application(graph, node) for node in graph]
    assert any(each.kind == "mish" and each.shape[0] > 2 for each in found)
    assert any(each.kind == "scale" and each.batch == 4 for each in found)


@pytest.mark.parametrize("level", LEVELS)
def test_the_python_text_computes_the_same(level: int, tmp_path: Path) -> None:
    planned = planned_text(SPEC)
    made = model(planned, optimise(build(planned), level, CPU).graph)
    text = emit_python(made.network)
    assert "import torch.nn.functional as F" in text
    assert "from tests.toys import scale as _scale" in text
    assert "_scale.Scale(2, 3)" in text
    again = import_text(text, tmp_path, made.network).double()
    again.load_state_dict(made.network.state_dict())
    x, _ = images(planned, 3, seed=0)
    weights = made.mixing_weights().values()
    torch.testing.assert_close(again(x, *weights), made.network(x, *weights, PLAIN), rtol=0, atol=0)


@pytest.mark.slow
def test_a_search_and_a_training(tmp_path: Path) -> None:
    (tmp_path / "toy.darts").write_text(SPEC)
    found = dartsl.search(tmp_path / "toy.darts", tmp_path / "run")
    assert "cell normal" in found.found
    trained = dartsl.train(found.path, tmp_path / "trained")
    (row,) = RunFolder.open(trained.path).history()
    assert math.isfinite(row["train_loss"])
