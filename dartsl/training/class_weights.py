"""The loss of a training, in which rare classes may weigh more than frequent ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.methods import MSE
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.placing import torch_dtype
from dartsl.run.given import Given
from dartsl.step.finite import quotient, wide
from dartsl.step.own import mean_loss
from dartsl.step.targets import mean_squared_error
from dartsl.training.feed import Feed


def balanced_weights(labels: Tensor, names: Sequence[str]) -> Tensor:
    """images / (classes * images of the class) for each class, float64: scikit-learn's `balanced`.

    `labels` int64 (N,) are those of the images that train. Raises UserError where a class has none.
    """
    # Imported here since scikit-learn takes a second to import and other trainings do without it.
    from sklearn.utils.class_weight import compute_class_weight

    lacking = sorted(set(range(len(names))) - set(labels.tolist()))
    if lacking:
        raise UserError(
            f"class `{names[lacking[0]]}` has no image to train on, so that no weight balances it",
            help="add images of it, set fewer apart (--validation, or --final), or leave --class-weights out",
        )
    answers = labels.cpu().numpy()
    return torch.from_numpy(compute_class_weight("balanced", classes=np.arange(len(names)), y=answers))


def loss_of(config: TrainConfig, feed: Feed, given: Given) -> Loss:
    """What a training minimises. Raises UserError for settings that do not go with the data or with a given loss."""
    weights = None
    if config.class_weights != "none":
        weights = balanced_weights(feed.labels, feed.inputs.classes)
        weights = weights.to(config.device, torch_dtype(config.dtype))
    if given.loss is not None and (weights is not None or config.label_smoothing):
        raise UserError(
            "class_weights and label_smoothing are of the cross entropy, and another loss is given",
            "leave them out, or let the loss that is given see to them",
            exit_code=2,
        )
    return Loss(
        config.label_smoothing, weights, given.loss or (mean_squared_error if config.loss == MSE else None)
    )


class Loss:
    """The mean cross entropy over a batch; with weights sum(w[label] * loss) / sum(w[label]), as torch has it.

    A batch may be computed in parts, and shared by processes, whose means are then averaged by their numbers of
    images. The denominator is that of the whole batch, which `begin` is given.
    """

    def __init__(
        self, smoothing: float, weights: Tensor | None, own: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> None:
        """`weights` (classes,), of the logits' type and on their device; None: all count the same. `own` stands in
        place of the cross entropy: a user's, or the mean squared error of targets (B, T) in place of labels."""
        self._own = own
        self._smoothing = smoothing
        self._weights = weights
        self._scale: Tensor | float = 1.0

    @property
    def weighted(self) -> bool:
        return self._weights is not None

    def mass(self, labels: Tensor) -> Tensor:
        """The sum of the weights of labels (N,), ()."""
        return wide(torch.ones_like(labels) if self._weights is None else self._weights[labels]).sum()

    def begin(self, images: int, mass: Tensor) -> None:
        """Take the size of a whole batch, and the sum of its labels' weights, ()."""
        self._scale = quotient(images, mass)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Of logits (B, classes) and labels (B,), int64. Raises UserError for an own loss that is not one number."""
        if self._own is not None:
            return mean_loss(self._own, logits, labels)
        if self._weights is None:
            return F.cross_entropy(logits, labels, label_smoothing=self._smoothing)
        total = F.cross_entropy(
            logits, labels, self._weights, reduction="sum", label_smoothing=self._smoothing
        )
        return total * torch.as_tensor(self._scale / len(labels)).to(total)
