"""Checkpoints whose state is not that of the run they lie in: refused before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.searching import loop as searching
from dartsl.training import loop as training
from tests.run.runs import made, path, snapshot
from tests.search.conftest import stop_after
from tests.search.runs import checkpoint_of, quiet
from tests.search.test_text_loop import story

__all__ = ["made", "path", "stop_after", "story"]  # fixtures

Change = Callable[[Any], Any]


def put(where: str, value: Any) -> Change:
    """Replace what lies in a state at a path such as `model/w`; `*` is the first name there."""

    def change(state: Any) -> None:
        *names, last = where.split("/")
        for name in names:
            state = state[_found(state, name)]
        if value is KeyError:
            del state[_found(state, last)]
        else:
            key = _found(state, last) if last == "*" or isinstance(state, list) else last
            state[key] = value(state.get(key)) if callable(value) else value

    return change


def _found(state: Any, name: str) -> Any:
    if isinstance(state, list):
        return int(name)
    return next(iter(state)) if name == "*" else name


def longer(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1), tensor.reshape(-1)])


OF_BOTH = [
    ("epoch", float("inf")),
    ("epoch", float("nan")),
    ("epoch", -1),
    ("epoch", 1.0),
    ("epoch", True),
    ("epoch", 10**30),
    ("seconds", float("nan")),
    ("seconds", -1.0),
    ("model/*", KeyError),
    ("model/*", longer),
    ("model/*", torch.Tensor.double),
    ("model/*", torch.Tensor.bool),
    ("model/strange", torch.zeros(1)),
    ("strange", 1),
]
OPTIMIZER = [
    ("state/0/momentum_buffer", longer),
    ("state/0/momentum_buffer", torch.Tensor.double),
    ("state/0/momentum_buffer", "x"),
    ("state/0/strange", torch.zeros(1)),
    ("state/9999", {}),
    ("state/-1", {}),
    ("param_groups/0/lr", float("nan")),
    ("param_groups/0/lr", -1.0),
    ("param_groups/0/momentum", 0.5),
    ("param_groups/0/weight_decay", 1.0),
    ("param_groups/0/params", [0]),
    ("param_groups", []),
    ("state", []),
]
OF_SEARCH = [
    *OF_BOTH,
    ("step", -5),
    ("step", float("inf")),
    ("batches/step", -5),
    ("batches/step", 4),
    ("batches/generator", longer),
    ("validation/generator", torch.Tensor.float),
    ("train/count", -1),
    ("train/loss", float("nan")),
    ("device", 3),
    *((f"weights_optimizer/{where}", value) for where, value in OPTIMIZER),
    ("alphas_optimizer/state/0/exp_avg", longer),
    ("alphas_optimizer/state/0/step", torch.tensor(-5.0)),
    ("alphas_optimizer/state/0/step", torch.tensor(float("nan"))),
    ("alphas_optimizer/state/0/step", torch.zeros(2)),
    ("alphas_optimizer/param_groups/0/betas", (0.1, 0.2)),
]
OF_TRAINING = [
    *OF_BOTH,
    ("place", -5),
    ("place", 99),
    ("average/*", KeyError),
    ("average/*", longer),
    ("average", {}),
    ("tally", {}),
    *((f"optimizer/{where}", value) for where, value in OPTIMIZER),
]


@pytest.mark.parametrize(
    ("kind", "where", "value"),
    [*(("search", *each) for each in OF_SEARCH), *(("train", *each) for each in OF_TRAINING)],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(
    path: Path, kind: str, where: str, value: Any
) -> None:
    record = checkpoint_of(path)
    state = record["state"]
    if "state/-1" in where or "state/9999" in where:
        name, _, number = where.rpartition("/")
        put(f"{name}/x", {})(state)
        entries = state[name.split("/")[0]]["state"]
        entries[int(number)] = entries.pop("x")
    elif "/state/0/" in where:
        name, _, rest = where.partition("/state/0/")
        entry = state[name]["state"][0]
        entry[rest] = value(entry[rest]) if callable(value) else value
    else:
        put(where, value)(state)
    checkpoint.write_record(path / "checkpoint.pt", record)
    history = path / "history.jsonl"
    history.write_text(history.read_text() + '{"epoch": 3, "l')  # as a crash leaves it
    before = snapshot(path)
    resume = searching.resume if kind == "search" else training.resume
    with pytest.raises(UserError, match="does not fit the run it lies in"):
        resume(path, console=quiet())
    assert snapshot(path) == before


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("carries", lambda carries: [longer(carry) for carry in carries]),
        ("carries", lambda carries: [carry[:, :-1] for carry in carries]),
        ("carries", lambda carries: [*carries, *carries]),
        ("carries", lambda carries: 5),
        ("validation_carries", lambda carries: [carry.double() for carry in carries]),
        ("batches", lambda batches: {**batches, "step": 10**6}),
    ],
)
def test_states_of_a_text_that_do_not_fit_are_refused(
    story: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, name: str, change: Change
) -> None:
    from tests.search.test_text_loop import run as run_text

    stop_after(2)
    path = run_text(story, "run", epochs=1).path
    monkeypatch.undo()
    record = checkpoint_of(path)
    record["state"][name] = change(record["state"][name])
    checkpoint.write_record(path / "checkpoint.pt", record)
    with pytest.raises(UserError, match="does not fit the run it lies in"):
        searching.resume(path, console=quiet())
