"""Data of another number of classes than the network's head gives: what says it, and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dartsl import compile
from dartsl.data.images import FORMS, assemble, check_expected
from dartsl.data.text import text_of
from dartsl.exchange.importing import import_text
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.records.inputs import Images, Tokens
from dartsl.lang.settings.values import search_config, train_config
from dartsl.lang.syntax.loader import PRELUDES
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.searching.images import images_of
from dartsl.training.data import feed_of

CELLS = """
cell c {
  input  x
  node   n : sum
  edge   x -> n : skip_connect | avg_pool(3)
  output n
}
"""


def network(parameters: str, head: str) -> str:
    return f"""darts 1
import "std/cnn"
op ends(k) = global_avg_pool > linear(k)
{CELLS}
network t({parameters}) {{
  input image(1, 8, 8)
  stem  conv(3)
  stage c width C
  head  {head}
}}
"""


@pytest.fixture
def two_hundred(tmp_path: Path) -> str:
    images = np.zeros((400, 8, 8), dtype=np.uint8)
    labels = np.arange(400) % 200
    path = tmp_path / "d.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    return str(path)


@pytest.mark.parametrize(
    ("parameters", "head", "advice"),
    [
        ("C = 2, classes = 10", "global_avg_pool > linear(classes)", "try --set classes=200"),
        ("C = 2, outputs = 10", "global_avg_pool > (relu > linear(out = outputs))", "try --set outputs=200"),
        ("C = 2", "global_avg_pool > linear(10)", "let the head end in `linear(200)`"),
        ("C = 10", "global_avg_pool > linear", "let the head end in `linear(200)`"),
        ("C = 2, classes = 5", "global_avg_pool > linear(2*classes)", "let the head end in `linear(200)`"),
        ("C = 2, classes = 10", "ends(classes)", "let the head end in `linear(200)`"),
    ],
)
def test_the_parameter_of_the_head_is_named(
    two_hundred: str, parameters: str, head: str, advice: str
) -> None:
    spec = check(Source("t.darts", network(parameters, head)))
    model = compile(spec, None, {})
    with pytest.raises(UserError) as caught:
        images_of(model.plan, search_config(Images, {"data": two_hundred}))
    assert caught.value.message.endswith("d.npz: the data has 200 classes, and the network's head gives 10")
    assert caught.value.help == f"{advice}, or name other data by --data"


def test_a_training_and_a_folder_say_the_same(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in "abc":
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(2):
                Image.new("L", (8, 8), number).save(tmp_path / part / name / f"{number}.png")
    spec = check(Source("t.darts", network("C = 2, classes = 10", "global_avg_pool > linear(classes)")))
    for stream in ("never", "always"):
        with pytest.raises(
            UserError, match="the data has 3 classes, and the network's head gives 10"
        ) as caught:
            feed_of(
                plan(spec, spec.networks["t"], {}),
                train_config(Images, {"data": str(tmp_path), "stream": stream}),
            )
        assert str(caught.value.help).startswith("try --set classes=3")


@pytest.mark.parametrize(
    ("sizes", "shape", "advice"),
    [
        ((None, None), (8, 2), "write `input series(2, 8)` in the network and --set k=3"),
        (("c", None), (9, 1), "try --set c=1 --set k=3"),
        (("c", "n"), (8, 1), "try --set c=1 --set n=8 --set k=3"),
        (("c", "c"), (9, 1), "write `input series(1, 9)` in the network and --set k=3"),
    ],
)
def test_size_and_head_are_said_together(
    sizes: tuple[str | None, ...], shape: tuple[int, ...], advice: str
) -> None:
    x, y = np.zeros((6, *shape), dtype=np.float32), np.arange(6) % 3
    data = assemble("d.npz", (x, y), (x, y), form=FORMS[2])
    with pytest.raises(UserError, match=r"the spec says `input series.*; the data has 3 classes") as caught:
        check_expected(data, (2, 9, 10), "k", sizes)
    stored = "series are stored as (N, length, channels)"
    assert caught.value.help == f"{advice}, or name other data by --data; {stored}"


def test_series_that_are_stored_channels_first_are_known() -> None:
    part = np.zeros((6, 2, 9), dtype=np.float32), np.arange(6) % 3
    with pytest.raises(UserError) as caught:
        check_expected(assemble("d.npz", part, part, form=FORMS[2]), (2, 9, 3))
    assert "store `x.transpose(0, 2, 1)`" in str(caught.value.help)


def test_the_parameters_of_the_input_are_known() -> None:
    text = network("C = 2, n = 8", "global_avg_pool > linear").replace("image(1, 8, 8)", "image(1, n, n)")
    assert check(Source("t.darts", text)).networks["t"].sizes_parameters == (None, "n", "n")


def test_text_says_the_same() -> None:
    spec = check(Source("text.darts", shipped_specs()["text"].read_text(encoding="utf-8")))
    planned = plan(spec, spec.networks["text"], {"vocab": 9})
    message = "markov: the data has 8 different words, and the network's head gives 9"
    with pytest.raises(UserError, match=message) as caught:
        text_of(planned, search_config(Tokens, spec.search))
    assert str(caught.value.help).startswith("try --set vocab=8")


def test_every_network_that_is_shipped_or_imported_has_it_as_a_parameter() -> None:
    texts = {name: path.read_text(encoding="utf-8") for name, path in shipped_specs().items()}
    texts["imported"] = import_text(
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"
    ).text
    texts["genotype"] = import_text(
        "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=[2], "
        "reduce=[('skip_connect', 0), ('sep_conv_3x3', 1)], reduce_concat=[2])"
    ).text
    found = {
        network.outputs_parameter
        for name, text in texts.items()
        if name not in PRELUDES.values()
        for network in check(Source(name, text)).networks.values()
    }
    assert found == {"classes", "vocab"}
