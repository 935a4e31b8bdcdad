"""What a pass is taken over: a batch of images, or of text, and the loss that a model has on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.lang.inputs import Tokens
from dartsl.nn.share import WHOLE, Share

if TYPE_CHECKING:
    from dartsl.lang.terms import Plan
    from dartsl.nn.text import TextOutput


MOST = 700.0  # exp of more is not a float; such a loss says all there is to say


def perplexity(loss: float) -> float:
    """Of a mean loss in nats."""
    return math.exp(min(loss, MOST))


class Model(Protocol):
    """A network that takes a batch's inputs (`dartsl.nn.supernet.Supernet` is one)."""

    def __call__(self, *inputs: Any) -> Any: ...


@dataclass(frozen=True)
class Outcome:
    """What one pass gave: the mean loss over `count` predictions, and how many of them were right.

    Of text nobody counts what was right (None); `carries` are the states that the next window starts from.
    """

    loss: float
    correct: int | None
    count: int
    carries: tuple[Tensor, ...] = ()

    def over_all(self, share: Share) -> Outcome:
        """That of the whole batch, where this is the one of a share; the carries stay those of its rows."""
        if share.total is None:
            return self
        counted = 1 if share.counts else 0
        right = 0 if self.correct is None else self.correct
        loss, correct, count = share.figures(self.loss * share.weight, right * counted, self.count * counted)
        return Outcome(loss, None if self.correct is None else int(correct), int(count), self.carries)


class Passed(Protocol):
    """A pass that was taken: the loss, and what the weight step alone adds to it (None: nothing)."""

    @property
    def loss(self) -> Tensor: ...

    @property
    def penalty(self) -> Tensor | None: ...

    def outcome(self) -> Outcome: ...


class Batch(Protocol):
    """Examples with what is to be predicted of them."""

    @property
    def device(self) -> torch.device: ...

    @property
    def size(self) -> int:
        """Images, or rows of text."""
        ...

    @property
    def share(self) -> Share:
        """What part they are of a batch that several processes share."""
        ...

    def take(self, model: Model) -> Passed:
        """One pass of the model over the batch."""
        ...


class ImageBatch(NamedTuple):
    """Images (B, C, H, W), floating, and their labels (B,), int64."""

    images: Tensor
    labels: Tensor
    share: Share = WHOLE

    @property
    def device(self) -> torch.device:
        return self.images.device

    @property
    def size(self) -> int:
        return len(self.labels)

    def take(self, model: Model) -> ImagePassed:
        logits: Tensor = model(self.images)
        return ImagePassed(F.cross_entropy(logits, self.labels), logits, self.labels)


@dataclass(frozen=True)
class ImagePassed:
    """Logits (B, classes) and their cross entropy."""

    loss: Tensor
    logits: Tensor
    labels: Tensor
    penalty: Tensor | None = None

    def outcome(self) -> Outcome:
        correct = int((self.logits.detach().argmax(dim=1) == self.labels).sum())
        return Outcome(float(self.loss.detach()), correct, len(self.labels))


@dataclass(frozen=True)
class TextBatch:
    """A window of text: tokens (T, B) and the ones that follow them (T, B), int64.

    carries   the state at its start, a tensor (B, H) for each carry; None: zeros
    ar, tar   factors of activation regularisation, of the outputs' mean square (as the head's matrix gets
              them, dropped), and of the mean square of their change from one step to the next (undropped):
              Merity, McCann and Socher, "Revisiting activation regularization", 2017. The weight step alone adds them.
    """

    tokens: Tensor
    targets: Tensor
    carries: tuple[Tensor, ...] | None = None
    ar: float = 0.0
    tar: float = 0.0
    share: Share = WHOLE

    @property
    def device(self) -> torch.device:
        return self.tokens.device

    @property
    def size(self) -> int:
        return int(self.tokens.shape[1])

    def take(self, model: Model) -> TextPassed:
        output: TextOutput = model(self.tokens, self.carries)
        loss = F.cross_entropy(output.logits.flatten(0, 1), self.targets.flatten())  # over all (T * B)
        return TextPassed(loss, self.targets.numel(), output.carries, self._penalty(output))

    def _penalty(self, output: TextOutput) -> Tensor | None:
        parts = []
        if self.ar > 0:
            parts.append(self.ar * output.dropped.square().mean())
        if self.tar > 0 and len(output.outputs) > 1:
            parts.append(self.tar * (output.outputs[1:] - output.outputs[:-1]).square().mean())
        return sum(parts[1:], parts[0]) if parts else None


@dataclass(frozen=True)
class TextPassed:
    """The cross entropy over `count` tokens, and the states after the window."""

    loss: Tensor
    count: int
    carries: tuple[Tensor, ...]
    penalty: Tensor | None = None

    def outcome(self) -> Outcome:
        carries = tuple(carry.detach() for carry in self.carries)
        return Outcome(float(self.loss.detach()), None, self.count, carries)


def random_batches(
    plan: Plan, size: int, like: Tensor, generator: torch.Generator | None = None
) -> Sequence[Batch]:
    """Two batches that a network of this plan takes, with the type and device of `like`.

    Random normal images, or random tokens of a whole window; without a generator all is zero.
    """
    return [_random_batch(plan, size, like, generator) for _ in range(2)]


def _random_batch(plan: Plan, size: int, like: Tensor, generator: torch.Generator | None) -> Batch:
    def whole(*shape: int) -> Tensor:
        if generator is None:
            return torch.zeros(shape, dtype=torch.int64, device=like.device)
        return torch.randint(0, plan.classes, shape, generator=generator).to(like.device)

    dims = plan.input.batch(size)
    if isinstance(plan.input, Tokens):
        return TextBatch(whole(*dims), whole(*dims))
    if generator is None:
        images = torch.zeros(dims, dtype=like.dtype, device=like.device)
    else:
        images = torch.randn(dims, generator=generator).to(like.device, like.dtype)
    return ImageBatch(images, whole(size))
