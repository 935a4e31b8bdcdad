"""Ctrl-C, or a batch system's SIGTERM: once to finish the step and save, twice to stop at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, after the run has finished its step and saved; `result` is what it came to.

    It ends a loop over runs, too, unless that catches KeyboardInterrupt.
    """

    def __init__(self, result: Any) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        return "the run is saved; if it is not finished, `dartsl.resume` goes on with it"


class Interruption:
    """A flag that a loop looks at after each step; Ctrl-C raises it, and so may a program."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        self.requested = True


@contextmanager
def interruption(notify: Callable[[], None] = lambda: None) -> Iterator[Interruption]:
    """While inside, the first SIGINT or SIGTERM raises the flag and calls `notify`.

    The second is a KeyboardInterrupt. `notify` runs inside the signal handler, so it must not use buffered
    output. The handlers that were there before are put back at the end. Outside the main thread Python has
    no signal handlers: the flag is then only raised by calling `request`.
    """
    flag = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if flag.requested:
            raise KeyboardInterrupt
        flag.request()
        notify()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) == handle:  # else `outlive_torchrun` has the last word
                signal.signal(number, handler)


def outlive_torchrun() -> None:
    """Ignore SIGTERM from now on: of a process that is about to end by itself, with a message.

    torchrun sends it to all processes as soon as one has died, so that it would depend on the quicker side whether
    the others can still say what happened. A process that hangs all the same is killed by torchrun half a minute later.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
