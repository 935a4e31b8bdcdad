"""What is compiled before it is launched is what is launched then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.nn.kernels import measure, precompile
from dartsl.nn.kernels.chain import Kernels
from dartsl.nn.kernels.precompile import Wanted
from dartsl.nn.kernels.stage import Tiles
from tests.kernels.test_choice import case

ROOT = Path(__file__).parents[2]


def printed(folder: Path, *arguments: str) -> dict[str, Any]:
    """What a process without Triton's interpreter finds, which keeps what it compiles in a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(folder)
    command = [sys.executable, "-m", "tests.kernels.without_gpu", *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_search_launches_what_was_compiled(tmp_path: Path) -> None:
    found = printed(tmp_path, "asked")
    launched, ahead = set(found["launched"]), set(found["ahead"])
    assert launched <= ahead
    assert {name.split()[0] for name in launched} >= {
        "forward",
        "weights",
        "inputs",
        "split_terms",
        "moments",
    }
    # Measuring moves no running statistic; a search does.
    assert {name.split()[0] for name in ahead - launched} <= {"scales"}


@pytest.mark.slow
def test_threads_compile_the_same(tmp_path: Path) -> None:
    one, four = (printed(tmp_path / threads, "compiled", threads) for threads in ("1", "4"))
    assert one == four
    assert "none" not in one["codes"].values()
    assert one["lines"] == [f"compiling {len(one['codes'])} kernels"]


def test_what_does_not_compile_is_left_to_the_launch() -> None:
    class Function:
        def preload(self, data: str) -> None:
            raise RuntimeError(f"out of {data}")

    Wanted(Function(), "key", "registers").compile(torch.empty(1))


def test_the_interpreter_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precompile, "asked", lambda _: pytest.fail("asked"))
    precompile.precompiled(case(), [Kernels(Tiles(512, 4), torch.float32, "ieee")])


def test_of_a_known_choice_its_cut_alone_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[Tiles, ...]] = []
    monkeypatch.setattr(measure, "TILES", (Tiles(256, 4), Tiles(512, 4)))
    monkeypatch.setattr(
        measure, "precompiled", lambda _, ways: found.append(tuple(each.tiles for each in ways))
    )
    monkeypatch.setattr(measure, "measured", lambda *_: {"way": "256x4", "ms": {"256x4": 1.0}})
    for way in ("512x4", "torch", "256x4"):
        known = {"way": way, "ms": {way: 1.0}}
        assert measure._ready(case, "ieee", known) == known  # type: ignore[arg-type]
    assert found == [(Tiles(512, 4),), (Tiles(256, 4),)]
    assert measure._ready(case, "ieee", None)["way"] == "256x4"
    assert found[2:] == [(Tiles(256, 4), Tiles(512, 4))]


def test_a_known_choice_stays_where_compiling_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(measure, "TILES", (Tiles(512, 4),))
    monkeypatch.setattr(measure, "precompiled", failing)
    assert measure._ready(case, "ieee", {"way": "512x4", "ms": {"512x4": 1.0}})["way"] == "512x4"
