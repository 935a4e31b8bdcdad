"""Does the search find better cells than chance? Found cells against random ones, on the digits.

For each seed: search specs/digits.darts; draw random cells of the same space (`dartsl.sample`); train both from
scratch, with the same seed, batches and schedule, on all training images; measure on the test images once, after the
last epoch. Nothing is chosen by a test image.

    python -m tests.benchmarks.digits_against_random --seeds 6 --out rows.jsonl

Seeds run side by side, a core each. Rows that the file holds already are not measured again.
"""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from math import sqrt
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl import compile, sample
from dartsl.data import Augment, Batches, ImageData, load
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.settings.values import SearchConfig, configure
from dartsl.lang.syntax.loader import read
from dartsl.nn.passing import PLAIN
from dartsl.nn.supernet import Supernet
from dartsl.run.job import Job
from dartsl.searching.loop import search
from dartsl.searching.method import learning_rate
from dartsl.step.batches import ImageBatch
from dartsl.step.gradients import weight_step


def train(text: str, data: ImageData, seed: int, epochs: int, batch: int = 64) -> tuple[float, float]:
    """Train a decided spec from scratch; test error in per cent and mean test loss in nats, at the end."""
    model = compile(check(Source("cell.darts", text)), seed=seed)
    augment = Augment.of(data, crop=1)
    batches = Batches(torch.arange(len(data.train_labels)), batch, seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.weights(), lr=0.025, momentum=0.9, weight_decay=3e-4)
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(epoch, epochs, 0.025, 0.0)
        for indices in batches:
            images = augment(data.train_images[indices], generator)  # (B, C, H, W)
            batch = ImageBatch(images, data.train_labels[indices])
            weight_step(model, [(batch, PLAIN)], optimizer, clip=5.0)
        batches.advance()
    return test(model, augment.plain(data.test_images), data.test_labels)


@torch.no_grad()
def test(model: Supernet, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Error in per cent and mean loss, in evaluation mode. images (N, C, H, W), labels (N,)."""
    model.eval()
    logits = model(images)  # (N, classes)
    wrong = (logits.argmax(1) != labels).double().mean()
    return 100 * float(wrong), float(F.cross_entropy(logits, labels))


def measure(seed: int, epochs: int) -> dict[str, Any]:
    """One seed's row: the found pair of cells and a random one, trained alike."""
    spec = check(read("digits"))
    config = configure(SearchConfig(), dict(spec.search))
    data = load(config.data, expect=None)
    with tempfile.TemporaryDirectory() as folder:
        found = search(Job(spec, out=Path(folder) / "run"), replace(config, seed=seed)).found
    assert found is not None, "the search was interrupted"
    row: dict[str, Any] = {"seed": seed, "epochs": epochs, "cells": found}
    for name, text in (("found", found), ("random", sample(spec, seed=seed)[0])):
        error, loss = train(text, data, seed, epochs)
        row |= {f"{name}_error": error, f"{name}_loss": loss}
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and standard error of each side, and of the paired difference, as README shows it."""
    lines = ["| | test error, % | test loss, nats |", "|---|---|---|"]
    cells = {
        "found": lambda row, what: row[f"found_{what}"],
        "random": lambda row, what: row[f"random_{what}"],
        "found - random, paired": lambda row, what: row[f"found_{what}"] - row[f"random_{what}"],
    }
    for name, pick in cells.items():
        shown = []
        for what, digits in (("error", 2), ("loss", 4)):
            values = [pick(row, what) for row in rows]
            shown.append(f"{mean(values):.{digits}f} ± {stdev(values) / sqrt(len(values)):.{digits}f}")
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def single_thread() -> None:
    torch.set_num_threads(1)


@click.command(help=__doc__)
@click.option("--seeds", default=6, show_default=True, help="How many seeds, from 0.")
@click.option("--epochs", default=30, show_default=True, help="Epochs of each training.")
@click.option("--jobs", default=2, show_default=True, help="How many seeds at a time.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("digits.jsonl"), show_default=True)
def main(seeds: int, epochs: int, jobs: int, out: Path) -> None:
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    left = [seed for seed in range(seeds) if all(row["seed"] != seed for row in rows)]
    with ProcessPoolExecutor(jobs, get_context("spawn"), single_thread) as pool:
        for done in as_completed([pool.submit(measure, seed, epochs) for seed in left]):
            rows.append(done.result())
            with out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print({name: value for name, value in rows[-1].items() if name != "cells"}, flush=True)
    print(f"\nmean ± standard error over {len(rows)} seeds\n\n{table(rows)}")


if __name__ == "__main__":
    main()
