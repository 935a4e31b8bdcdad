"""The script for a GPU, on the CPU and made small: it runs, and finds what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.gpu.__main__ import main
from tests.gpu.cases import parity
from tests.gpu.registry import Case, Machine, Piece, all_cases
from tests.gpu.runner import NO_TIME, Worker, failures, run_all, run_piece

TINY = Machine("cpu", small=True)
CASES = all_cases()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "piece"), [(name, piece) for name, case in CASES.items() for piece, _ in case.pieces(TINY)]
)
def test_each_piece_runs(name: str, piece: str) -> None:
    record = run_piece(CASES, TINY, name, piece)
    assert "found" in record, record["failed"]
    json.dumps(record)


def test_the_cpu_agrees_with_itself() -> None:
    record = run_piece(CASES, TINY, "parity", "text, order 1, O2, float64")
    assert record["found"] == {"weights": 0.0, "alphas": 0.0}


def test_what_is_wrong_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parity.CLOSE, "float64", -1.0)
    record = run_piece(CASES, TINY, "parity", "text, order 1, O2, float64")
    assert "AssertionError" in record["failed"]


def pieces(machine: Machine, seconds: float = 0.0) -> Iterator[Piece]:
    yield "good", partial(int, 1)
    yield "bad", partial(int, "x")


def test_pieces_fail_alone_and_none_is_passed_over_in_silence() -> None:
    cases = {name: Case(name, pieces, share=0.5) for name in ("one", "two")}
    ask = partial(answer, cases)
    *_, found = run_all(list(cases.values()), TINY, 1.0, ask, lambda text: None)
    assert [found[case]["good"] for case in cases] == [{"found": 1, "seconds": 0.0}] * 2
    assert failures(found) == ["one: bad", "two: bad"]
    *_, found = run_all(list(cases.values()), TINY, -1.0, ask, lambda text: None)
    assert found == {case: {"good": NO_TIME, "bad": NO_TIME} for case in cases}


def answer(cases: dict[str, Case], case: str, piece: str, seconds: float) -> dict[str, Any]:
    return {**run_piece(cases, TINY, case, piece), "seconds": 0.0}


def test_what_exceeds_its_share_is_run_after_the_others() -> None:
    cases = [Case("greedy", pieces, share=0.0), Case("modest", pieces, share=0.5)]
    asked = []

    def ask(case: str, piece: str, seconds: float) -> dict[str, Any]:
        asked.append(case)
        return {"found": None}

    assert list(run_all(cases, TINY, 1.0, ask, lambda text: None))
    assert asked == ["modest", "modest", "greedy", "greedy"]


class Pipe:
    """One whose other end answers at once."""

    def send(self, asked: object) -> None: ...

    def poll(self, seconds: float) -> bool:
        return True

    def recv(self) -> dict[str, Any]:
        return {}


def test_a_case_that_needs_a_fresh_process_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def start(worker: Worker) -> None:
        begun.append(worker)
        worker._pipe = Pipe()  # type: ignore[assignment]

    monkeypatch.setattr(Worker, "_start", start)
    monkeypatch.setattr(Worker, "close", lambda worker: None)
    worker = Worker(TINY)
    counts = []
    for name in ("parity", "deterministic", "deterministic", "parity"):
        worker.ask(name, "text", 1.0)
        counts.append(len(begun))
    assert counts == [1, 2, 2, 2]


@pytest.mark.slow
def test_a_process_that_dies_or_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(TINY)
    try:
        assert worker.ask("parity", "text, order 1, O2, float64", 300.0)["found"]["weights"] == 0.0
        assert worker.ask("parity", "digits, order 2, O2, float64", 0.0)["failed"].startswith("did not end")
        os.kill(worker._process.pid or 0, 9)
        assert worker.ask("parity", "text, order 1, O2, float64", 300.0)["failed"] == (
            "the process died, with exit code -9"
        )
        assert worker.ask("parity", "text, order 1, O2, float64", 300.0)["found"]["weights"] == 0.0
    finally:
        worker.close()


@pytest.mark.slow
def test_the_command_writes_one_file(tmp_path: Path) -> None:
    output = tmp_path / "gpu.json"
    arguments = ["--device", "cpu", "--small", "--case", "waits", "-o", str(output)]
    ran = CliRunner().invoke(main, arguments)
    assert ran.exit_code == 0, ran.output
    document = json.loads(output.read_text())
    assert set(document) == {"machine", "minutes", "cases"}
    assert [record["found"] for record in document["cases"]["waits"].values()] == [5, 5]
