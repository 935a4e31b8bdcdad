"""A run as an object: what lies in its folder, by names, and its networks with their weights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import dartsl
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder
from dartsl.searching.readouts import softmax_rows
from tests.python.conftest import COMMON, SPEC, write_images


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Of one folder: `searched`, two epochs with C = 4; `trained` what it found, with an auxiliary head; `averaged`."""
    place, before = tmp_path_factory.mktemp("runs"), Path.cwd()
    os.chdir(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dartsl.searching.loop.render", lambda _dot, _kind: b"<svg/>")
        write_images("images.npz")
        given: Any = {**COMMON, "console": Console(quiet=True)}
        spec = dartsl.Source("small", SPEC)
        searched = dartsl.search(
            spec, "searched", parameters={"C": 4}, data="images.npz", seed=1, **given | {"epochs": 2}
        )
        trained = dartsl.train(searched, "trained", **given)
        averaged = dartsl.train(searched, "averaged", ema=0.9, **given)
    yield SimpleNamespace(place=place, searched=searched, trained=trained, averaged=averaged)
    os.chdir(before)


def test_a_run_says_what_it_is(runs: SimpleNamespace) -> None:
    found = dartsl.Run("searched")
    assert (found.kind, found.network, found.finished) == ("search", "small", True)
    assert found.settings["epochs"] == 2
    assert list(found.spec.networks) == ["small"]
    assert [row["epoch"] for row in found.history] == [1, 2]
    assert repr(found) == "<Run searched: search of small, network small, epoch 2 of 2, finished>"
    trained = runs.trained
    assert (trained.kind, trained.found, trained.found_spec) == ("train", None, None)
    error = 100 * trained.test.top1.error
    assert repr(trained).endswith(f"epoch 1 of 1, finished, test error {error:.2f} %>")


def test_alphas_and_mixing_weights_have_names(runs: SimpleNamespace) -> None:
    rows = [
        json.loads(line)["alphas"]["pair"] for line in Path("searched/alphas.jsonl").read_text().splitlines()
    ]
    names = ["sep_conv(3)", "skip_connect"]
    for epoch, row in ((1, rows[0]), (2, rows[1]), (None, rows[1])):
        assert runs.searched.alphas(epoch) == {"pair": {"a -> p": dict(zip(names, row[0], strict=True))}}
        mixed = dict(zip(names, softmax_rows(row)[0], strict=True))
        assert runs.searched.mixing_weights(epoch) == {"pair": {"a -> p": mixed}}
    with pytest.raises(dartsl.UserError, match="has no epoch 3"):
        runs.searched.alphas(3)
    with pytest.raises(dartsl.UserError, match="only a search has alphas"):
        runs.trained.mixing_weights()


def test_what_was_found_is_a_spec_and_a_text(runs: SimpleNamespace) -> None:
    run = runs.searched
    assert run.found == Path("searched/found.darts").read_text() == run.derive()
    assert dartsl.diff(run, run.found_spec).equal
    assert dartsl.diff(run, run.path).equal
    assert run.derive(epoch=1, rule="argmax") == dartsl.derive("searched", 1, "argmax")
    assert run.draw() == dartsl.draw("searched")
    assert run.plot("curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_gives_the_trained_network(runs: SimpleNamespace) -> None:
    images = torch.rand(3, 1, 6, 6)
    model = runs.trained.model(device="cpu")
    assert not model.training
    assert torch.equal(model(images), dartsl.trained(runs.trained, device="cpu").model(images))
    assert model.plan.parameters["C"] == 4
    same = dartsl.compile(runs.trained)
    same.load_state_dict(runs.trained.weights())
    assert torch.equal(same.eval()(images), model(images))


def test_a_run_gives_the_supernet_with_its_alphas(runs: SimpleNamespace) -> None:
    model = runs.searched.model(device="cpu")
    assert not model.training
    saved = runs.searched.weights()
    assert saved.keys() == model.state_dict().keys()
    assert all(torch.equal(saved[name], value) for name, value in model.state_dict().items())
    own = runs.searched.mixing_weights()["pair"]["a -> p"]
    assert torch.allclose(model.mixing_weights()["pair"][0], torch.tensor(list(own.values())))
    assert model(torch.rand(2, 1, 6, 6)).shape == (2, 3)


def test_weights_are_the_last_or_the_averaged_ones(runs: SimpleNamespace) -> None:
    folder = RunFolder.open(runs.averaged.path)
    saved = checkpoint.load(folder.checkpoint, folder.info.identity)
    last, average = (runs.averaged.weights(which) for which in ("last", "average"))
    for weights, expected in ((last, saved["model"]), (average, {**saved["model"], **saved["average"]})):
        assert weights.keys() == expected.keys()
        assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert not all(torch.equal(last[name], average[name]) for name in last)
    evaluated = runs.averaged.weights()
    assert all(torch.equal(average[name], evaluated[name]) for name in average)
    state = runs.averaged.model("last", device="cpu").state_dict()
    assert all(torch.equal(state[name], last[name]) for name in state)
    with pytest.raises(dartsl.UserError, match="has no averaged weights"):
        runs.trained.weights("average")
    with pytest.raises(dartsl.UserError, match="`best` is not a value for `which`"):
        runs.trained.weights("best")


def test_the_figures_of_a_training_are_those_of_its_folder(runs: SimpleNamespace) -> None:
    record = json.loads(Path("trained/result.json").read_text())
    assert runs.trained.test.record() == record["test"] == runs.trained.result["test"]
    assert runs.trained.test == dartsl.evaluate(runs.trained, device="cpu").test
    assert (runs.trained.parameters, runs.trained.auxiliary_parameters) == (record["parameters"], 0)
    assert runs.searched.result is None
    assert runs.searched.test is None


def test_a_history_is_a_table_where_pandas_is(runs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(dartsl.UserError, match="needs the package `pandas`"):
        runs.searched.to_pandas()
    monkeypatch.undo()
    pytest.importorskip("pandas")
    table = runs.searched.to_pandas()
    assert list(table.index) == [1, 2]
    assert table["entropy.pair"][2] == runs.searched.history[1]["entropy"]["pair"]


def test_a_run_that_is_gone_or_damaged_is_refused(runs: SimpleNamespace, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree("searched", moved)
    run = dartsl.Run(moved)
    (moved / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(dartsl.UserError, match="damaged"):
        run.model()
    (moved / "run.json").write_text("{}")
    with pytest.raises(dartsl.UserError, match="run format"):
        run.settings  # noqa: B018
    shutil.rmtree(moved)
    with pytest.raises(dartsl.UserError, match="is not a run folder"):
        run.history  # noqa: B018
    assert "is not a run folder" in repr(run)
    with pytest.raises(dartsl.UserError, match="is not a run folder"):
        dartsl.Run("nowhere")
    (moved / "seed0").mkdir(parents=True)
    shutil.copy("searched/run.json", moved / "seed0")
    with pytest.raises(dartsl.UserError, match="several seeds"):
        dartsl.Run(moved)


def test_a_run_that_is_not_finished_says_so(runs: SimpleNamespace, tmp_path: Path) -> None:
    shutil.copytree("trained", tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    run = dartsl.Run(tmp_path / "run")
    assert (run.finished, run.result, run.test) == (False, None, None)
    again = dartsl.resume(run, console=Console(quiet=True))
    assert isinstance(again, dartsl.Run)
    assert (again.finished, again.test) == (True, runs.trained.test)


def test_all_but_weights_is_read_without_torch(runs: SimpleNamespace) -> None:
    code = """if True:
        import sys, dartsl
        run, trained = dartsl.Run("searched"), dartsl.Run("trained")
        run.history, run.alphas(), run.mixing_weights(), run.found_spec, run.derive(), run.draw(), repr(run)
        run.spec, run.settings, run.parameters, trained.test, trained.result, trained.auxiliary_parameters
        assert "torch" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_notebook_shows_cells_of_a_search_and_curves_of_a_training(
    runs: SimpleNamespace, tmp_path: Path
) -> None:
    cells, curves = runs.searched._repr_svg_(), runs.trained._repr_svg_()
    assert "output" in cells
    assert "learning rate" in curves
    assert cells[:4] == curves[:4] == "<svg"
    shutil.copytree("trained", tmp_path / "run")
    (tmp_path / "run" / "history.jsonl").unlink()
    assert dartsl.Run(tmp_path / "run")._repr_svg_() is None


def test_runs_of_one_folder_are_equal(runs: SimpleNamespace) -> None:
    assert runs.searched == dartsl.Run("searched")
    assert len({runs.searched, dartsl.Run("searched"), runs.trained}) == 2
    assert runs.searched != "searched"


def test_a_run_is_named_by_its_folder_in_messages(runs: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(dartsl.UserError, match=r"^trained is a run of `train`") as caught:
        dartsl.train(runs.trained)
    assert caught.value.help == "go on with it: dartsl train --resume trained"
    shutil.copytree("searched", tmp_path / "run")
    (tmp_path / "run" / "found.darts").unlink()
    with pytest.raises(dartsl.UserError, match=f"^{tmp_path / 'run'} has found nothing yet") as caught:
        dartsl.train(dartsl.Run(tmp_path / "run"))
    assert caught.value.help == f"let it end first: dartsl search --resume {tmp_path / 'run'}"


def test_what_a_run_goes_on_with_is_looked_at(runs: SimpleNamespace, tmp_path: Path) -> None:
    wrong: Any = 5
    with pytest.raises(dartsl.UserError, match="`5` is not a value for the setting `device`"):
        runs.trained.model(device=wrong)
    with pytest.raises(dartsl.UserError, match="`digits` names data, and a run goes on with those"):
        dartsl.resume(runs.searched, data="digits")  # type: ignore[arg-type]
    shutil.copytree("searched", tmp_path / "run")
    more: Any = np.int64(3)
    run = dartsl.resume(tmp_path / "run", epochs=more, quiet=True)
    assert isinstance(run, dartsl.Run)
    assert (run.settings["epochs"], len(run.history)) == (3, 3)


def test_the_folder_of_several_seeds_is_no_run(tmp_path: Path, runs: SimpleNamespace) -> None:
    (tmp_path / "seed0").mkdir()
    shutil.copy("searched/run.json", tmp_path / "seed0")
    for use in (dartsl.evaluate, dartsl.derive, dartsl.plot):
        with pytest.raises(dartsl.UserError, match="holds the runs of several seeds"):
            use(tmp_path)  # type: ignore[operator]
