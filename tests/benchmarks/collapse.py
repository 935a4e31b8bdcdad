"""Do searches end in parameter-free operations? Methods side by side, on two spaces made small in which DARTS does.

For each seed, space and method: search; count the edges without parameters in what is found; train that from
scratch; measure on the test images once, after the last epoch. Beside them stand random cells of the same space.
All methods train alike (learning rates, batch, epochs), so that only their parts differ; no number is chosen by a
test image.

    nice python -m tests.benchmarks.collapse --data cifar10.npz --folder collapse  # goes on where it stopped
    python -m tests.benchmarks.collapse --folder collapse --table specs/README.md  # writes the table of what is there

The folder gets a line of JSON for each search and each training that is finished, and the settings they had.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import numpy as np
import torch

import dartsl
from dartsl.lang.check.model import Spec
from dartsl.lang.codes.source import Source
from dartsl.training.measured import Measured

SPACES = ("nasbench201", "robust_s4")
METHODS = ("darts", "beta_darts", "fair_darts", "drnas", "darts_minus", "sdarts_rs")
RANDOM = "random"
FREE = ("none", "noise", "skip_connect", "avg_pool(3)")  # of both spaces' operations those without parameters
BEGIN, END = "<!-- collapse: written by tests/benchmarks/collapse.py -->", "<!-- collapse: end -->"


@dataclass(frozen=True)
class Sizes:
    """How small the spaces and how short the runs are: the same for all methods.

    images, size   training images, of which a search trains its weights on one half; their sides after averaging
    width          C of the network, with n = 1
    """

    images: int = 2000
    size: int = 16
    width: int = 8
    batch: int = 64
    epochs: int = 10
    alphas_lr: float = 0.03
    train_epochs: int = 15

    @property
    def search(self) -> dict[str, Any]:
        """The settings of each search besides its method."""
        training = {"order": "1", "lr": 0.025, "lr_min": 0.001, "batch": self.batch, "epochs": self.epochs}
        return training | {"alphas_lr": self.alphas_lr, "alphas_betas": (0.5, 0.999), "crop": self.size // 8}

    @property
    def train(self) -> dict[str, Any]:
        """The settings of each training."""
        training = {"lr": 0.025, "batch": self.batch, "epochs": self.train_epochs, "clip": 5.0, "final": True}
        return training | {"auxiliary": 0.0, "drop_path": 0.0, "cutout": 0, "crop": self.size // 8}


@dataclass(frozen=True)
class Work:
    """Where rows go, and what is searched on."""

    folder: Path
    sizes: Sizes

    @classmethod
    def of(cls, folder: Path) -> Work:
        """That of a folder which `prepare` has seen."""
        return cls(folder, Sizes(**json.loads((folder / "sizes.json").read_text())))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What is finished."""
        path = self.folder / "rows.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def add(self, row: dict[str, Any]) -> None:
        with (self.folder / "rows.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        print({name: value for name, value in row.items() if name != "cells"}, flush=True)

    def spec(self, space: str) -> Spec:
        """A shipped space for images of this size."""
        text = dartsl.check(space).root.source.text
        size = self.sizes.size
        return dartsl.check(
            Source(f"{space}.darts", text.replace("image(3, 32, 32)", f"image(3, {size}, {size})"))
        )

    def search(self, space: str, method: str, seed: int) -> dict[str, Any]:
        """What a method finds: its cells, and how many of their edges have no parameters."""
        spec, parameters = self.spec(space), {"C": self.sizes.width, "n": 1}
        begun, epochs = time.process_time(), self.sizes.epochs
        if method == RANDOM:
            (cells,) = dartsl.sample(spec, seed=seed, parameters=parameters)
        else:
            with tempfile.TemporaryDirectory() as folder:
                run = dartsl.search(
                    *(spec, Path(folder) / "run"), method=method, seed=seed, parameters=parameters,
                    data=self.folder / "images.npz", quiet=True, **self.sizes.search,
                )  # fmt: skip
                assert run.found is not None
                cells, epochs = run.found, len(run.history)
        free, edges = parameter_free(spec, dartsl.check(Source("found.darts", cells)))
        seconds = round(time.process_time() - begun, 1)
        return {"cells": cells, "free": free, "edges": edges, "epochs": epochs, "cpu_seconds": seconds}

    def train(self, cells: str, seed: int) -> dict[str, Any]:
        """The test error of a found network, in per cent."""
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            run = dartsl.train(
                *(Source("found.darts", cells), Path(folder) / "run"), seed=seed,
                data=self.folder / "images.npz", quiet=True, **self.sizes.train,
            )  # fmt: skip
            assert isinstance(run.test, Measured)
            error = 100 * run.test.top1.error
        return {"error": round(error, 2), "cpu_seconds": round(time.process_time() - begun, 1)}

    def run(self, spaces: Sequence[str], methods: Sequence[str], seeds: int) -> None:
        """Whatever is not finished yet, seed by seed, so that all methods have as many."""
        done = {(row["what"], row["space"], row["method"], row["seed"]): row for row in self.rows}
        for seed, space, method in product(range(seeds), spaces, (*methods, RANDOM)):
            key = {"space": space, "method": method, "seed": seed}
            if ("search", *key.values()) not in done:
                row = {"what": "search", **key, **self.search(space, method, seed)}
                self.add(row)
                done["search", space, method, seed] = row
            if ("training", *key.values()) not in done:
                found = done["search", space, method, seed]["cells"]
                self.add({"what": "training", **key, **self.train(found, seed)})


def parameter_free(space: Spec, found: Spec) -> tuple[int, int]:
    """Of the edges that may stay in the cells of a space, how many have no parameters in what was found, or are left
    out; and how many there are."""
    cells = next(iter(space.networks.values())).cells
    edges = sum(
        len(cell.incoming(node.name)) if node.keep is None else node.keep
        for cell in (space.cells[name] for name in cells)
        for node in cell.nodes
    )
    learnt = sum(edge.candidates[0].label not in FREE for name in cells for edge in found.cells[name].edges)
    return edges - learnt, edges


def shrunk(images: Any, size: int) -> Any:
    """uint8 images (N, H, W, 3), averaged over squares to (N, size, size, 3)."""
    count, height = images.shape[:2]
    squares = images.reshape(count, size, height // size, size, height // size, 3)
    return squares.mean(axis=(2, 4)).round().astype(np.uint8)


def prepare(folder: Path, data: Path, sizes: Sizes) -> None:
    """The images and settings of a folder that has none yet. Raises UsageError where it was made with others."""
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "sizes.json"
    if record.exists():
        if json.loads(record.read_text()) != asdict(sizes):
            raise click.UsageError(f"{record} has other sizes; give another --folder")
        return
    with np.load(data) as given:
        count = {"train": sizes.images, "test": None}
        arrays = {f"x_{part}": shrunk(given[f"x_{part}"][:most], sizes.size) for part, most in count.items()}
        arrays |= {f"y_{part}": given[f"y_{part}"][:most] for part, most in count.items()}
    np.savez(folder / "images.npz", **arrays)
    record.write_text(json.dumps(asdict(sizes)))


def table(work: Work) -> str:
    """The table in Markdown, of the methods that have rows, with what it was made by."""
    rows, sizes = work.rows, work.sizes
    methods = [*dict.fromkeys(row["method"] for row in rows if row["method"] != RANDOM), RANDOM]
    lines = [
        f"C = {sizes.width}, n = 1, on {sizes.images:,} training images of CIFAR-10, averaged to {sizes.size} x "
        f"{sizes.size} pixels. Searches: first order, {sizes.epochs} epochs,",
        f"batch {sizes.batch}, `alphas_lr` {sizes.alphas_lr:g} (raised, since there are few steps), and "
        "the weights' learning rates of darts, for all methods.",
        f"Trainings: {sizes.train_epochs} epochs on the same images, measured on 2,000 test images. Means ± their "
        "standard error.",
        "",
        "| space | method | seeds | edges without parameters | test error, % |",
        "|---|---|---|---|---|",
    ]
    for space in SPACES:
        lines += [line for method in methods for line in _line(rows, space, method)]
    return "\n".join(lines)


def _line(rows: Sequence[dict[str, Any]], space: str, method: str) -> Iterator[str]:
    own = [row for row in rows if (row["space"], row["method"]) == (space, method)]
    searches = [row for row in own if row["what"] == "search"]
    errors = [row["error"] for row in own if row["what"] == "training"]
    if len(errors) > 1:  # one seed has no standard error
        free = _spread([row["free"] for row in searches], 1)
        without = f"{free} of {searches[0]['edges']}"
        yield f"| {space} | {method} | {len(errors)} | {without} | {_spread(errors, 1)} |"


def _spread(values: Sequence[float], digits: int) -> str:
    error = f" ± {stdev(values) / sqrt(len(values)):.{digits}f}" if len(values) > 1 and stdev(values) else ""
    return f"{mean(values):.{digits}f}{error}"


def write_into(page: Path, text: str) -> None:
    """Put a text between the page's two marks. Raises UsageError where it has none."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise click.UsageError(f"{page} has no place between `{BEGIN}` and `{END}`")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


@click.command(help=__doc__)
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="CIFAR-10, or a part of it, as .npz."
)
@click.option(
    "--folder", "folders", type=click.Path(path_type=Path), multiple=True, default=["collapse"], show_default=True,
    help="Where rows go; with --table several folders give a table each.",
)  # fmt: skip
@click.option("--spaces", default=",".join(SPACES), show_default=True)
@click.option("--methods", default=",".join(METHODS), show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--images", default=Sizes.images, show_default=True)
@click.option("--size", default=Sizes.size, show_default=True, help="Side of the images: 32, 16 or 8.")
@click.option("--width", default=Sizes.width, show_default=True)
@click.option("--batch", default=Sizes.batch, show_default=True)
@click.option("--epochs", default=Sizes.epochs, show_default=True)
@click.option("--alphas-lr", default=Sizes.alphas_lr, show_default=True)
@click.option("--train-epochs", default=Sizes.train_epochs, show_default=True)
@click.option(
    "--table", "page", type=click.Path(exists=True, path_type=Path), help="Write the table into this page."
)
def main(
    data: Path | None,
    folders: Sequence[Path],
    spaces: str,
    methods: str,
    seeds: int,
    page: Path | None,
    **sizes: Any,
) -> None:
    if page is not None:
        write_into(page, "\n\n".join(table(Work.of(folder)) for folder in folders))
        return
    if data is None or len(folders) != 1:
        raise click.UsageError("give the images by --data, and one --folder")
    torch.set_num_threads(1)
    prepare(folders[0], data, Sizes(**sizes))
    Work.of(folders[0]).run(spaces.split(","), methods.split(","), seeds)


if __name__ == "__main__":
    main()
