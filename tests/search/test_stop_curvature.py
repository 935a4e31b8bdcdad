"""The stop rule `curvature`: when it ends a search, and that everything is derived from the epoch that it returns."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dartsl.api.drawing import plot
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.folder import RunFolder
from dartsl.searching import curvature, loop
from dartsl.searching.derive import derived_epoch, rederive
from dartsl.searching.shares import cell_shares
from dartsl.searching.stops import STOPS, After, Stop
from tests.oracle.naive import early_stopping
from tests.search.runs import job, quiet, rows, run, same_runs, settings
from tests.search.test_stops import planned

pytestmark = pytest.mark.usefixtures("undrawn")
PLAN = planned("nasbench201")
GROWING = {"stop": "curvature", "curvature": 1, "stop_window": 3, "stop_lag": 1, "stop_earliest": 1}


def ended(config: SearchConfig, values: Sequence[float]) -> tuple[int, Stop] | None:
    """The number of epochs after which the rule ends a search with these curvatures, and what it says."""
    rule, past = STOPS.of("curvature")(config), list[After]()
    for value in values:
        for late in range(config.curvature):
            past.append(After({}, None if late else value))
            stop = rule(past, PLAN)
            if stop is not None:
                return len(past), stop
    return None


def test_the_authors_constants_by_hand() -> None:
    """First looked at after epoch 23 (22 from 0): means of epochs 15 to 23 and 7 to 15, found is epoch 11."""
    config = SearchConfig(stop="curvature", curvature=2)
    assert ended(config, [1.0] * 7 + [1.0, 2.0, 2.0, 2.0, 2.0]) == (
        23, Stop("the mean curvature has grown from 1 to 1.8 within 8 epochs", 11),
    )  # fmt: skip
    assert (
        ended(config, [1.0, 9.0, 20.0, 40.0] + [50.0] * 20) is None
    )  # before it is looked at, and steady after
    late = ended(config, [1.0] * 12 + [1.2, 1.2, 1.4, 1.9, 9.0])
    assert late is not None
    assert (late[0], late[1].epoch) == (31, 19)  # (1 + 1.2 + 1.2 + 1.4 + 1.9) / 5 = 1.34 > 1.3
    assert ended(config, [-2.0] * 8 + [-9.0] * 8) is None


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize(("window", "lag", "earliest"), [(5, 4, 10), (3, 1, 0), (1, 2, 4), (4, 3, 7)])
def test_against_the_naive_rule(every: int, window: int, lag: int, earliest: int) -> None:
    generator, counted = random.Random(0), set()
    for _ in range(60):
        values = [1.0]
        values += [values[-1] * generator.uniform(0.7, 1.4) for _ in range(30)]
        values = [value * (1 + place * generator.uniform(0, 0.05)) for place, value in enumerate(values)]
        config = SearchConfig(
            curvature=every, stop_window=window, stop_lag=lag, stop_ratio=1.5, stop_earliest=earliest
        )
        found = ended(config, values)
        wanted = early_stopping.stops(values, every, window, lag, 1.5, earliest)
        counted.add(wanted is None)
        assert (None if found is None else (found[0] - 1, (found[1].epoch or 0) - 1)) == wanted
    assert False in counted


@pytest.fixture
def growing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curvatures that double from the fourth epoch on: the rule ends the search after epoch 5 and returns epoch 3."""
    values = {step: float(1 + (step > 9)) * 2 ** max(0, step // 3 - 3) for step in range(60)}
    monkeypatch.setattr(curvature, "curvature", lambda model, batch, pass_, decay: values[pass_.step])


@pytest.mark.usefixtures("growing")
def test_what_is_derived_is_of_the_epoch_that_it_returns(tiny: Path, tmp_path: Path) -> None:
    console = quiet()
    result = loop.search(job(tiny, "run", console), settings(tiny, epochs=9, alphas_lr=0.5, **GROWING))
    history = rows(result.path / "history.jsonl")
    last, printed = history[-1], console.file.getvalue()  # type: ignore[attr-defined]
    wanted = early_stopping.stops([row["curvature"] for row in history], 1, 3, 1, 1.3, 1)
    assert wanted == (len(history) - 1, last["found_epoch"] - 1)
    assert len(history) < 9
    folder, epoch = RunFolder.open(result.path), int(last["found_epoch"])
    assert f"stopped     after epoch {len(history)} of 9: the mean curvature has grown from" in printed
    assert f"derived     from the alphas after epoch {epoch}" in printed
    assert derived_epoch(folder) == epoch
    text = (result.path / "found.darts").read_text()
    assert f"epoch {epoch}." in text
    assert text == rederive(result.path) == rederive(result.path, epoch)
    assert text != rederive(result.path, len(history)).replace(f"epoch {len(history)}.", f"epoch {epoch}.")
    assert [shares.epochs for shares in cell_shares(folder)] == [tuple(range(1, epoch + 1))] * 2
    assert plot(result.path, tmp_path / "plot.svg").stat().st_size > 0
    with pytest.raises(UserError, match="was ended after epoch"):
        loop.resume(result.path, loop.Anew(epochs=20), console=quiet())


@pytest.mark.usefixtures("growing")
def test_a_search_goes_on(tiny: Path, stop_after: Callable[[int], None]) -> None:
    whole = run(tiny, "whole", epochs=9, **GROWING)
    stop_after(8)
    part = run(tiny, "part", epochs=9, **GROWING)
    assert not part.finished
    while not part.finished:
        part = loop.resume(part.path, console=quiet())
    assert "found_epoch" in json.loads((whole.path / "history.jsonl").read_text().splitlines()[-1])
    same_runs(whole.path, part.path)


def test_without_curvatures_it_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="`curvature` looks at the curvature, which is not computed"):
        run(tiny, "run", stop="curvature")
