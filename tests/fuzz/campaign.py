"""One way to try many inputs: what an input is, what counts as a failure, and its smallest form.

An input is a name and some bytes. A kind makes inputs from a seed, and tries one; any exception but those that a user's
mistake may raise is a failure, and so is taking too long or too much memory. Failures are distinguished by the type of
the exception and the innermost line of dartsl that it passed.
"""

from __future__ import annotations

import io
import random
import resource
import signal
import sys
import time
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import dartsl
from dartsl.lang.codes.diagnostics import SpecError, UserError

ALLOWED = (SpecError, UserError)
SECONDS = 30.0  # for one input
MEGABYTES = 1_000  # that one input may add to the most that the process has used
SHRINKING = 100  # attempts at making one failing input smaller
PACKAGE = str(Path(dartsl.__file__).parent)


@dataclass(frozen=True)
class Input:
    """What is tried. `name` says where the bytes belong, such as `run.json`."""

    name: str
    data: bytes


class Kind(Protocol):
    """A kind of input."""

    def make(self, draw: random.Random) -> Input:
        """An input that depends on `draw` alone."""
        ...

    def attempt(self, given: Input) -> None:
        """Raises whatever goes wrong."""
        ...


@dataclass(frozen=True)
class Failure:
    """Inputs that failed alike: what was raised, where, and the smallest of them."""

    signature: str
    details: str
    smallest: Input
    count: int = 1


@dataclass
class Result:
    """How many inputs were tried, and what failed, by signature."""

    inputs: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)


class TimeLimit(BaseException):
    """Raised by a signal; no code under test catches it."""


class MemoryLimit(BaseException):
    """An input took too much memory."""


def run(
    kind: Kind, seed: int, count: int | None = None, seconds: float | None = None, start: int = 0
) -> Result:
    """Try inputs number `start` and on, `count` of them or for so many seconds. The n-th is the same for a seed."""
    result = Result()
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    number = start
    while time.monotonic() < end and (count is None or number < start + count):
        given = kind.make(random.Random(f"{seed}:{number}"))
        found = failure(kind, given)
        result.inputs += 1
        number += 1
        if found is not None:
            known = result.failures.get(found.signature)
            if known is None:
                found = shrunk(kind, found)
            elif len(known.smallest.data) <= len(given.data):
                found = known
            result.failures[found.signature] = replace(found, count=known.count + 1 if known else 1)
    return result


def failure(kind: Kind, given: Input) -> Failure | None:
    """What goes wrong with an input, if anything does."""
    before = _megabytes()
    try:
        with _limited(), redirect_stdout(io.StringIO()):
            kind.attempt(given)
        if _megabytes() - before > MEGABYTES:
            raise MemoryLimit
    except ALLOWED:
        return None
    except (Exception, TimeLimit, MemoryLimit) as error:
        return Failure(f"{type(error).__name__} at {_place(error)}", _shown(error), given)
    return None


def shrunk(kind: Kind, found: Failure) -> Failure:
    """The same failure with less data: ever smaller pieces are left out for as long as it stays."""
    if found.signature.startswith((TimeLimit.__name__, MemoryLimit.__name__)):
        return found
    left = SHRINKING
    size = len(found.smallest.data) // 2
    while size and left:
        place = 0
        while place < len(found.smallest.data) and left:
            data = found.smallest.data
            left -= 1
            again = failure(kind, replace(found.smallest, data=data[:place] + data[place + size :]))
            if again is not None and again.signature == found.signature:
                found = again
            else:
                place += size
        size //= 2
    return found


@contextmanager
def _limited() -> Iterator[None]:
    """Raise TimeLimit after SECONDS, in the main thread of systems that have alarms."""

    def stop(number: int, frame: types.FrameType | None) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _megabytes() -> float:
    """The most memory that this process has used so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _place(error: BaseException) -> str:
    """`lang/plan/terms.py:12`, the innermost line of dartsl; of a limit, only the command that met it is certain."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(PACKAGE)
    ]
    if isinstance(error, TimeLimit | MemoryLimit) or not frames:
        return "the test"
    return f"{frames[-1].filename.removeprefix(PACKAGE)[1:]}:{frames[-1].lineno}"


def _shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)[-4:])
