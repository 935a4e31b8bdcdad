"""A run that goes back: what its folder holds, and that it goes on bit for bit wherever it died."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.folder import RunFolder
from dartsl.searching import curvature, loop
from tests.search.runs import STEPS, checkpoint_of, job, quiet, rows, run, same_runs, settings

pytestmark = pytest.mark.usefixtures("undrawn", "growing")
CHANGES: dict[str, Any] = {
    "epochs": 6, "curvature": 1, "stop": "curvature", "stop_window": 1, "stop_lag": 2, "stop_earliest": 1,
    "rollback": True, "rollback_factor": 3.0, "rollback_most": 2.7e-3, "weight_decay": 3e-4,
}  # fmt: skip
PASSED = [1, 2, 3, 4, 5, 4, 3, 4, 5, 6]  # epochs, as in tests/oracle/test_rollback.py


@pytest.fixture
def growing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curvatures that grow from the fifth epoch on."""
    values = {step: 2.0 ** max(0, step // STEPS - 3) for step in range(60)}
    monkeypatch.setattr(curvature, "curvature", lambda model, batch, pass_, decay: values[pass_.step])


def test_the_folder_holds_the_epochs_that_count(tiny: Path) -> None:
    console = quiet()
    result = loop.search(job(tiny, "run", console), settings(tiny, **CHANGES))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert [
        int(line.split()[1].split("/")[0]) for line in printed.splitlines() if line.startswith("epoch ")
    ] == PASSED
    assert (
        "back to epoch 3, with weight decay 0.0009: the mean curvature has grown from 1 to 2 within 2 epochs"
        in printed
    )
    history = rows(result.path / "history.jsonl")
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    decays = [row["schedules"]["weight_decay"] for row in history]
    assert decays == pytest.approx([3e-4] * 2 + [2.7e-3] * 4)
    assert [row["epoch"] for row in rows(result.path / "alphas.jsonl")] == [1, 2, 3, 4, 5, 6]
    assert result.finished
    assert "stopped" not in history[-1]
    assert "epoch 6." in (result.path / "found.darts").read_text()
    assert checkpoint_of(result.path)["state"]["kept_epochs"] == {}


@pytest.mark.parametrize("step", [5 * STEPS - 1, 5 * STEPS, 5 * STEPS + 1, 6 * STEPS + 2, 8 * STEPS])
def test_it_goes_on(tiny: Path, step: int, stop_after: Callable[[int], None]) -> None:
    whole = run(tiny, "whole", **CHANGES)
    stop_after(step)
    part = run(tiny, "part", **CHANGES)
    assert not part.finished
    while not part.finished:
        part = loop.resume(part.path, console=quiet())
    same_runs(whole.path, part.path)


class Killed(BaseException):
    """What no code of dartsl catches."""


@pytest.mark.parametrize("call", range(3))
def test_a_process_that_dies_while_it_forgets_epochs_goes_on(
    tiny: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of the epochs it goes back from are there still, or half of their files are written."""
    whole = run(tiny, "whole", **CHANGES)
    real, calls = RunFolder.keep_epochs, 0

    def dies(self: RunFolder, epochs: int) -> None:
        nonlocal calls
        calls += 1
        if call == 2:  # one file is written, the other not yet
            found = (self.path / "alphas.jsonl").read_bytes().splitlines(keepends=True)
            (self.path / "alphas.jsonl").write_bytes(b"".join(found[:epochs]))
        if calls == 1 + call % 2:
            raise Killed
        real(self, epochs)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "keep_epochs", dies)
        with pytest.raises(Killed):
            run(tiny, "part", **CHANGES)
    part = loop.resume(tiny.parent / "part", console=quiet())
    assert part.finished
    same_runs(whole.path, part.path)


def test_another_rule_is_refused(tiny: Path) -> None:
    with pytest.raises(
        UserError, match="takes the place of a stop by the rule `curvature`, and stop is `skips`"
    ):
        run(tiny, "run", **CHANGES | {"stop": "skips"})
