"""A sweep that is killed at random moments and resumed, against the same sweep left alone: the same bytes?

    python -m tests.benchmarks.killed_sweep FOLDER --kills 10 -- digits --epochs 3 --train-epochs 5 --jobs 2

The seconds between two ends are drawn, up to those that the whole sweep took divided by the kills; each end is one of:
`kill -9` of the sweep alone, of the sweep and all its jobs, SIGINT, SIGTERM.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.sweep.killing import DARTSL, end, outputs

HOW = ("sweep", "all", "SIGINT", "SIGTERM")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a new one, for `whole` and `killed`")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("words", nargs="+", help="after `--`: those of `dartsl sweep`")
    given = parser.parse_args()
    whole, killed = given.folder / "whole", given.folder / "killed"
    began = time.monotonic()
    subprocess.run([*DARTSL, "sweep", *given.words, "--out", str(whole)], check=True)
    taken = time.monotonic() - began
    print(f"whole: {taken:.0f} seconds", flush=True)
    draws, command = random.Random(given.seed), [*DARTSL, "sweep", *given.words, "--out", str(killed)]
    jobs = ["--jobs", given.words[given.words.index("--jobs") + 1]] if "--jobs" in given.words else []
    for number in range(given.kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        seconds, how = draws.uniform(2, max(4, 2 * taken / given.kills)), HOW[number % len(HOW)]
        time.sleep(seconds)
        print(
            f"end {number + 1}: {how} after {seconds:.1f} seconds, exit code {end(process, how)}", flush=True
        )
        if (killed / "sweep.json").exists():
            command = [*DARTSL, "sweep", "--resume", str(killed), *jobs]
    subprocess.run([*DARTSL, "sweep", "--resume", str(killed), *jobs], check=True)
    expected, found = outputs(whole), outputs(killed)
    wrong = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
    print(f"{len(expected)} files: {'all alike' if not wrong else 'other: ' + ', '.join(sorted(wrong))}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
