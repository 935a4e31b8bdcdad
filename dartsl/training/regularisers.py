"""What changes from epoch to epoch, and the moving average of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dartsl.lang.settings.values import TrainConfig


def learning_rate(config: TrainConfig, epoch: int) -> float:
    """The rate in an epoch counted from 0.

    In the warm-up it rises linearly, lr in its last epoch; the schedule runs over the epochs after it:
    half a cosine from lr to lr_min, or lr * decay^epoch.
    """
    if epoch < config.warmup:
        return config.lr * (epoch + 1) / config.warmup
    epoch -= config.warmup
    if config.schedule == "exponential":
        return config.lr * config.decay**epoch
    share = epoch / max(config.epochs - config.warmup, 1)
    return config.lr_min + 0.5 * (config.lr - config.lr_min) * (1.0 + math.cos(math.pi * share))


def drop_path(config: TrainConfig, epoch: int) -> float:
    """The probability in an epoch counted from 0: drop_path * epoch / epochs, as in DARTS."""
    return config.drop_path * epoch / config.epochs


class Average:
    """An exponential moving average of a model's weights and running statistics.

    With decay d, after step t (from 1): average += (1 - min(d, (1 + t) / (10 + t))) * (value - average). The second
    decay lets the first steps be forgotten sooner (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
        self.values = {name: value.clone() for name, value in self._live.items()}

    def update(self, step: int) -> None:
        """Take the values after step `step`, from 1, into the average."""
        self._take(1 - min(self.decay, (1 + step) / (10 + step)))

    @torch.no_grad()
    def _take(self, share: float) -> None:
        torch._foreach_lerp_(list(self.values.values()), list(self._live.values()), share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the model has the averaged values."""
        kept = {name: value.clone() for name, value in self._live.items()}
        self._copy(self.values)
        try:
            yield
        finally:
            self._copy(kept)

    @torch.no_grad()
    def _copy(self, values: Mapping[str, Tensor]) -> None:
        for name, live in self._live.items():
            live.copy_(values[name])

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take over saved values. Raises KeyError or RuntimeError for a misfit."""
        if values.keys() != self.values.keys():
            raise KeyError("the averaged weights are not those of the network")
        for name, value in self.values.items():
            value.copy_(values[name])


class Mean(Average):
    """The mean of a model's weights and running statistics after each step since it was made (ASGD).

    As torch.optim.ASGD with t0 = 0 and lambd = 0 counts them: after step t (from 1) the share of the new values is
    1 / max(1, t - 1), so that the first step's are forgotten. Source: Polyak and Juditsky, 1992.
    """

    def __init__(self, model: nn.Module, steps: int = 0) -> None:
        super().__init__(model, 0.0)
        self.steps = steps

    def add(self) -> None:
        """Take the values of now, after one more step, into the mean."""
        self.steps += 1
        self._take(1 / max(1, self.steps - 1))
