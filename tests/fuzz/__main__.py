"""`python -m tests.fuzz --minutes 10 [--kind texts|runs|checkpoints|data] [--seed N]`

Tries inputs of each kind in turn for its share of the time, and prints how many, and of each distinct failure the
smallest input. The exit code is 1 where one failed. The inputs depend on the seed alone; `--first` and `--count` try
some of them again.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from tests.fuzz.campaign import Failure, Kind, Result, run
from tests.fuzz.checkpoints import Checkpoints
from tests.fuzz.data import Data
from tests.fuzz.runs import Runs
from tests.fuzz.texts import Texts

KINDS: dict[str, Callable[[], Kind]] = {
    "texts": Texts,
    "runs": Runs,
    "checkpoints": Checkpoints,
    "data": Data,
}
SHOWN = 600  # characters of an input


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--minutes", type=float, default=10.0, help="for all kinds together (10)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="may be given again (all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first input")
    parser.add_argument("--count", type=int, help="how many inputs of each kind, in place of --minutes")
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="where to keep the smallest failing inputs"
    )
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    names = asked.kind or list(KINDS)
    seconds = None if asked.count is not None else 60 * asked.minutes / len(names)
    failed = False
    for name in names:
        result = run(KINDS[name](), asked.seed, asked.count, seconds, asked.first)
        report(name, result, asked.save)
        failed = failed or bool(result.failures)
    return 1 if failed else 0


def report(name: str, result: Result, save: Path | None) -> None:
    """Print what was found."""
    print(f"{name}: {result.inputs:,} inputs, {len(result.failures)} distinct failures", flush=True)
    for number, found in enumerate(sorted(result.failures.values(), key=lambda each: each.signature)):
        print(_text(found))
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
            place = save / f"{name}-{number}-{Path(found.smallest.name).name}"
            place.write_bytes(found.smallest.data)
            print(f"  kept in {place}")


def _text(found: Failure) -> str:
    data = found.smallest.data
    shown = repr(data[:SHOWN]) + (f" and {len(data) - SHOWN:,} bytes more" if len(data) > SHOWN else "")
    lines = [f"\n{found.signature}, {found.count} times", f"  smallest  {found.smallest.name}: {shown}"]
    return "\n".join([*lines, *(f"  {line}" for line in found.details.rstrip().splitlines())])


if __name__ == "__main__":
    sys.exit(main())
