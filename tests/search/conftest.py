"""Small models with the interface that the bilevel step needs of a supernet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from dartsl.nn.passing import PLAIN, Pass
from dartsl.run import loop as run_loop
from dartsl.searching import loop


class ScalarModel(nn.Module):
    """Two classes, logits (alpha * w * x, 0): every derivative of the loss has a closed form."""

    def __init__(self, w: float, alpha: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([w], dtype=torch.float64))
        self.alpha = nn.Parameter(torch.tensor([alpha], dtype=torch.float64))
        self.seed = 0
        self.asked: list[tuple[int, str]] = []  # by the passes

    def forward(self, images: Tensor, pass_: Pass = PLAIN) -> Tensor:
        self.asked.append((pass_.step, pass_.kind))
        z = self.alpha * self.w * images.flatten(1)  # (B, 1)
        return torch.cat([z, torch.zeros_like(z)], dim=1)  # (B, 2)

    def weights(self) -> list[nn.Parameter]:
        return [self.w]

    def alpha_parameters(self) -> list[nn.Parameter]:
        return [self.alpha]


class MixedModel(nn.Module):
    """Two convolutions mixed by alphas, batch norm, pooling, a linear head: a supernet in small."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1, bias=False)
        self.second = nn.Conv2d(1, 3, 1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 4)
        self.alpha = nn.Parameter(torch.tensor([[0.3, -0.2]]))
        self.seed = 0
        self.asked: list[tuple[int, str]] = []  # by the passes

    def forward(self, images: Tensor, pass_: Pass = PLAIN) -> Tensor:
        self.asked.append((pass_.step, pass_.kind))
        mix = self.alpha.softmax(dim=-1)[0]
        x = mix[0] * self.first(images) + mix[1] * torch.tanh(self.second(images))  # (B, 3, H, W)
        return self.head(torch.tanh(self.normalised(x, pass_)).mean(dim=(2, 3)))  # (B, 4)

    def weights(self) -> list[nn.Parameter]:
        return [p for name, p in self.named_parameters() if name != "alpha"]

    def alpha_parameters(self) -> list[nn.Parameter]:
        return [self.alpha]

    def normalised(self, x: Tensor, pass_: Pass) -> Tensor:
        self.norm.momentum, before = (0.0 if pass_.frozen else 0.1), self.norm.momentum
        found: Tensor = self.norm(x)
        self.norm.momentum = before
        return found


@pytest.fixture
def scalar_model() -> ScalarModel:
    return ScalarModel(w=0.7, alpha=1.3)


@pytest.fixture
def mixed_model() -> MixedModel:
    torch.manual_seed(0)
    return MixedModel().double()


PARTS = """darts 1

# What a spec imports from beside itself.

import "std/cnn"

op narrow(k, r = 2) = relu > conv(1, out = C/r) > conv(k)/stride > bn

op unused = relu
"""

TINY = """darts 1

# A space that is searched in a moment.

import "./parts"

ops own = none | skip_connect | narrow(3)

cell normal {
  input  c0, c1 : preprocess
  node   n0, n1 : sum keep 1
  edge   all -> n0, n1 : own
  output concat(n0, n1)
}

cell reduction = normal

network tiny(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage normal      width C
  stage reduction/2 width 2*C
  head  global_avg_pool > linear(3)
}

search {
  epochs    = 2
  batch     = 5
  warmup    = 1
  alphas_lr = 0.1
  crop      = 1
}

train {
  epochs = 7
}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A spec that imports a file beside it, and `images.npz`: 24 training images of 8x8, 3 classes."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "parts.darts").write_text(PARTS)
    (folder / "tiny.darts").write_text(TINY)
    generator = np.random.default_rng(0)
    np.savez(
        folder / "images.npz",
        x_train=generator.integers(0, 256, (24, 8, 8), dtype=np.uint8),
        y_train=np.arange(24) % 3,
        x_test=generator.integers(0, 256, (3, 8, 8), dtype=np.uint8),
        y_test=np.arange(3),
    )
    return folder / "tiny.darts"


@pytest.fixture
def images(tiny: Path) -> Path:
    """24 training images of 3 classes, of several sizes, as class folders of a split folder."""
    generator = np.random.default_rng(0)
    for part, count in (("Train", 8), ("Test", 1)):
        for label in range(3):
            folder = tiny.parent / "large" / part / f"n{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (8 + number, 12 - label), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tiny.parent / "large"


@pytest.fixture
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One test draws its picture; the others need not wait for Graphviz."""
    if "leaves_everything" not in request.node.name:
        monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")


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
