"""`--device auto`: a GPU where there is one for each process; what it becomes is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import devices
from dartsl.run.folder import RunFolder
from tests.search.conftest import tiny
from tests.search.runs import run

__all__ = ["tiny"]


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def processes(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    known = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": 1}
    for name, value in known.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "localhost")


@pytest.mark.parametrize(("count", "found"), [(0, "cpu"), (1, "cuda"), (2, "cuda")])
def test_auto_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, count: int, found: str) -> None:
    gpus(monkeypatch, count)
    assert devices.chosen("auto") == found
    assert [devices.chosen(name) for name in ("cpu", "cuda:1", "meta")] == ["cpu", "cuda:1", "meta"]


@pytest.mark.parametrize(("count", "found"), [(0, "cpu"), (1, "cpu"), (2, "cuda")])
def test_auto_is_a_gpu_where_each_process_has_one(
    monkeypatch: pytest.MonkeyPatch, count: int, found: str
) -> None:
    gpus(monkeypatch, count)
    processes(monkeypatch, 2)
    assert devices.chosen("auto") == found


def test_the_device_that_was_chosen_is_recorded(tiny: Path) -> None:
    run(tiny, "run", epochs=1, warmup=0, device="auto")
    assert json.loads((tiny.parent / "run" / "run.json").read_text())["settings"]["device"] == "cpu"


def test_a_run_goes_on_where_it_was(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run(tiny, "run", epochs=1, warmup=0).path
    record = json.loads((path / "run.json").read_text())
    record["settings"]["device"] = "cuda"
    (path / "run.json").write_text(json.dumps(record))
    folder = RunFolder.open(path)
    with pytest.raises(UserError, match="was on `cuda`, and torch finds no GPU here") as refused:
        devices.device_of(folder, None)
    assert refused.value.help is not None
    assert "--device cpu` goes on without it" in refused.value.help
    assert devices.device_of(folder, "cpu") == "cpu"
    assert devices.device_of(folder, "auto") == "cpu"
    gpus(monkeypatch, 1)
    assert devices.device_of(folder, None) == "cuda"
