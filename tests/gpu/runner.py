"""Runs pieces in a process of their own, so that one which hangs, or spoils its CUDA context, spoils no other."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch

from tests.gpu.registry import Case, Machine, all_cases

NO_TIME = "not run: no time was left"
Record = dict[str, Any]
Ask = Callable[[str, str, float], Record]  # case, piece, seconds that it may take


def run_all(
    cases: Sequence[Case], machine: Machine, minutes: float, ask: Ask, say: Callable[[str], None]
) -> Iterator[dict[str, dict[str, Record | str]]]:
    """All records so far, after each piece. Each case takes its share of the time; then come the pieces left over.

    A piece gets half of the minutes at most.
    """
    end = time.monotonic() + 60 * minutes
    found: dict[str, dict[str, Record | str]] = {
        case.name: {name: NO_TIME for name, _ in case.pieces(machine)} for case in cases
    }
    yield found
    whole = max(1.0, sum(case.share for case in cases))
    for shares in (True, False):
        for case in cases:
            until = min(end, time.monotonic() + 60 * minutes * case.share / whole) if shares else end
            for piece in [name for name, record in found[case.name].items() if record == NO_TIME]:
                left = end - time.monotonic()
                if time.monotonic() >= until or left <= 0:
                    break
                say(f"{case.name}: {piece}")
                found[case.name][piece] = ask(case.name, piece, min(left, 30 * minutes))
                yield found


def run_piece(cases: Mapping[str, Case], machine: Machine, case: str, piece: str) -> Record:
    """The record of a piece and the seconds it took, or what it failed by."""
    started = time.perf_counter()
    try:
        found = next(run for name, run in cases[case].pieces(machine) if name == piece)()
    except Exception:  # whatever it is belongs into the record, and the other pieces still run
        return {"failed": traceback.format_exc(), "seconds": round(time.perf_counter() - started, 1)}
    finally:
        gc.collect()
        if machine.on_gpu:
            torch.cuda.empty_cache()
    return {"found": found, "seconds": round(time.perf_counter() - started, 1)}


def failures(found: Mapping[str, Mapping[str, Record | str]]) -> list[str]:
    """Names of the pieces that failed."""
    return [
        f"{case}: {piece}"
        for case, pieces in found.items()
        for piece, record in pieces.items()
        if isinstance(record, dict) and "failed" in record
    ]


class Worker:
    """A process that runs pieces; after one that hung, died or spoilt the device a new one takes its place."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._last = ""  # the case that was asked for last
        self._start()

    def ask(self, case: str, piece: str, seconds: float) -> Record:
        """The record of a piece, which may take so many seconds."""
        if self._last not in ("", case) and all_cases()[case].fresh:
            self._again()
        self._last = case
        try:
            self._pipe.send((case, piece))
            if self._pipe.poll(seconds):
                record: Record = self._pipe.recv()
                if "CUDA error" in record.get("failed", "") or "AcceleratorError" in record.get("failed", ""):
                    self._again()  # nothing runs any more in such a process
                return record
            failed = f"did not end within the {seconds:.0f} seconds that it had"
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join()
            failed = f"the process died, with exit code {self._process.exitcode}"
        self._again()
        return {"failed": failed}

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _again(self) -> None:
        self.close()
        self._start()

    def _start(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._machine), daemon=False)
        self._process.start()
        theirs.close()


def _serve(pipe: Connection, machine: Machine) -> None:
    cases = all_cases()
    for case, piece in _asked(pipe):
        pipe.send(run_piece(cases, machine, case, piece))


def _asked(pipe: Connection) -> Iterable[tuple[str, str]]:
    while True:
        try:
            yield pipe.recv()
        except EOFError:
            return
