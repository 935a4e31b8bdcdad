"""What small searches and trainings find in float64, recorded once: no later version may find anything else.

`python -m tests.recorded.numbers` prints how far this version is from the record, the largest relative difference of
each run; 0 is "to the last bit", which holds on the machine and the torch that recorded it. `--record` records anew.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dartsl
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
FIGURES = ("train_loss", "validation_loss", "test_loss")
RUNS: Mapping[str, tuple[str, dict[str, Any]]] = {
    **{f"images, order {order}": ("small.darts", {"order": order}) for order in ("1", "2", "exact")},
    **{f"text, order {order}": ("small_text.darts", {"order": order}) for order in ("1", "2", "exact")},
}
LEVELS = (0, 2)
NAMES = [f"{name}, O{level}" for name in RUNS for level in LEVELS]


def measured(name: str, folder: Path) -> dict[str, Any]:
    """A search, and after a first-order one the training of what it found; in the form of the record."""
    title, level = name.rsplit(", O", 1)
    spec, settings = RUNS[title]
    run = dartsl.search(HERE / spec, folder / "run", optimise=int(level), **settings)
    found: dict[str, Any] = _of_run(run.path)
    found["found"] = [line for line in run.found.splitlines() if not line.startswith("#")]
    if settings["order"] == "1":
        trained = dartsl.train(run.path, folder / "trained", optimise=int(level))
        found["trained"] = _of_run(trained.path)
    return found


def _of_run(path: Path) -> dict[str, Any]:
    run = RunFolder.open(path)
    history = [{key: row[key] for key in FIGURES if key in row} for row in run.history()]
    alphas = [row["alphas"] for row in run.rows(ALPHAS)] if ALPHAS in run.kind.beside else []
    return {"history": history, "alphas": alphas}


def largest_difference(one: Any, other: Any) -> float:
    """Of all numbers in two trees of one shape, relative to their size where that is above 1.

    Infinite where the trees differ in anything else.
    """
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) / max(1.0, abs(one), abs(other))
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return max((largest_difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(largest_difference, one, other), default=0.0)
    return 0.0 if one == other else float("inf")


def _all() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            yield name, measured(name, Path(folder))


def main() -> None:
    if "--record" in sys.argv[1:]:
        RECORD.write_text(json.dumps(dict(_all()), indent=1) + "\n", encoding="utf-8")
        return
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    for name, found in _all():
        print(f"{name:28} {largest_difference(record[name], found):.3g}", file=sys.stderr)


if __name__ == "__main__":
    main()
