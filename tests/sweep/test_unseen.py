"""Search and selection never see the test set: where it is poisoned they come to the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import dartsl
from dartsl.api.sweeping import plan_sweep
from dartsl.cli import cli
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.picking import pick
from tests.sweep.tiny import tiny_space

BEFORE = ("sample", "search", "select", "pick")  # the jobs before any final training


def poison(images: Path) -> None:
    """Replace the test images by others, of wrong labels."""
    arrays = dict(np.load(images))
    arrays["x_test"] = 255 - arrays["x_test"]
    arrays["y_test"] = (arrays["y_test"] + 1) % 3
    np.savez(images, **arrays)


def selected(folder: Path, monkeypatch: pytest.MonkeyPatch, poisoned: bool) -> tuple[dict[str, str], object]:
    """All that is found and selected, by its file; and a test error of what was selected."""
    folder.mkdir()
    spec, images = tiny_space(folder)
    if poisoned:
        poison(images)
    made = SweepFolder.open(
        plan_sweep(str(spec), folder / "sweep", seeds=1, random=1, random_at_cost=2, data=str(images))
    )
    monkeypatch.chdir(made.path)
    for job in made.plan.jobs:
        if job.kind == "pick":
            pick(made, job)
        elif job.kind in BEFORE:
            result = CliRunner().invoke(cli, [*job.command])
            assert result.exit_code == 0, f"{shlex.join(job.command)}: {result.output}"
    files = [*made.path.glob("search/*/*/alphas.jsonl"), *made.path.glob("picked/*")]
    found = {str(each.relative_to(made.path)): each.read_text() for each in files}
    found |= {
        str(each.relative_to(made.path)): "".join(
            line for line in each.read_text().splitlines(True) if not line.startswith("#")
        )
        for each in made.path.glob("search/*/*/found.darts")
    }
    test = dartsl.train(
        made.path / "picked" / "random_at_cost.darts",
        made.path / "final",
        data=str(images),
        epochs=1,
        quiet=True,
    ).test
    assert test is not None
    return found, test.record()["loss"]


@pytest.mark.slow
def test_a_poisoned_test_set_changes_no_search_and_no_selection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, error = selected(tmp_path / "clean", monkeypatch, poisoned=False)
    poisoned, other = selected(tmp_path / "poisoned", monkeypatch, poisoned=True)
    assert {"picked/darts.json", "picked/random.json", "picked/random_at_cost.json"} <= clean.keys()
    assert clean == poisoned
    assert error != other  # what measures the test set does see it
