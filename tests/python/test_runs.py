"""Runs from Python: begun, gone on with whatever their kind, and used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import dartsl
from tests.python.conftest import COMMON


def test_any_kind_of_run_goes_on(work: Path, quiet: Console) -> None:
    given: dict[str, Any] = {**COMMON, "data": "images.npz", "console": quiet}
    searched = dartsl.search("small.darts", "found", **given)
    assert json.loads((work / "found" / "run.json").read_text())["command"] == "dartsl.search(...)"
    again = dartsl.resume(searched.path, epochs=2, console=quiet)
    assert isinstance(again, dartsl.Run)
    assert again.finished

    del given["data"]  # a training has its search's
    trained = dartsl.train("found", "trained", **given)
    again = dartsl.resume(trained.path, epochs=2, console=quiet)
    assert isinstance(again, dartsl.Run)
    assert dartsl.evaluate(again.path, device="cpu").epochs == 2

    seeds = dartsl.train_seeds("found", 2, "seeds", **given)
    more = dartsl.resume("seeds", epochs=2, console=quiet)
    assert isinstance(more, list)
    assert [each.path.name for each in more] == [each.path.name for each in seeds] == ["seed0", "seed1"]
    with pytest.raises(dartsl.UserError, match="in place of the setting `seed`"):
        dartsl.train_seeds("found", 2, "others", seed=1, **given)


def test_a_trained_network_is_loaded_once_and_asked_often(work: Path, quiet: Console) -> None:
    spec = Path("small.darts").read_text().replace("sep_conv(3) | skip_connect", "sep_conv(3)")
    run = dartsl.train(dartsl.Source("small", spec), "run", data="images.npz", console=quiet, **COMMON)
    network = dartsl.trained(run.path, device="cpu")
    images = torch.arange(2 * 36, dtype=torch.uint8).reshape(2, 6, 6)
    both = dartsl.predict(network, images, top_k=3)
    assert both == dartsl.predict(run.path, images, top_k=3, device="cpu")
    assert network.model(torch.zeros(2, 1, 6, 6)).shape == (2, 3)
    assert not network.model.training


def test_the_folder_of_a_run_stands_for_what_it_has_found(work: Path, quiet: Console) -> None:
    run = dartsl.search("small.darts", "run", data="images.npz", console=quiet, **COMMON)
    assert dartsl.check("run").root.source.text == run.found == dartsl.derive("run")
    assert dartsl.diff("run", dartsl.Source("found", run.found or "")).equal
    assert not dartsl.diff("run", "small.darts").equal
    with pytest.raises(dartsl.UserError, match="is a folder, not a spec"):
        dartsl.search("run", console=quiet)
    with pytest.raises(dartsl.UserError, match="has its network and its parameters already"):
        dartsl.export("run", "genotype", parameters={"C": 4})


def test_a_parameter_that_does_not_exist_is_named(work: Path) -> None:
    for call in (dartsl.compile, dartsl.info, dartsl.emit, dartsl.search):
        with pytest.raises(dartsl.UserError, match="no parameter `clases`") as caught:
            call("small.darts", parameters={"clases": 4})
        assert caught.value.help == "did you mean `classes`?"


def test_a_spec_is_written_neatly_and_as_code(work: Path) -> None:
    loose = dartsl.Source("loose", Path("small.darts").read_text().replace("  input  a, b", "input a,b"))
    assert "  input  a, b : preprocess" in dartsl.fmt(loose)
    assert "class" in dartsl.emit("small.darts")
    assert "digits" in dartsl.shipped_specs()
    with pytest.raises(dartsl.UserError, match="no target `tpu`"):
        dartsl.emit("small.darts", target="tpu")
