"""Which of an arm's architectures is selected: the one with the lowest validation loss."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.files import parse_json, read_file, read_rows, write_json, write_text
from dartsl.run.kinds import RESULT
from dartsl.run.layout import HISTORY
from dartsl.sweeping.folder import SweepFolder, with_folder
from dartsl.sweeping.looking import figures_of
from dartsl.sweeping.plan import AT_COST, Arm, Job


def pick(folder: SweepFolder, job: Job) -> None:
    """Write `picked/ARM.json`, and of an arm whose picked architecture alone is trained that one's spec before it.

    The scores are validation losses by seed; of equal ones the first is picked. Raises UserError where a loss is
    missing or none is finite.
    """
    plan = folder.plan
    arm = plan.arm(job.arm)
    scores = {seed: _score(folder, arm, seed) for seed in plan.seeds(arm)}
    finite = {seed: score for seed, score in scores.items() if isfinite(score)}
    if not finite:
        raise UserError(f"no validation loss of the arm `{arm.name}` is finite")
    best = min(finite, key=lambda seed: finite[seed])
    out = with_folder(folder.path / job.out)
    if arm.kind == AT_COST:
        spec = read_file(folder.path / plan.architecture(arm, best)).decode()
        write_text(out.with_suffix(".darts"), spec)
    shown = {str(seed): score if isfinite(score) else None for seed, score in scores.items()}
    write_json(out, {"score": shown, "picked": best})


def _score(folder: SweepFolder, arm: Arm, seed: int) -> float:
    """The validation loss by which is selected, or the error of a table's column."""
    use = folder.plan.protocol.table
    if folder.plan.protocol.short_epochs is not None:
        path = folder.path / "select" / arm.slug / str(seed) / RESULT
        found = (_json(path).get("validation") or {}).get("val_loss")
    elif use is not None and use.selection is not None:
        return figures_of(folder.path / "lookup" / arm.slug / f"{seed}.json", use)[use.selection]
    else:
        path = folder.path / "search" / arm.slug / str(seed) / HISTORY
        rows = read_rows(path)
        found = rows[-1].get("validation_loss") if rows else None
    if not isinstance(found, int | float):
        raise UserError(f"{path} has no validation loss, by which is selected", "give --train validation=0.1")
    return float(found)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(read_file(path))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{path} is damaged: it is not a JSON object")
    return found
