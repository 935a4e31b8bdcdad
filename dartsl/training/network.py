"""The network as a training passes over it: in the type of amp, and compiled where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.supernet import Supernet
from dartsl.step.batches import ImagePassed
from dartsl.step.targets import Scale, TargetPassed
from dartsl.training.class_weights import Loss
from dartsl.training.compiling import drawn_ahead
from dartsl.training.evaluation import autocast

COMPILER = "inductor"  # torch.compile's backend


class TrainedNetwork:
    """Images (B, C, H, W) -> (B, classes) logits or, with an auxiliary head, (B, 2 * classes), of the images' type."""

    def __init__(self, model: Supernet, config: TrainConfig) -> None:
        self.model = model
        self.seed = model.seed
        self._config = config
        self._compiled: Any = torch.compile(model, backend=COMPILER) if config.compile else None

    def __call__(self, *inputs: Any, pass_: Pass | None = None) -> Any:
        (images,) = inputs
        with autocast(self._config):
            if self._compiled is None:
                both: Tensor = self.model(images, pass_=pass_)
            else:  # it would be compiled anew for each step that a pass names
                ahead = drawn_ahead(self.model, images, pass_ or PLAIN)
                both = self._compiled(images, pass_=replace(PLAIN, drawn=ahead.drawn))
        return both.to(images.dtype)

    def weights(self) -> list[nn.Parameter]:
        """Those that are trained."""
        return self.model.weights()

    def alpha_parameters(self) -> list[nn.Parameter]:
        """None: all is decided."""
        return self.model.alpha_parameters()

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Those of the network."""
        return self.model.named_parameters()


class Objective:
    """What a training minimises: a loss of the network's logits and, beside it, `auxiliary` times that of its other
    head's."""

    def __init__(self, loss: Loss, classes: int, auxiliary: float, scale: Scale | None = None) -> None:
        """`scale` is that of the numbers that are predicted; None: classes are."""
        self.loss = loss
        self._scale = scale
        self._classes = classes
        self._auxiliary = auxiliary

    def __call__(self, output: Tensor, labels: Tensor) -> ImagePassed | TargetPassed:
        """Of both heads' logits (B, classes) or (B, 2 * classes), and labels (B,), int64, or targets (B, classes)."""
        wanted = labels if self._scale is None else self._scale.standard(labels)
        answers = labels if self._scale is None else wanted.to(output.dtype)
        logits, *others = torch.split(output, self._classes, dim=1)
        penalties = [self._auxiliary * self.loss(other, answers) for other in others]
        penalty, loss = penalties[0] if penalties else None, self.loss(logits, answers)
        if self._scale is None:
            return ImagePassed(loss, logits, labels, penalty)
        return TargetPassed(loss, logits, wanted, self._scale, penalty)
