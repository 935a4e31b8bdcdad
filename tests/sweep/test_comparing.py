"""Runs side by side: searches, trainings, texts, and runs at work."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import dartsl
from dartsl.api.types import RunComparison
from dartsl.cli import cli
from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.curves import Line, Panel, side_by_side
from tests.sweep.tiny import tiny_space
from tests.train.stories import run, story

__all__ = ["story"]  # a fixture


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Searches `a` and `b`, and trainings `ta` and `tb` of what `a` has found. Only to be read."""
    folder = tmp_path_factory.mktemp("compared")
    spec, images = tiny_space(folder)
    same: dict[str, Any] = {"data": str(images), "device": "cpu", "quiet": True}
    dartsl.search(spec, out=folder / "a", epochs=2, **same)
    dartsl.search(spec, out=folder / "b", epochs=3, seed=1, parameters={"C": 4}, **same)
    for name, pooled in (("a", "avg_pool_3x3"), ("b", "skip_connect")):  # whatever rounding has found
        found = folder / name / "found.darts"
        text = re.sub(r"(edge   a -> p : )\S+", r"\1sep_conv(3)", found.read_text())
        found.write_text(re.sub(r"(edge   b -> p : )\S+", rf"\1{pooled}", text))
    dartsl.train(folder / "a", out=folder / "ta", epochs=1, **same)
    dartsl.train(folder / "a", out=folder / "tb", epochs=2, seed=3, lr=0.05, **same)
    return folder


def differing(found: RunComparison) -> dict[tuple[str, str], tuple[object, ...]]:
    return {(each.what, each.name): each.values for each in found.differences}


def figures(found: RunComparison) -> dict[str, tuple[float | None, ...]]:
    return {each.name: each.values for each in found.figures}


def test_searches(runs: Path) -> None:
    found = dartsl.compare(runs / "a", runs / "b")
    assert found.kind == "search"
    assert [(run.epoch, run.epochs, run.finished) for run in found.runs] == [(2, 2, True), (3, 3, True)]
    assert differing(found) == {
        ("run", "seed"): (0, 1),
        ("parameter", "C"): ("2", "4"),
        ("setting", "epochs"): (2, 3),
    }
    last = [dartsl.Run(runs / name).history[-1] for name in "ab"]
    assert figures(found)["loss, validation"] == tuple(row["validation_loss"] for row in last)
    assert figures(found)["entropy, pair"] == tuple(row["entropy"]["pair"] for row in last)
    (cells,) = found.cells
    assert cells.diff is not None
    assert cells.run == 2
    (cell,) = cells.diff.cells
    assert (cell.removed, cell.added) == (("edge b -> p : avg_pool_3x3",), ("edge b -> p : skip_connect",))


def test_trainings(runs: Path) -> None:
    found = dartsl.compare(dartsl.Run(runs / "ta"), runs / "tb")
    assert differing(found) == {
        ("run", "seed"): (0, 3),
        ("setting", "epochs"): (1, 2),
        ("setting", "lr"): (0.025, 0.05),
    }
    tests = [dartsl.Run(runs / name).result for name in ("ta", "tb")]
    assert figures(found)["test error"] == tuple(each["test"]["top1"]["error"] for each in tests if each)
    assert figures(found)["parameters"] == tuple(each["parameters"] for each in tests if each)
    assert [cells.diff is not None and cells.diff.equal for cells in found.cells] == [True]


def test_text(story: Path) -> None:
    for name in ("first", "second"):
        run(story, name, epochs=1)
    found = dartsl.compare(story.parent / "first", story.parent / "second")
    assert differing(found) == {}
    (value, same) = figures(found)["test perplexity"]
    assert value == same
    assert value == dartsl.Run(story.parent / "first").result["test"]["perplexity"]["value"]  # type: ignore[index]


def test_a_run_at_work_is_compared_as_it_stands(runs: Path, tmp_path: Path) -> None:
    """Its cells are those that would be derived now; a run without an epoch has none."""
    shutil.copytree(runs / "a", tmp_path / "a")
    for name in ("found.darts", "found.dot", "found.svg"):
        (tmp_path / "a" / name).unlink(missing_ok=True)
    shutil.copytree(tmp_path / "a", tmp_path / "none")
    for name in ("history.jsonl", "alphas.jsonl"):
        (tmp_path / "none" / name).write_text("")
        rows = (tmp_path / "a" / name).read_text().splitlines()
        (tmp_path / "a" / name).write_text(f'{rows[0]}\n{{"epoch": 2, "tr')  # a row that is being written
    found = dartsl.compare(runs / "a", tmp_path / "a", tmp_path / "none")
    assert [(run.epoch, run.finished) for run in found.runs] == [(2, True), (1, False), (0, False)]
    assert [cells.diff is None for cells in found.cells] == [False, True]
    assert found.cells[1].reason == "run 3 has no cells yet"
    assert figures(found)["loss, training"][2] is None
    with pytest.raises(UserError, match="none of these runs has an epoch yet"):
        dartsl.compare(tmp_path / "none", tmp_path / "none", output=tmp_path / "x.svg")
    assert not (tmp_path / "x.svg").exists()


def test_a_setting_that_a_run_is_too_old_to_have_is_its_default(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "a", tmp_path / "old")
    record = json.loads((tmp_path / "old" / "run.json").read_text())
    del record["settings"]["method"]
    record["settings"]["lr"] = 0.5
    (tmp_path / "old" / "run.json").write_text(json.dumps(record))
    assert differing(dartsl.compare(runs / "a", tmp_path / "old")) == {("setting", "lr"): (0.025, 0.5)}


def test_what_cannot_be_compared_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a search, and .*ta a training"):
        dartsl.compare(runs / "a", runs / "ta")
    with pytest.raises(UserError, match="two runs or more"):
        dartsl.compare(runs / "a")
    with pytest.raises(UserError, match="not a run folder"):
        dartsl.compare(runs / "a", tmp_path)
    with pytest.raises(UserError, match="8 runs on one page"):
        dartsl.compare(*[runs / "a"] * 8, output=tmp_path / "x.svg")
    with pytest.raises(UserError, match=r"`x\.txt`"):
        dartsl.compare(runs / "a", runs / "b", output=tmp_path / "x.txt")
    assert not list(tmp_path.iterdir())


def test_lines_of_several_runs_share_a_panel() -> None:
    first = [Panel("loss", (Line("training", ((1, 2.0),)), Line("validation", ((1, 3.0),))))]
    other = [
        Panel("perplexity", (Line("training", ((1, 9.0),)),)),
        Panel("loss", (Line("training", ((1, 4.0),)),)),
    ]
    assert side_by_side([first, other], ("loss",)) == [
        Panel("loss", (Line("1", ((1, 2.0),)), Line("2", ((1, 4.0),))), "training"),
        Panel("loss", (Line("1", ((1, 3.0),)),), "validation"),
    ]


def test_the_command(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    picture = tmp_path / "compare.svg"
    result = CliRunner().invoke(cli, ["compare", "a", "b", "-o", str(picture)])
    assert result.exit_code == 0, result.output
    for line in (
        "1  a  tiny.darts, tiny, epoch 2 of 2, finished",
        "what differs   1  2",
        "  parameter C  2  4",
        "  epochs       2  3",
        "cells of run 2 against run 1",
        "    - edge b -> p : avg_pool_3x3",
    ):
        assert line in result.stdout.splitlines()
    words = " ".join(ElementTree.parse(picture).getroot().itertext())
    for name in (
        "searches side by side",
        "1  a, epoch 2 of 2",
        "2  b, epoch 3 of 3",
        "loss, nats: validation",
    ):
        assert name in words
    document = json.loads(CliRunner().invoke(cli, ["compare", "a", "b", "--format", "json"]).stdout)["result"]
    assert set(document) == {"kind", "runs", "differences", "figures", "cells"}
    assert document["differences"][1] == {"what": "parameter", "name": "C", "values": ["2", "4"]}
    assert CliRunner().invoke(cli, ["compare", "a", "b", "-o", "-"]).stdout.startswith("<?xml")
    assert CliRunner().invoke(cli, ["compare", "a", "ta"]).exit_code == 2
