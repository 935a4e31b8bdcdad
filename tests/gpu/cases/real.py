"""A real search of darts_cnn on the images of `--data`, two epochs; seconds a step beside those of `dartsl bench`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import dartsl
from dartsl.lang.checker import check
from dartsl.lang.syntax.loader import read
from dartsl.run.folder import RunFolder
from dartsl.run.job import Job
from dartsl.searching.bench import ORDERS, Trial
from dartsl.searching.bench_gpu import ALL, bench_gpu
from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import drawn

MOST = 1.15  # times bench's step, data included


@case(share=0.25)
def real(machine: Machine) -> Iterator[Piece]:
    """Orders 1 and 2."""
    for order in machine.choose(("1", "2"), small=1):
        yield f"order {order}", partial(searched, machine, order)


def searched(machine: Machine, order: str) -> dict[str, Any]:
    """Wall seconds of each epoch, its checkpoint included; of the second one, a step's part of them."""
    batch = 16 if machine.small else 64
    ends = [time.perf_counter()]
    with tempfile.TemporaryDirectory() as folder:
        data = machine.data or images(Path(folder) / "drawn.npz", 64 if machine.small else 10_000)
        run = dartsl.search(
            "darts_cnn",
            Path(folder) / "run",
            data=data,
            epochs=2,
            order=order,
            batch=batch,
            device=machine.device,
            parameters={"C": 2, "n": 1} if machine.small else {},
            quiet=True,
            on_epoch=lambda _epoch: ends.append(time.perf_counter()),
        )
        rows = RunFolder.open(run.path).history()
        steps = -(-len(np.load(data)["y_train"]) // 2 // batch) if data.suffix == ".npz" else None
    epochs = [round(end - start, 3) for start, end in pairwise(ends)]
    found: dict[str, Any] = {
        "data": "drawn at random" if machine.data is None else machine.data.name,
        "epoch_seconds": epochs,
        "validation_accuracy": [row["validation_accuracy"] for row in rows],
    }
    if steps is None:
        return found
    ms = 1000 * epochs[1] / steps
    found |= {"steps_an_epoch": steps, "ms": round(ms, 3)}
    return found | (beside_bench(machine, order, batch, ms) if machine.on_gpu else {})


def beside_bench(machine: Machine, order: str, batch: int, ms: float) -> dict[str, Any]:
    """The step of `dartsl bench`, all switched on and without data; how many times that the search's takes."""
    name = next(case for case, each in ORDERS.items() if each == order)
    trial = Trial(Job(check(read("darts_cnn"))), batch)
    (row,) = bench_gpu(trial, machine.device, [name], repeats=10, levels=[ALL])
    part = ms / (1000 * row.median_s)
    return {"bench": asdict(row), "times_bench": round(part, 3), "close_enough": part <= MOST}


def images(path: Path, count: int) -> Path:
    """Random images of ten classes, as a file."""
    found = drawn(count)
    np.savez(
        path,
        x_train=found.train_images.numpy(),
        y_train=found.train_labels.numpy(),
        x_test=found.test_images.numpy(),
        y_test=found.test_labels.numpy(),
    )
    return path
