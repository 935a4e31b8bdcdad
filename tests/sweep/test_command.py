"""`dartsl sweep` as it is typed: its options, its answers, and what it says of wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dartsl.api import sweeping
from dartsl.cli import cli
from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.interrupt import Interrupted
from dartsl.sweeping.plan import read_plan


def dartsl(*words: str) -> Result:
    return CliRunner().invoke(cli, ["sweep", *words], prog_name="dartsl")


def test_all_options_reach_the_plan(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    words = [
        *("--seeds", "2", "--first-seed", "5", "--method", "darts", "--method", "drnas", "--vary", "warmup=1,2"),
        *("--random", "1", "--random-at-cost", "2", "--select", "short:3", "--recipes", "lr=0.1,0.2 weight-decay=1e-4"),
        *("--epochs", "4", "--train-epochs", "9", "--data", "digits", "--device", "cpu", "--search", "batch=32"),
        *("--train", "cutout=2", "--train", "flip=false", "--set", "C=4", "--network", "digits", "--jobs", "1000"),
    ]  # fmt: skip
    done = dartsl("digits", *words, "--out", str(out), "--print-commands")
    assert done.exit_code == 0, done.output
    protocol = read_plan(out).protocol
    assert (protocol.seeds, protocol.random, protocol.random_at_cost) == ((5, 6), 1, 2)
    assert (protocol.select, protocol.network, protocol.parameters) == ("short:3", "digits", {"C": "4"})
    assert [recipe.settings for recipe in protocol.recipes] == [
        {"lr": "0.1", "weight_decay": "1e-4"},
        {"lr": "0.2", "weight_decay": "1e-4"},
    ]
    assert protocol.search == {"epochs": "4", "data": "digits", "batch": "32"}
    assert protocol.train == {"epochs": "9", "data": "digits", "cutout": "2", "flip": "false"}
    assert [arm.name for arm in read_plan(out).arms if arm.kind == "search"] == [
        *("darts warmup=1", "darts warmup=2", "drnas warmup=1", "drnas warmup=2"),
    ]
    assert len(done.stdout.splitlines()) == len(read_plan(out).jobs)
    assert "--no-flip" in done.stdout


def test_random_0_is_none(tmp_path: Path) -> None:
    dartsl("digits", "--seeds", "1", "--random", "0", "--out", str(tmp_path / "sweep"), "--print-commands")
    assert {arm.kind for arm in read_plan(tmp_path / "sweep").arms} == {"search"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing argument 'SPEC'"),
        (["digits", "--job", "search/darts/0"], "--job names a job of a sweep that --resume names"),
        (["digits", "--vary", "warmup"], "`--vary warmup` is not an assignment"),
        (["digits", "--recipes", "lr"], "`--recipes lr` is not an assignment"),
        (["digits", "--search", "=1"], "`--search =1` is not an assignment"),
        (["digits", "--method", "dartz"], "`dartz` is not a value for the setting `method`"),
        (["digits", "--out", "-"], "a run is a folder"),
    ],
)
def test_wrong_use_has_exit_code_2(words: list[str], message: str) -> None:
    done = dartsl(*words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_resume_takes_nothing_that_would_make_it_another_sweep(tmp_path: Path) -> None:
    for words in (["digits"], ["--seeds", "5"], ["--out", "x"], ["--device", "cpu"]):
        done = dartsl(*words, "--resume", str(tmp_path))
        assert done.exit_code == 2
        assert "--resume goes on with a sweep as it was planned" in done.stderr
    done = dartsl("--resume", str(tmp_path))
    assert done.exit_code == 1
    assert "is not the folder of a sweep" in done.stderr


def test_the_answer_and_the_exit_code_are_those_of_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sweeping.Sweep(tmp_path, False, ("search/darts/1",))
    monkeypatch.setattr(sweeping, "resume_sweep", lambda folder, **_: found)
    done = dartsl("--resume", str(tmp_path), "--format", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["result"] == {
        "sweep": str(tmp_path),
        "finished": False,
        "failed": ["search/darts/1"],
    }

    def interrupted(folder: Path, **_: Any) -> None:
        raise Interrupted(found)

    monkeypatch.setattr(sweeping, "resume_sweep", interrupted)
    assert dartsl("--resume", str(tmp_path)).exit_code == 130


def test_one_job_of_a_sweep(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    sweeping.plan_sweep("digits", out, seeds=1, device="cpu")
    done = dartsl("--resume", str(out), "--job", "search/darts/9")
    assert (done.exit_code, "the sweep has no job `search/darts/9`" in done.stderr) == (2, True)
    done = dartsl("--resume", str(out), "--job", "pick/darts")
    assert (done.exit_code, "needs select/darts/0, which is not done" in done.stderr) == (1, True)
    with pytest.raises(UserError):
        sweeping.run_job(out, "pick/darts")


def test_a_sweep_is_planned_without_torch(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from dartsl.api.sweeping import plan_sweep, sweep_lines
        sweep_lines(plan_sweep("digits", "sweep", device="cpu"))
        import dartsl.sweeping.runner, dartsl.sweeping.processes
        assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
