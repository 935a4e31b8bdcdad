"""What the functions refuse, in one sentence, before anything is built; and what they take in more than one form."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dartsl
from dartsl.api.jobs import search_config
from dartsl.nn.supernet import Supernet
from tests.python.conftest import SPEC

SMALL = dartsl.Source("small", SPEC)
C2 = {"C": 2}
HALF = """\
from torch import nn

def half(in_channels, out_channels, stride, affine):
    return nn.Identity()
"""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dartsl.compile(SMALL, level=3), "`3` is not a value for `level`"),
        (lambda: dartsl.compile(SMALL, level=True), "`True` is not a value for `level`"),
        (lambda: dartsl.compile(SMALL, seed=1.5), "`1.5` is not a value for `seed`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, seed=-1), "`-1` is not a value for `seed`"),
        (lambda: dartsl.compile(SMALL, parameters={"C": True}), "`True` is not a value for `C`"),
        (lambda: dartsl.compile(SMALL, parameters={"C": "2"}), "`2` is not a value for `C`"),  # type: ignore[dict-item]
        (lambda: dartsl.compile(SMALL, parameters={"C": float("nan")}), "`nan` is not a value for `C`"),
        (lambda: dartsl.compile(SMALL, parameters=3), "`3` is not a value for `parameters`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, dtype="int8"), "`int8` is not a value for `dtype`"),
        (lambda: dartsl.compile(SMALL, dtype=torch.int32), r"`torch.int32` is not a value for `dtype`"),
        (lambda: dartsl.compile(SMALL, memory="lo"), "`lo` is not a value for `memory`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, amp=1), "`1` is not a value for `amp`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, drop_path=0.5), "`0.5` is not a value for `drop_path`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, auxiliary="no"), "`no` is not a value for `auxiliary`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, relaxation="hard"), "relaxation `hard`"),
        (lambda: dartsl.compile(SMALL, network=3), "`3` is not a value for `network`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, plugins=3), "`3` is not a value for `plugins`"),  # type: ignore[arg-type]
        (lambda: dartsl.emit(SMALL, level=3), "`3` is not a value for `level`"),
        (lambda: dartsl.emit(SMALL, "svg"), "`svg` is not a value for `form`"),  # type: ignore[arg-type]
        (lambda: dartsl.info(SMALL, level=3), "`3` is not a value for `level`"),
        (lambda: dartsl.info(SMALL, batch=0), "`0` is not a value for `batch`"),
        (lambda: dartsl.info(SMALL, order="third"), "`third` is not a value for `order`"),
        (lambda: dartsl.info(SMALL, memory="little"), "`little` is not a value for `memory`"),
        (lambda: dartsl.bench(SMALL, batch=0), "`0` is not a value for `batch`"),
        (lambda: dartsl.bench(SMALL, repeats=0), "`0` is not a value for `repeats`"),
        (lambda: dartsl.bench(SMALL, cases="third"), "there is no case `third`"),
        (lambda: dartsl.export(SMALL, "onnx", seed=1.5), "`1.5` is not a value for `seed`"),  # type: ignore[call-overload]
        (lambda: dartsl.draw(SMALL, cell=3), "`3` is not a value for `cell`"),  # type: ignore[arg-type]
        (lambda: dartsl.derive("run", epoch=1.5), "`1.5` is not a value for `epoch`"),  # type: ignore[arg-type]
        (lambda: dartsl.train_seeds(SMALL, 1), "`1` is not a value for `seeds`"),
        (lambda: dartsl.predict("run", "x.png", top_k=0), "`0` is not a value for `top_k`"),
        (lambda: dartsl.generate("run", "a", length=1.5), "length, top_k and seed are whole"),  # type: ignore[arg-type]
        (lambda: dartsl.search(SMALL, parameters={"C": True}), "`True` is not a value for `C`"),
        (lambda: dartsl.search(SMALL, epochs=1.5), "`1.5` is not a value for the setting `epochs`"),  # type: ignore[arg-type]
    ],
)
def test_an_argument_that_is_none_of_its_values_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(dartsl.UserError, match=message) as refused:
        call()
    assert "\n" not in refused.value.message


def test_a_network_is_built_as_the_arguments_say() -> None:
    model = dartsl.compile(
        SMALL,
        parameters=C2,
        memory="low",
        amp=True,
        drop_path=True,
        auxiliary=True,
        relaxation="softmax",
        level=1,
    )
    build = model.build
    assert (build.memory, build.amp, build.drop_path, build.auxiliary, build.level) == (
        "low",
        True,
        True,
        True,
        1,
    )


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_a_network_computes_in_bfloat16(dtype: str | torch.dtype) -> None:
    model = dartsl.compile(SMALL, parameters=C2, dtype=dtype)
    assert {value.dtype for value in model.parameters()} == {torch.bfloat16}
    images = torch.rand(4, 1, 6, 6, dtype=torch.bfloat16)
    model(images).sum().backward()
    same = dartsl.compile(SMALL, parameters=C2)
    assert torch.allclose(model(images).float(), same(images.float()), atol=0.1)


def test_a_parameter_may_be_a_number_of_any_kind() -> None:
    for tenth in (0.1, Fraction(1, 10)):
        planned = dartsl.compile("zoo/rnn_v2", parameters={"H": 4, "vocab": 5, "dropout": tenth}).plan
        assert planned.parameters["dropout"] == Fraction(1, 10)


def test_a_plugin_is_one_file_or_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("half.py").write_text(HALF)
    spec = SPEC.replace("cell pair", "extern op half\ncell pair").replace(
        "sep_conv(3) | skip_connect", "half"
    )
    source = dartsl.Source("small", spec)
    for plugins in ("half.py", Path("half.py"), ["half.py"]):
        assert list(dartsl.compile(source, plugins=plugins).plugins) == ["half"]
        assert dartsl.info(source, plugins=plugins).memory_bytes is not None


@pytest.fixture(scope="module")
def model() -> Supernet:
    return dartsl.compile(SMALL, parameters=C2)


@pytest.mark.parametrize("shape", [(0, 1, 6, 6), (1, 6, 6), (6, 6), (2, 1, 1, 6, 6)])
def test_what_is_no_batch_gets_a_message(model: Supernet, shape: tuple[int, ...]) -> None:
    with pytest.raises(dartsl.UserError, match=r"the network takes images \(B, 1, 6, 6\)") as refused:
        model(torch.zeros(shape))
    assert (refused.value.help is not None) == (len(shape) == 3)


def test_a_text_that_is_no_batch_gets_a_message() -> None:
    text = dartsl.compile("zoo/rnn_v2", parameters={"H": 4, "vocab": 5})
    with pytest.raises(
        dartsl.UserError, match=r"the network takes tokens \(T, B\), and was given a tensor \(3,\)"
    ):
        text(torch.zeros(3, dtype=torch.int64))


ANY: Any = 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dartsl.check(ANY), "a value of the type int is no spec"),
        (lambda: dartsl.compile(ANY), "a value of the type int is no spec"),
        (lambda: dartsl.train(ANY), "a value of the type int is no spec"),
        (lambda: dartsl.fmt(None), "a value of the type NoneType is no spec"),  # type: ignore[arg-type]
        (lambda: dartsl.info(b"digits"), "a value of the type bytes is no spec"),  # type: ignore[arg-type]
        (lambda: dartsl.Run(ANY), "a value of the type int is no run"),
        (lambda: dartsl.resume(ANY), "a value of the type int is no run"),
        (lambda: dartsl.resume("x" * 5000), "is not a run folder"),
        (lambda: dartsl.evaluate(ANY), "a value of the type int is no run"),
        (lambda: dartsl.predict(ANY, "x.png"), "a value of the type int is no run"),
        (lambda: dartsl.derive(ANY), "a value of the type int is no run"),
        (lambda: dartsl.plot(ANY), "a value of the type int is no run"),
        (lambda: dartsl.train(SMALL, init={}), "a value of the type dict is no run"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, seed=None), "`None` is not a value for `seed`"),  # type: ignore[arg-type]
        (lambda: dartsl.compile(SMALL, level=None), "`None` is not a value for `level`"),  # type: ignore[arg-type]
        (lambda: dartsl.search(SMALL, out=3), "`3` is not a value for `out`"),  # type: ignore[arg-type]
        (lambda: dartsl.search(SMALL, quiet="yes"), "`yes` is not a value for `quiet`"),  # type: ignore[arg-type]
        (lambda: dartsl.search(SMALL, command=3), "`3` is not a value for `command`"),  # type: ignore[arg-type]
        (lambda: dartsl.search(SMALL, console=ANY), "a value of the type int is no console"),
        (
            lambda: dartsl.search(SMALL, on_step=ANY),
            "`on_step` is a value of the type int, and not a function",
        ),
        (
            lambda: dartsl.search(SMALL, on_epoch=ANY),
            "`on_epoch` is a value of the type int, and not a function",
        ),
        (lambda: dartsl.search(SMALL, metrics=[print]), "metrics are functions by name"),  # type: ignore[arg-type]
        (lambda: dartsl.search(SMALL, metrics={1: print}), "metrics are functions by name"),  # type: ignore[dict-item]
        (lambda: dartsl.search(SMALL, loss=torch.nn.MSELoss), "the loss is the class MSELoss"),  # type: ignore[arg-type]
        (lambda: dartsl.features(SMALL, ["head"]), "a value of the type Source is no network of dartsl"),  # type: ignore[arg-type]
    ],
)
def test_an_argument_of_another_kind_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(dartsl.UserError, match=message) as refused:
        call()
    assert "\n" not in refused.value.message


def test_numbers_of_numpy_are_numbers() -> None:
    ours = dartsl.compile(SMALL, parameters={"C": np.int64(2)}, seed=np.int64(7), level=np.int32(1))  # type: ignore[dict-item, arg-type]
    theirs = dartsl.compile(SMALL, parameters={"C": 2}, seed=7, level=1)
    assert all(torch.equal(a, b) for a, b in zip(ours.weights(), theirs.weights(), strict=True))
    config = search_config(dartsl.check(SMALL), {"epochs": np.int64(3), "lr": np.float32(0.5)})
    assert (type(config.epochs), config.epochs, type(config.lr), config.lr) == (int, 3, float, 0.5)


def test_a_device_of_torch_names_a_device() -> None:
    assert search_config(dartsl.check(SMALL), {"device": torch.device("cuda:1")}).device == "cuda:1"


def test_one_layer_may_be_named_by_itself() -> None:
    model = dartsl.compile(SMALL, parameters=C2)
    assert list(dartsl.features(model, "head")(torch.zeros(2, 1, 6, 6))) == ["head"]
