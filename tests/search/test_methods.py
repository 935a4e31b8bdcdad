"""Every method searches, by as many passes per step as its table says."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import dartsl
from dartsl.cli import cli
from dartsl.lang.checker import diagnose
from dartsl.lang.codes.source import Source
from dartsl.lang.settings.presets import PRESETS
from dartsl.nn.supernet import Supernet


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", PRESETS)
def test_a_step_takes_as_many_passes_as_are_said(
    name: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted between steps of one epoch of the search, but its last, which may measure the curvature."""
    passes, after = 0, []
    forward = Supernet.forward

    def counted(self: Supernet, *args: Any, **named: Any) -> Any:
        nonlocal passes
        passes += 1
        return forward(self, *args, **named)

    monkeypatch.setattr(Supernet, "forward", counted)
    tiny.write_text(tiny.read_text().replace("C = 2", "C = 8"))  # pc_darts needs widths that 4 divides
    epochs = 6 if "stages" in PRESETS[name].parts else 3  # the spec's warmup, 1, begins each stage
    run = dartsl.search(
        *(tiny, tiny.parent / "run"), data=tiny.parent / "images.npz", method=name, order=1, epochs=epochs, quiet=True,
        samples=2,
        on_step=lambda step: after.append((step.epoch, step.step == step.steps, passes)),
    )  # fmt: skip
    assert run.settings["method"] == name
    assert run.found is not None
    counts = {
        now - before
        for (one, _, before), (same, last, now) in pairwise(after)
        if one == same <= epochs and not last
    }
    assert counts == {PRESETS[name].passes}


@pytest.mark.usefixtures("undrawn")
def test_a_method_whose_stop_rule_never_comes_to_look_says_so(tiny: Path) -> None:
    console = Console(file=io.StringIO(), width=300)
    for number, asked in enumerate(({"method": "robust_es"}, {"method": "robust_es", "stop": "none"})):
        dartsl.search(
            tiny,
            tiny.parent / f"run{number}",
            data=tiny.parent / "images.npz",
            epochs=2,
            console=console,
            **asked,
        )
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.count("the setting `stop` does nothing here: the rule `curvature` looks at more epochs") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["drnas", "gdas", "p_darts", "robust_es", "darts_pt", "random_sharing"])
def test_readmes_first_search_runs_by_methods_of_every_kind(name: str, tmp_path: Path) -> None:
    """`dartsl search digits` with one option: all nine epochs, of few images. The proofs have every method."""
    images, labels = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20) % 10
    np.savez(tmp_path / "few.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    small = [
        "--data",
        str(tmp_path / "few.npz"),
        "--set",
        "C=8",
        "--set",
        "n=1",
        "--batch",
        "10",
        "--samples",
        "2",
    ]
    small += ["--out", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, ["search", "digits", "--method", name, *small], prog_name="dartsl")
    assert result.exit_code == 0, result.output
    assert diagnose(Source("found.darts", (tmp_path / "run" / "found.darts").read_text())).errors == ()
