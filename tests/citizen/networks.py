"""The three networks that the tests of this folder act on, and what is compared of them."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

import dartsl
from dartsl.lang.codes.source import Source
from dartsl.nn.supernet import Supernet
from tests.nn import text_specs

KINDS = ("searched", "decided", "text")
LEVELS = (0, 1, 2)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
WIDE = (nn.Conv2d, nn.Linear)

# A few candidates of every sort: side by side and merged at -O2, with and without batch norms, strided and not.
SEARCHED = """darts 1
import "std/cnn"

cell normal {
  input  c0, c1 : preprocess
  node   n0 : sum keep 2
  node   n1 : sum
  edge   c0, c1 -> n0 : none | max_pool_3x3 | skip_connect | sep_conv_3x3
  edge   c0, n0 -> n1 : max_pool_3x3 | dil_conv_3x3
  output concat(n0, n1)
}

cell reduction = normal

network tiny(C = 2) {
  input image(3, 8, 8)
  stem  conv(3, out = 3*C) > bn
  stage normal              width C
  stage reduction/2         width 2*C
  head  global_avg_pool > linear(5)
}
"""

DECIDED = (
    SEARCHED.replace("keep 2", "")
    .replace("none | max_pool_3x3 | skip_connect | ", "")
    .replace(" | dil_conv_3x3", "")
)

TEXT = """darts 1
import "std/rnn"

cell recurrent {
  input  x, h
  node   s0     : highway > mix_bn
  node   s1..s2 : sum > mix_bn keep 1
  edge   x, h   -> s0     : identity
  edge   s0..s1 -> s1..s2 : activations
  output mean(s1..s2)
}

network tiny(H = 5, vocab = 7) {
  input tokens(4)
  stem  embedding(vocab, out = H, dropout = 0.1) > locked_dropout(0.2)
  stage scan(recurrent, carry = "h", dropout_x = 0.5, dropout_h = 0.25) width H
  head  locked_dropout(0.5) > linear(vocab, tie = "stem")
}
"""

SPECS = {"searched": SEARCHED, "decided": DECIDED, "text": TEXT}


def made(kind: str, level: int) -> Supernet:
    """A network of one kind at a level, nobody else's: a copy, which takes half the time of a compilation."""
    return copy.deepcopy(compiled(kind, level))


@cache
def compiled(kind: str, level: int) -> Supernet:
    """The network that copies are of, in float64, so that levels are comparable."""
    return dartsl.compile(Source(f"{kind}.darts", SPECS[kind]), level=level, dtype="float64")


def inputs(model: Supernet) -> Tensor:
    if model.plan.input.sequence:
        return text_specs.tokens(model, batch=3)[0]
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 3, 8, 8, generator=generator, dtype=torch.float64)


def logits(model: nn.Module, x: Tensor) -> Tensor:
    given = model(x)
    found: Tensor = given if isinstance(given, Tensor) else given.logits
    return found


def of(model: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [each for each in model.modules() if isinstance(each, kinds)]


def numbers(model: Supernet, count: int = 2) -> dict[str, Tensor]:
    """What passes give, their gradients, and where they leave running statistics."""
    x = inputs(model)
    given = [logits(model, x) for _ in range(count)]
    sum(each.square().sum() for each in given).backward()  # type: ignore[union-attr]
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    gradients = {f"{name} '": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {"logits": torch.stack(given).detach(), **state, **gradients}


def same(ours: Any, theirs: Any) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
