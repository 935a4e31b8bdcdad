"""A space of two architectures a cell, and images for it, so small that a run of it takes a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TINY = """\
darts 1

import "std/cnn"

cell pair {
  input  a, b : preprocess
  node   p : sum
  edge   a -> p : sep_conv(3) | skip_connect
  edge   b -> p : skip_connect | avg_pool_3x3
  output p
}

network tiny(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair width C
  head  global_avg_pool > linear(3)
}

search {
  epochs = 1
  batch  = 12
  crop   = 1
  flip   = false
}

train {
  epochs = 2
  batch  = 12
  crop   = 1
  flip   = false
}
"""

TWO_CELLS = TINY.replace("\nnetwork", "\ncell other = pair\n\nnetwork").replace(
    "stage pair", "stage pair > other"
)


def tiny_space(folder: Path, text: str = TINY) -> tuple[Path, Path]:
    """`tiny.darts`, of a text, and `images.npz`, 30 images of 3 classes, in a folder."""
    spec, images = folder / "tiny.darts", folder / "images.npz"
    spec.write_text(text)
    generator = np.random.default_rng(0)
    np.savez(
        images,
        x_train=generator.integers(0, 256, (30, 8, 8), dtype=np.uint8),
        y_train=np.arange(30) % 3,
        x_test=generator.integers(0, 256, (9, 8, 8), dtype=np.uint8),
        y_test=np.arange(9) % 3,
    )
    return spec, images
