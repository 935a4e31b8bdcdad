"""The search networks of `mobile` and `transformer` against the oracle's, float64: outputs, and every gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl import compile
from dartsl.nn.supernet import Supernet
from dartsl.nn.text import TextOutput
from tests.passes.same import same

from .naive.mobile import supernet
from .naive.transformer import language_model

LEVELS = (0, 2)


def twins(name: str, parameters: dict[str, int]) -> tuple[list[Supernet], dict[str, Tensor]]:
    """dartsl's network at each level with the same random numbers, and these by the oracle's names, to be learnt."""
    made = [compile(name, parameters=parameters, level=level, dtype="float64") for level in LEVELS]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for path, parameter in made[0].named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(drawn, alpha=1.0 if path.startswith("alphas.") else 0.3)
    for other in made[1:]:
        other.load_state_dict(made[0].state_dict())
    return made, {
        path.removeprefix("network."): parameter.detach().clone().requires_grad_()
        for path, parameter in made[0].named_parameters()
    }


def compare(
    made: list[Supernet], weights: dict[str, Tensor], x: Tensor, labels: Tensor, oracle: Callable[[], Tensor]
) -> None:
    """The outputs of each level and the gradients of a cross entropy, against the oracle's."""

    def passed(logits: Tensor, learnt: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = F.cross_entropy(logits.flatten(0, -2), labels.flatten())
        gradients = dict(zip(learnt, torch.autograd.grad(loss, list(learnt.values())), strict=True))
        assert all(gradient.abs().max() > 0 for gradient in gradients.values())
        return {"logits": logits.detach(), **gradients}

    wanted = passed(oracle(), weights)
    for model in made:
        output = model(x)
        logits = output.logits if isinstance(output, TextOutput) else output
        found = {path.removeprefix("network."): each for path, each in model.named_parameters()}
        same(passed(logits, found), wanted)


@pytest.mark.parametrize("length", [6, 4])  # of a window: all places, and some
def test_transformer(length: int) -> None:
    made, weights = twins("transformer", {"D": 8, "L": 2, "window": 6, "vocab": 5})
    generator = torch.Generator().manual_seed(1)
    words, following = (torch.randint(5, (length, 3), generator=generator) for _ in range(2))
    compare(made, weights, words, following, lambda: language_model(weights, words, 2))


def test_mobile() -> None:
    size = 9  # whose halves are odd as well, but for the last
    made, weights = twins("mobile", {"C": 1, "n": 1, "size": size})
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, 1, size, size, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (4,), generator=generator)
    compare(made, weights, images, labels, lambda: supernet(weights, images, 1, 1))
