"""A process of a sweep: `python -m dartsl.sweeping.attached LOCK WORDS...` is `dartsl WORDS...`, while the sweep lives.

Its standard input is a pipe whose other end the sweep holds and never writes to. Whatever ends the sweep closes it, a
kill too, which no handler sees: the process then saves what it has, as after SIGTERM, and ends. It holds the file LOCK
as long as it lives; a process of the same job that a killed sweep has left is waited for.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Sequence

from filelock import FileLock

GRACE = 20.0  # seconds to finish a step and save, once the sweep is gone


def words(lock: str, command: Sequence[str]) -> list[str]:
    """The command line of such a process."""
    return [sys.executable, "-m", "dartsl.sweeping.attached", lock, *command]


def _end_with_the_sweep() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


def main() -> None:
    """Run the command."""
    lock, *command = sys.argv[1:]
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    with FileLock(lock):
        sys.argv = ["dartsl", *command]
        runpy.run_module("dartsl", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
