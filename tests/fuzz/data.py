"""Data sets: npz, IDX, CIFAR, images, gzip and text files with bytes changed, through the readers."""

from __future__ import annotations

import gzip
import io
import random
import shutil
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from dartsl.data import load
from dartsl.data.text import load_text
from tests.data import files
from tests.fuzz.campaign import Input
from tests.fuzz.mutation import change_bytes
from tests.fuzz.runs import workplace

SHAPE = (3, 6, 5, 4)


class Data:
    """See the module."""

    def __init__(self) -> None:
        self.folder = workplace()
        names = ("npz", "compressed", "idx", "idx_gz", "cifar", "folder", "text")
        self.sets = {name: self.folder / "sets" / name for name in names}
        with patch.object(files, "RANDOM", np.random.default_rng(7)):  # the same whatever ran before
            self._write()
        self.files = {
            f"{name}/{path.relative_to(root)}": path.read_bytes()
            for name, root in self.sets.items()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    def _write(self) -> None:
        for name in ("npz", "compressed", "text"):
            self.sets[name].mkdir(parents=True)
        np.savez(self.sets["npz"] / "d.npz", **files.npz_arrays())
        np.savez_compressed(self.sets["compressed"] / "d.npz", **files.npz_arrays())
        files.write_mnist(self.sets["idx"])
        files.write_mnist(self.sets["idx_gz"], ".gz")
        files.write_cifar10_python(self.sets["cifar"])
        self._write_folder(self.sets["folder"])
        for part in ("train", "valid", "test"):
            text = "the cat sat on the mat .\n" * 20
            (self.sets["text"] / f"{part}.txt").write_text(text, encoding="utf-8")

    @staticmethod
    def _write_folder(root: Path) -> None:
        draws = np.random.default_rng(0)
        for part in ("train", "test"):
            for number, kind in enumerate(("png", "jpeg", "bmp", "gif")):
                place = root / part / f"class{number % 2}"
                place.mkdir(parents=True, exist_ok=True)
                pixels = draws.integers(0, 256, (6, 5, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.{kind}")

    def make(self, draw: random.Random) -> Input:
        name = draw.choice(list(self.files))
        data = self.files[name]
        if name.endswith(".gz") and draw.random() < 0.5:
            return Input(name, gzip.compress(change_bytes(draw, gzip.decompress(data)), mtime=0))
        if draw.random() < 0.1:
            other = self.files[draw.choice(list(self.files))]
            return Input(name, draw.choice((b"", other, b"\0" * 1000, data * 2, io.BytesIO(data).read(20))))
        return Input(name, change_bytes(draw, data))

    def attempt(self, given: Input) -> None:
        name, _, below = given.name.partition("/")
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.sets[name], copy)
        (copy / below).write_bytes(given.data)
        if name == "text":
            load_text(str(copy), "word")
            load_text(str(copy), "char")
        else:
            load(
                str(copy / below if below.endswith(".npz") else copy),
                expect=SHAPE if name == "folder" else None,
            )
