"""What a pass is taken over: a batch of images, or of text, and the loss that a model has on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.lang.records.inputs import Images, Series, Tokens, Vector
from dartsl.nn.passing import Pass
from dartsl.nn.share import WHOLE, Share
from dartsl.step.finite import wide
from dartsl.step.own import mean_loss, metric_value

if TYPE_CHECKING:
    from dartsl.lang.plan.terms import Plan
    from dartsl.nn.text import TextOutput


class Model(Protocol):
    """A network that takes a batch's inputs (`dartsl.nn.supernet.Supernet` is one)."""

    def __call__(self, *inputs: Any, pass_: Pass | None = None) -> Any: ...


class SearchModel(Model, Protocol):
    """What steps need of a supernet (`dartsl.nn.supernet.Supernet` has it). `seed` keys its random draws."""

    @property
    def seed(self) -> int: ...

    def weights(self) -> list[nn.Parameter]: ...

    def alpha_parameters(self) -> list[nn.Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...


@dataclass(frozen=True)
class Outcome:
    """What one pass gave, on its device: the mean loss () over `count` predictions, and how many were right, ().

    Of text and of numbers nobody counts what was right (None); `carries` (B, H) are the states that the next window
    starts from; `metrics` are means, (), of what a user measures besides. `errors` are sums, (4, T), of numbers alone:
    see `dartsl.step.targets`.
    """

    loss: Tensor
    correct: Tensor | None
    count: int
    carries: tuple[Tensor, ...] = ()
    metrics: Mapping[str, Tensor] = field(default_factory=dict)
    errors: Tensor | None = None

    def over_all(self, share: Share) -> Outcome:
        """That of the whole batch, where this is the one of a share; the carries stay those of its rows."""
        if share.total is None:
            return self
        weighed = wide(self.loss) * share.weight
        right = torch.zeros_like(weighed) if self.correct is None else self.correct.to(weighed.dtype)
        means = [wide(value) * share.weight for value in self.metrics.values()]
        sums = torch.stack((weighed, right * float(share.counts), *means))  # (2 + metrics,)
        errors = None if self.errors is None else self.errors * float(share.counts)
        share.sum_([sums] if errors is None else [sums, errors])
        correct = None if self.correct is None else sums[1].to(torch.int64)
        count, metrics = (
            self.count // share.size * share.whole,
            dict(zip(self.metrics, sums[2:], strict=True)),
        )
        return Outcome(sums[0], correct, count, self.carries, metrics, errors)


def together(outcomes: Sequence[tuple[Outcome, float]]) -> Outcome:
    """That of a batch, from those of its parts and their portions of it."""
    if len(outcomes) == 1:
        return outcomes[0][0]
    found = [outcome for outcome, _ in outcomes]
    portions = [portion for _, portion in outcomes]

    def mean(values: Iterable[Tensor]) -> Tensor:
        return torch.stack([wide(each) * part for each, part in zip(values, portions, strict=True)]).sum()

    right = [outcome.correct for outcome in found if outcome.correct is not None]
    errors = [outcome.errors for outcome in found if outcome.errors is not None]
    return Outcome(
        mean(outcome.loss for outcome in found),
        torch.stack(right).sum() if right else None,
        sum(outcome.count for outcome in found),
        found[-1].carries,
        {name: mean(outcome.metrics[name] for outcome in found) for name in found[0].metrics},
        torch.stack(errors).sum(dim=0) if errors else None,
    )


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

    def take(self, model: Model, pass_: Pass) -> Passed:
        """One pass of the model over the batch, in training mode."""
        ...


@dataclass(frozen=True)
class ImagePassed:
    """Logits (B, classes) and the mean loss of a pass over images, (). `metrics` are functions of logits and labels."""

    loss: Tensor
    logits: Tensor
    labels: Tensor
    penalty: Tensor | None = None
    metrics: Mapping[str, Callable[[Tensor, Tensor], Any]] = field(default_factory=dict)

    def outcome(self) -> Outcome:
        logits, labels = self.logits.detach(), self.labels
        correct = (logits.argmax(dim=1) == labels).sum()  # ()
        metrics = {name: metric_value(name, metric, logits, labels) for name, metric in self.metrics.items()}
        return Outcome(self.loss.detach(), correct, len(labels), (), metrics)


def objective(
    loss: Callable[[Tensor, Tensor], Tensor], metrics: Mapping[str, Callable[[Tensor, Tensor], Any]]
) -> Callable[[Tensor, Tensor], ImagePassed]:
    """A loss of one's own, of logits (B, classes) and labels (B,) the mean (); with what is measured besides.

    It raises UserError for a loss or a metric that is not one number.
    """
    return lambda logits, labels: ImagePassed(
        mean_loss(loss, logits, labels), logits, labels, metrics=metrics
    )


def cross_entropy(logits: Tensor, labels: Tensor) -> ImagePassed:
    """DARTS's loss: the mean cross entropy of logits (B, classes) and labels (B,)."""
    return ImagePassed(F.cross_entropy(logits, labels), logits, labels)


class ImageBatch(NamedTuple):
    """Images (B, C, H, W), floating, and their labels (B,), int64, or targets (B, T), floating.

    objective  makes a loss of what the network gives, and of the labels
    """

    images: Tensor
    labels: Tensor
    share: Share = WHOLE
    objective: Callable[[Tensor, Tensor], Passed] = cross_entropy

    @property
    def device(self) -> torch.device:
        return self.images.device

    @property
    def size(self) -> int:
        return len(self.labels)

    def take(self, model: Model, pass_: Pass) -> Passed:
        return self.objective(model(self.images, pass_=pass_), self.labels)


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

    def take(self, model: Model, pass_: Pass) -> TextPassed:
        output: TextOutput = model(self.tokens, self.carries, pass_=pass_)
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
        return Outcome(self.loss.detach(), None, self.count, carries)


def random_batches(
    plan: Plan, size: int, like: Tensor, generator: torch.Generator | None = None
) -> Sequence[Batch]:
    """Two batches that a network of this plan takes, with the type and device of `like`.

    Random normal images, or random tokens of a whole window; without a generator all is zero.
    """
    numbers = _Numbers(like, generator)
    return [RANDOM[plan.input.kind](plan, size, numbers) for _ in range(2)]


@dataclass(frozen=True)
class _Numbers:
    """Random numbers, of the type and device of `like` where they have a fraction; zeros without a generator."""

    like: Tensor
    generator: torch.Generator | None

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        if self.generator is None:
            return self.like.new_zeros(shape)
        return torch.randn(shape, generator=self.generator).to(self.like.device, self.like.dtype)

    def below(self, limit: int, shape: tuple[int, ...]) -> Tensor:
        if self.generator is None:
            return torch.zeros(shape, dtype=torch.int64, device=self.like.device)
        return torch.randint(0, limit, shape, generator=self.generator).to(self.like.device)


def _random_images(plan: Plan, size: int, numbers: _Numbers) -> Batch:
    images = numbers.normal(plan.input.batch(size))  # (B, C, H, W)
    return ImageBatch(images, numbers.below(plan.classes, (size,)))


def _random_tokens(plan: Plan, size: int, numbers: _Numbers) -> Batch:
    window = plan.input.batch(size)  # (T, B)
    return TextBatch(numbers.below(plan.classes, window), numbers.below(plan.classes, window))


RANDOM: Mapping[str, Callable[[Plan, int, _Numbers], Batch]] = {  # by the kind of a network's input
    **dict.fromkeys((Images.kind, Series.kind, Vector.kind), _random_images),
    Tokens.kind: _random_tokens,
}
