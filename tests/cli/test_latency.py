"""`dartsl latency`: a file that is whole or not there, and progress with the time left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dartsl.cli.latency import _Lines
from dartsl.searching.latency import CpuClock
from dartsl.searching.prices import read_costs

from .conftest import Dartsl, result_of


@pytest.fixture(autouse=True)
def one_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each call, so that nothing depends on this machine; parts are built, and run once."""

    def seconds(clock: CpuClock, call: Callable[[], None], repeats: int) -> list[float]:
        call()
        return [1e-3] * repeats

    monkeypatch.setattr(CpuClock, "seconds", seconds)


def test_a_table_is_written(dartsl: Dartsl, good: Path) -> None:
    done = dartsl(
        "latency", "good.darts", "--set", "C=2", "--device", "cpu", "--threads", "1", "-o", "t.json"
    )
    assert done.exit_code == 0, done.output
    assert "wrote t.json: ms on " in done.stderr
    *lines, last = [line for line in done.stderr.splitlines() if line.startswith("measured")]
    assert last == f"measured {(parts := last.split()[3])} of {parts} parts, left 0:00"
    assert len(lines) == 4
    table = read_costs(Path("t.json"))
    assert table.parameters == {"C": "2", "n": "1"}
    assert table.outside == dict.fromkeys(
        ["stem0", "layer0.a", "layer0.b", "head"], 0.0
    )  # less a call for nothing
    printed = dartsl("latency", "good.darts", "--set", "C=2", "--device", "cpu", "--threads", "1").stdout
    assert json.loads(printed) == json.loads(Path("t.json").read_text())
    answer = result_of(dartsl("latency", "good.darts", "--device", "cpu", "-o", "u.json", "--format", "json"))
    assert answer == {"written": ["u.json"]}
    ranged = dartsl("info", "good.darts", "--set", "C=2", "--memory", "none", "--cost", "t.json")
    assert "\n                 0 to 0 ms\n" in ranged.stdout
    refused = dartsl("info", "good.darts", "--memory", "none", "--cost", "t.json")
    assert "t.json is of another network: its C is 2, and here it is 4" in refused.stderr


def test_ctrl_c_leaves_nothing(dartsl: Dartsl, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(Path().iterdir())
    calls: list[int] = []

    def stopped(clock: CpuClock, call: Callable[[], None], repeats: int) -> list[float]:
        calls.append(repeats)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return [1e-3] * repeats

    monkeypatch.setattr(CpuClock, "seconds", stopped)
    assert dartsl("latency", "good.darts", "--device", "cpu", "-o", "t.json").exit_code == 130
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("text",), "latencies are measured of networks of images, and this one is of text"),
        (("digits", "--device", "meta"), "nothing is measured on the device `meta`"),
        (("digits", "--device", "warp"), "no device `warp` here"),
        (("digits", "--set", "D=2"), "has no parameter `D`"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], said: str, dartsl: Dartsl) -> None:
    done = dartsl("latency", *arguments)
    assert done.exit_code in (1, 2)
    assert said in done.stderr


@pytest.mark.parametrize("folder", ["nowhere", "good.darts"])
def test_nothing_is_measured_where_nothing_can_be_written(
    folder: str, dartsl: Dartsl, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CpuClock, "seconds", lambda *_: pytest.fail("a part was measured"))
    done = dartsl("latency", "good.darts", "--device", "cpu", "-o", f"{folder}/t.json")
    assert done.exit_code == 1
    assert f"cannot write {folder}/t.json" in done.stderr


def test_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    times = iter([0.0, 60.0, 120.0])
    monkeypatch.setattr("dartsl.cli.latency.note", said.append)
    lines: Any = _Lines(lambda: next(times))
    for done in (0, 1, 2, 3, 4):
        lines(done, 20)
    assert said == ["measured 2 of 20 parts, left 9:00", "measured 4 of 20 parts, left 8:00"]
