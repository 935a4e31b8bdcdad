"""A small spec and its data, and a console that nobody sees."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

SPEC = """\
darts 1
import "std/cnn"

cell pair {
  input  a, b : preprocess
  node   p : sum
  edge   a -> p : sep_conv(3) | skip_connect
  edge   b -> p : skip_connect
  output concat(p)
}

network small(C = 2, classes = 3) {
  input image(1, 6, 6)
  stem  conv(3) > bn
  stage pair width C
  head  global_avg_pool > linear(classes)
}
"""
COMMON = {"epochs": 1, "batch": 8, "crop": 0, "flip": False, "device": "cpu"}


def write_images(path: str, classes: int = 3, seed: int = 0) -> None:
    """24 images of some classes, the first 6 of them for testing too."""
    draws = np.random.default_rng(seed)
    images, labels = draws.integers(0, 256, (24, 6, 6), dtype=np.uint8), np.arange(24) % classes
    np.savez(path, x_train=images, y_train=labels, x_test=images[:6], y_test=labels[:6])


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder one stands in: `small.darts`, and `images.npz` with 24 images of three classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dartsl.searching.loop.render", lambda _dot, _kind: b"<svg/>")
    write_images("images.npz")
    Path("small.darts").write_text(SPEC)
    return tmp_path


@pytest.fixture
def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)
