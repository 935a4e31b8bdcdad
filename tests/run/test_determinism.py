"""`--deterministic`: what is set for the process within a run, put back after it, and said when a run goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.backends import cudnn

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.determinism import CUBLAS, CUDNN, kernels_of
from dartsl.run.folder import RunFolder
from dartsl.run.resuming import tell_changes
from dartsl.searching import loop
from dartsl.searching.session import SearchSession
from tests.search.conftest import tiny, undrawn
from tests.search.runs import quiet, run

__all__ = ["tiny", "undrawn"]
pytestmark = pytest.mark.usefixtures("undrawn")


def ambient() -> dict[str, Any]:
    return {
        "algorithms": torch.are_deterministic_algorithms_enabled(),
        "warn": torch.is_deterministic_algorithms_warn_only_enabled(),
        "filled": torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        "deterministic": cudnn.deterministic,
        "benchmark": cudnn.benchmark,
        "cublas": os.environ.get(CUBLAS),
        "cudnn": os.environ.get(CUDNN),
    }


@pytest.fixture(params=[True, False])
def before(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the caller has switched on: all, or nothing."""
    monkeypatch.setattr(cudnn, "benchmark", request.param)
    monkeypatch.setattr(cudnn, "deterministic", request.param)
    monkeypatch.delenv(CUBLAS, raising=False)
    monkeypatch.delenv(CUDNN, raising=False)
    if request.param:
        monkeypatch.setenv(CUBLAS, ":16:8")
    return ambient()


def test_a_deterministic_gpu_takes_the_same_kernels_every_time(before: dict[str, Any]) -> None:
    with kernels_of("cuda:0", deterministic=True):
        found = ambient()
    assert found == {
        "algorithms": True,
        "warn": False,
        "filled": False,
        "deterministic": True,
        "benchmark": False,
        "cublas": before["cublas"] or ":4096:8",
        "cudnn": "256",
    }
    assert ambient() == before


def test_another_gpu_measures_its_convolutions(before: dict[str, Any]) -> None:
    with kernels_of("cuda", deterministic=False):
        assert ambient() == before | {"benchmark": True, "cudnn": "256"}
    assert ambient() == before


def test_the_cpu_is_left_alone(before: dict[str, Any]) -> None:
    with kernels_of("cpu", deterministic=False):
        assert ambient() == before


def test_all_is_put_back_after_an_error(before: dict[str, Any]) -> None:
    with pytest.raises(KeyError), kernels_of("cuda", deterministic=True):
        raise KeyError
    assert ambient() == before


def test_an_operation_without_such_a_kernel_is_named() -> None:
    message = "put_ does not have a deterministic implementation, but you set ..."
    with pytest.raises(UserError, match="one kernel for put_ here"), kernels_of("cpu", deterministic=True):
        raise RuntimeError(message)


def test_a_process_whose_products_are_of_any_bits_is_refused() -> None:
    message = (
        "this operation is not deterministic because it uses CuBLAS ... set CUBLAS_WORKSPACE_CONFIG=:4096:8"
    )
    with (
        pytest.raises(UserError, match="multiplied matrices") as found,
        kernels_of("cpu", deterministic=True),
    ):
        raise RuntimeError(message)
    assert (
        found.value.help == "begin a new process, or set CUBLAS_WORKSPACE_CONFIG=:4096:8 before Python starts"
    )


def test_a_search_takes_its_steps_within_and_records_it(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    step = SearchSession.step

    def spied(self: SearchSession[Any], place: Any) -> None:
        seen.append(torch.are_deterministic_algorithms_enabled())
        step(self, place)

    monkeypatch.setattr(SearchSession, "step", spied)
    outside = ambient()
    path = run(tiny, "sure", deterministic=True, epochs=2).path
    run(tiny, "usual", epochs=2)
    assert seen == [True] * 6 + [False] * 6
    assert ambient() == outside
    assert json.loads((path / "run.json").read_text())["settings"]["deterministic"] is True
    loop.resume(path, console=quiet())
    assert ambient() == outside
    assert [row["train_loss"] for row in RunFolder.open(path).history()] == [
        row["train_loss"] for row in RunFolder.open(tiny.parent / "usual").history()
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "not bit for bit: on a GPU that takes a run that was started with --deterministic"),
        ({"deterministic": True}, ""),
        ({"deterministic": True, "gpu": "H100"}, "perhaps not bit for bit: gpu was H100, is H200"),
        ({"deterministic": True, "device": "cpu"}, "perhaps not bit for bit: device was cpu, is cuda"),
    ],
)
def test_what_going_on_means_on_a_gpu(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
) -> None:
    path = run(tiny, "run").path
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "H200")
    record = json.loads((path / "run.json").read_text())
    record["settings"]["device"] = changes.get("device", "cuda")
    record["versions"]["gpu"] = changes.get("gpu", "H200")
    (path / "run.json").write_text(json.dumps(record))
    console = quiet()
    config = SearchConfig(device="cuda:0", deterministic=changes.get("deterministic", False))
    tell_changes(RunFolder.open(path).info, console, config)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert said in text if said else text == ""
