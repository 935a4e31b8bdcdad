"""A decided spec that is trained in a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dartsl.run import loop as run_loop

TINY = """darts 1

import "std/cnn"

cell normal {
  input  c0, c1 : preprocess
  node   n0, n1 : sum
  edge   c0 -> n0 : sep_conv_3x3
  edge   c1 -> n0 : skip_connect
  edge   n0 -> n1 : dil_conv_3x3
  output concat(n0, n1)
}

cell reduction = normal

network tiny(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage normal      width C
  stage reduction/2 width 2*C
  head  global_avg_pool > linear(7)
}

train {
  epochs     = 2
  batch      = 8
  crop       = 1
  validation = 0.2
  auxiliary  = 0.4
  drop_path  = 0.2
}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The spec, and `images.npz`: 28 training images of 8x8, 7 classes; 23 train in 3 steps, 5 are for validation."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "tiny.darts").write_text(TINY)
    generator = np.random.default_rng(0)
    np.savez(
        folder / "images.npz",
        x_train=generator.integers(0, 256, (28, 8, 8), dtype=np.uint8),
        y_train=np.arange(28) % 7,
        x_test=generator.integers(0, 256, (9, 8, 8), dtype=np.uint8),
        y_test=np.arange(9) % 7,
    )
    return folder / "tiny.darts"


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Raise the flag of Ctrl-C when the loop looks at it for the n-th time, n from 1."""

    def arrange(looks: int) -> None:
        class Flag:
            seen = 0

            @property
            def requested(self) -> bool:
                self.seen += 1
                return self.seen == looks

        @contextmanager
        def flagged(_notify: Callable[[], None]) -> Iterator[Flag]:
            yield Flag()

        monkeypatch.setattr(run_loop, "interruption", flagged)

    return arrange
