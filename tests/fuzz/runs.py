"""Run folders: the records of a small search changed, then opened, derived from, drawn, plotted and described."""

from __future__ import annotations

import io
import random
import shutil
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

import dartsl
from dartsl.lang.codes.source import Source
from dartsl.run.folder import RunFolder
from tests.fuzz.campaign import Input
from tests.fuzz.mutation import change_bytes, change_json, change_lines, change_words

SPEC = """darts 1
import "std/cnn"
cell pair {
  input  a, b : preprocess
  node   p, q : sum
  edge   a -> p : sep_conv(3) | skip_connect
  edge   b -> p : skip_connect
  edge   p -> q : max_pool_3x3 | none
  output concat(p, q)
}
network small(C = 2, classes = 4) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair width C
  head  global_avg_pool > linear(classes)
}
"""
RECORDS = ("run.json", "history.jsonl", "alphas.jsonl", "found.darts", "spec.darts")
SPARE = ("none", "0", "{", "}", "edge", "*9", "skip_connect", "->", "extern op x", "C", '"')


def workplace() -> Path:
    """A folder that is removed at the end."""
    holder = tempfile.TemporaryDirectory(prefix="dartsl-fuzz-")
    _HOLDERS.append(holder)
    return Path(holder.name)


_HOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def small_search(folder: Path) -> Path:
    """A finished search of one epoch in `folder`."""
    draws = np.random.default_rng(0)
    images, labels = draws.integers(0, 256, (16, 8, 8), dtype=np.uint8), np.arange(16) % 4
    np.savez(folder / "d.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    settings = {"data": str(folder / "d.npz"), "epochs": 1, "batch": 4, "flip": False, "crop": 0}
    with redirect_stdout(io.StringIO()):
        dartsl.search(Source("small.darts", SPEC), folder / "run", device="cpu", **settings)
    return folder / "run"


class Runs:
    """See the module."""

    def __init__(self) -> None:
        self.folder = workplace()
        self.run = small_search(self.folder)
        self.records = {name: (self.run / name).read_bytes() for name in RECORDS}

    def make(self, draw: random.Random) -> Input:
        name = draw.choice((*RECORDS[:3], *RECORDS[:3], *RECORDS))
        data = self.records[name]
        if name.endswith(".json"):
            return Input(name, change_json(draw, data))
        if name.endswith(".jsonl"):
            return Input(name, change_lines(draw, data))
        text = change_words(draw, data.decode(), SPARE)
        return Input(name, change_bytes(draw, data) if draw.random() < 0.3 else text.encode())

    def attempt(self, given: Input) -> None:
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.run, copy)
        (copy / given.name).write_bytes(given.data)
        problems = []
        for use in (self._read, self._derive, self._draw, self._describe, self._plot):
            try:
                use(copy)
            except (dartsl.SpecError, dartsl.UserError) as error:
                str(error)
                problems.append(error)
        if problems:
            raise problems[0]

    def _read(self, run: Path) -> None:
        folder = RunFolder.open(run)
        folder.history()
        for name in folder.kind.beside:
            folder.rows(name)

    def _derive(self, run: Path) -> None:
        dartsl.derive(run)

    def _draw(self, run: Path) -> None:
        dartsl.draw(run)

    def _describe(self, run: Path) -> None:
        dartsl.check(run / "found.darts")
        dartsl.export(run, "genotype")

    def _plot(self, run: Path) -> None:
        dartsl.plot(run, run / "curves.svg")
