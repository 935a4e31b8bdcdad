"""A training that begins with the weights of another one, and a trained run that is measured on other data."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

import dartsl
from dartsl.exchange.weights import safetensors_bytes
from dartsl.run.folder import RunFolder
from tests.python.conftest import COMMON, SPEC, write_images

DECIDED = dartsl.Source("small", SPEC.replace("sep_conv(3) | skip_connect", "sep_conv(3)"))
HEAD = ["network.head.linear.weight", "network.head.linear.bias"]
QUIET: Any = {**COMMON, "console": Console(quiet=True)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A folder with images of two and of three classes, and `first`, a training on the latter, also as a file."""
    place, before = tmp_path_factory.mktemp("runs"), Path.cwd()
    os.chdir(place)
    write_images("three.npz")
    write_images("two.npz", classes=2, seed=1)
    first = dartsl.train(DECIDED, "first", data="three.npz", ema=0.5, auxiliary=0.4, **QUIET)
    dartsl.export(first, "safetensors", "first.safetensors")
    yield SimpleNamespace(path=place, first=first)
    os.chdir(before)


def begun(out: str, **given: Any) -> tuple[dict[str, torch.Tensor], str]:
    """The weights with which a training begins, and what is said: it takes steps of size nearly zero."""
    said = io.StringIO()
    console = Console(file=said, width=1000)
    given = {**COMMON, "lr": 1e-30, "weight_decay": 0.0, **given, "console": console}
    return dartsl.train(DECIDED, out, **given).weights("last"), said.getvalue()


def learnt(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name: value
        for name, value in weights.items()
        if ".running_" not in name and "num_batches" not in name
    }


def test_a_training_begins_with_what_another_is_evaluated_with(place: SimpleNamespace) -> None:
    weights, said = begun("again", init=place.first, data="three.npz")
    averaged = place.first.weights("average")
    assert all(torch.equal(value, averaged[name]) for name, value in learnt(weights).items())
    assert "tensors begin as those of" in said
    assert "afresh" not in said
    record = json.loads(Path("again/run.json").read_text())["init"]
    assert record["path"] == str(place.path / "first")
    assert record["fresh"] == []
    assert dartsl.Run("again").init == record


def test_a_head_of_another_size_begins_afresh(place: SimpleNamespace) -> None:
    two = {"data": "two.npz", "parameters": {"classes": 2}}
    weights, said = begun("two", init="first", **two)
    fresh, _ = begun("fresh", **two)
    averaged = place.first.weights("average")
    for name, value in learnt(weights).items():
        assert torch.equal(value, fresh[name] if name in HEAD else averaged[name]), name
    assert dartsl.Run("two").init["fresh"] == HEAD  # type: ignore[index]
    assert "network.head.linear.weight is (2, 2), (3, 2) there" in said


def test_weights_may_come_from_a_file(place: SimpleNamespace) -> None:
    weights, _ = begun("of-file", init="first.safetensors", data="three.npz")
    averaged = place.first.weights()
    assert all(torch.equal(value, averaged[name]) for name, value in learnt(weights).items())
    # An auxiliary head that the file lacks begins afresh, as any head.
    begun("with-head", init="first.safetensors", data="three.npz", auxiliary=0.4)
    assert all(name.startswith("network.auxiliary.") for name in dartsl.Run("with-head").init["fresh"])  # type: ignore[index]


def test_several_seeds_begin_with_the_same_weights(place: SimpleNamespace) -> None:
    runs = dartsl.train_seeds(
        DECIDED, 2, "seeds", init="first", data="three.npz", lr=1e-30, weight_decay=0.0, **QUIET
    )
    one, two = (learnt(run.weights()) for run in runs)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_to_go_on_the_file_is_not_needed_unless_nothing_was_saved(place: SimpleNamespace) -> None:
    shutil.copy("first.safetensors", "gone.safetensors")
    whole = dartsl.train(DECIDED, "whole", init="gone.safetensors", data="three.npz", **QUIET | {"epochs": 2})
    part = dartsl.train(DECIDED, "part", init="gone.safetensors", data="three.npz", **QUIET)
    shutil.copytree("part", "died")
    Path("gone.safetensors").unlink()
    # Another last epoch is another cosine: what is compared is that it goes on at all.
    assert dartsl.resume(part, epochs=2, console=Console(quiet=True)).finished  # type: ignore[union-attr]

    (Path("died") / "checkpoint.pt").unlink()
    (Path("died") / "history.jsonl").write_text("")
    with pytest.raises(dartsl.UserError, match="neither the folder of a training nor"):
        dartsl.resume("died", console=Console(quiet=True))
    Path("gone.safetensors").write_bytes(b"another")
    with pytest.raises(dartsl.UserError, match="is damaged"):
        dartsl.resume("died", console=Console(quiet=True))
    shutil.copy("first.safetensors", "gone.safetensors")
    died = dartsl.resume("died", epochs=2, console=Console(quiet=True))
    assert isinstance(died, dartsl.Run)
    assert all(torch.equal(value, died.weights()[name]) for name, value in whole.weights().items())


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (
            "wider",
            r"has weights of another network: network.stem0.conv.weight is \(2, 1, 3, 3\) here and \(4, ",
        ),
        ("searched", "is a run of `search`"),
        ("three.npz", "is neither the folder of a training nor a .safetensors file"),
        ("nowhere", "is neither the folder of a training nor a .safetensors file"),
        ("damaged.safetensors", "is damaged"),
        ("less.safetensors", r"network.stem0.bn.bias is \(2,\) here and missing there"),
        ("more.safetensors", r"network.other is missing here and \(1,\) there"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_no_folder(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, init: str, message: str
) -> None:
    if init == "wider":
        dartsl.train(DECIDED, "wider", data="three.npz", parameters={"C": 4}, **QUIET)
    if init == "searched":
        monkeypatch.setattr("dartsl.searching.loop.render", lambda _dot, _kind: b"<svg/>")
        dartsl.search(dartsl.Source("small", SPEC), "searched", data="three.npz", **QUIET)
    if init == "damaged.safetensors":
        Path(init).write_bytes(b"none")
    if init in ("less.safetensors", "more.safetensors"):
        model = dartsl.compile(DECIDED)
        if init == "more.safetensors":
            model.network.register_buffer("other", torch.zeros(1))
        else:
            bn: Any = model.get_submodule("network.stem0.bn")
            bn.bias = None
        Path(init).write_bytes(safetensors_bytes(model, {}))
    with pytest.raises(dartsl.UserError, match=message):
        dartsl.train(DECIDED, "refused", init=init, data="three.npz", **QUIET)
    assert not Path("refused").exists()


def test_a_record_of_first_weights_that_is_damaged_is_refused(place: SimpleNamespace) -> None:
    begun("edited", init="first", data="three.npz")
    path = Path("edited/run.json")
    path.write_text(path.read_text().replace('"fresh": []', '"fresh": 3'))
    with pytest.raises(dartsl.UserError, match=r"`init.fresh` is missing or not what it was"):
        RunFolder.open(Path("edited"))
