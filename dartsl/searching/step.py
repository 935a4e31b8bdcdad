"""One step of a search, from both batches to both optimisers. The search, `dartsl bench` and the memory estimate
take it.

Read on in `bilevel.py` (the alphas' gradient) and `dartsl/step/gradients.py` (passes, and the weights' step).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.passing import STEADY, Pass, Scheduled
from dartsl.nn.supernet import Supernet
from dartsl.searching.adversary import hardest
from dartsl.searching.bilevel import AlphaGradient, Unroll, alpha_gradient
from dartsl.searching.freezing import Freezing, Seen
from dartsl.searching.method import Method
from dartsl.searching.terms import Factor, Moment
from dartsl.step.autograd import clip_, slopes
from dartsl.step.batches import Batch, Outcome, SearchModel
from dartsl.step.finite import Finite, no_parameter
from dartsl.step.gradients import measure, passed_over, require_finite, weight_step
from dartsl.step.graphs import Graphs, Step
from dartsl.step.optimisers import adam, advance, sgd


@dataclass(frozen=True)
class Taken:
    """What a step gave, on the device: the outcome of either batch, the value of each term, (), and of each operation
    how its gradients agree, (operations,), where operations may be frozen."""

    train: Outcome
    validation: Outcome
    terms: Mapping[str, Tensor]
    similarity: Tensor | None = None


@dataclass
class SearchStep:
    """A supernet with its two optimisers, and the method by which they step.

    clip      maximum norm of the weights' gradient; 0 for no clipping
    alphas_clip  that of the alphas' gradient, penalties included
    graphs    what replays steps on a GPU
    unrolled  the same within order 2's and exact's virtual step (text), where `held` weights do not move either
    """

    model: Supernet
    method: Method
    weights: torch.optim.SGD
    alphas: torch.optim.Adam
    clip: float
    alphas_clip: float = 0.0
    unrolled: float = 0.0
    held: Sequence[Tensor] = ()
    finite: Finite = field(default_factory=Finite)
    graphs: Graphs = field(default_factory=Graphs)
    freezing: Freezing | None = None

    @classmethod
    def of(
        cls,
        model: Supernet,
        method: Method,
        config: SearchConfig,
        *,
        unrolled: float = 0.0,
        held: Sequence[Tensor] = (),
    ) -> SearchStep:
        """That of a search with these settings."""
        low, high = config.alphas_betas
        return cls(
            model,
            method,
            sgd(model.weights(), config.lr, config.momentum, config.weight_decay, config.nesterov),
            adam(model.alpha_parameters(), config.alphas_lr, (low, high), config.alphas_decay),
            config.clip,
            config.alphas_clip,
            unrolled,
            held,
        )

    def take(self, train: Batch, validation: Batch, step: int, moment: Moment) -> Taken:
        """Alphas on the validation batch (not where they rest), then weights on the training batch; or weights first.

        `step` keys all random draws. Nothing waits for the device, unless `finite` is to raise at once: then nothing
        has been touched by the half of the step that raises, nor by one after it.
        """
        learns = self.method.learns(moment.epoch)
        scheduled = Scheduled(**self.method.numbers(moment))
        captured = Step(
            partial(self._take, moment=moment, scheduled=scheduled),
            self.model,
            (self.weights, self.alphas) if learns else (self.weights,),
            self.finite,
            fixed=(
                learns,
                scheduled,
                moment if self.method.terms else None,
                None if self.freezing is None else self.freezing.key,
            ),
        )
        return self.graphs.take(captured, (train, validation), step)

    def _take(self, batches: tuple[Batch, Batch], step: int, moment: Moment, scheduled: Scheduled) -> Taken:
        seen = None if self.freezing is None else Seen()
        if self.method.weights_first:
            trained = self._step_weights(batches, step, scheduled, seen)
            validated, terms = self._step_alphas(batches, step, moment, scheduled, seen)
        else:
            validated, terms = self._step_alphas(batches, step, moment, scheduled, seen)
            trained = self._step_weights(batches, step, scheduled, seen)
        similarity = None if self.freezing is None else self.freezing.similarity(seen)
        return Taken(trained, validated, terms, similarity)

    def _step_weights(
        self, batches: tuple[Batch, Batch], step: int, scheduled: Scheduled, seen: Seen | None = None
    ) -> Outcome:
        pass_ = Pass(step, "train", scheduled=scheduled)
        if self.method.ascents and scheduled.epsilon:
            found = hardest(
                self.model, batches[0], replace(pass_, share=batches[0].share), self.method.ascents
            )
            pass_ = replace(pass_, perturbed=found)
        return weight_step(
            self.model,
            [(batches[0], pass_)],
            self.weights,
            clip=self.clip,
            finite=self.finite,
            frozen=self.frozen,
            look=None if seen is None else seen.look,
        )

    @property
    def frozen(self) -> Sequence[nn.Parameter]:
        """The weights that train no more."""
        return () if self.freezing is None else self.freezing.weights

    def _step_alphas(
        self,
        batches: tuple[Batch, Batch],
        step: int,
        moment: Moment,
        scheduled: Scheduled,
        seen: Seen | None = None,
    ) -> tuple[Outcome, dict[str, Tensor]]:
        """The outcome of the validation batch, and the terms' values; the step itself where alphas do not rest."""
        train, validation = batches
        if not self.method.learns(moment.epoch):
            return self._measure((validation,), step, scheduled.calm), {}
        gradient = self.gradient(train, validation, step, scheduled)
        if seen is not None:
            seen.validation = gradient.weights
        terms = self.add_terms(gradient, moment)
        clip_(gradient.gradients, self.alphas_clip)
        alpha_step(self.model, self.alphas, gradient, step)
        return gradient.outcome, terms

    def measure(self, batch: Batch, step: int, scheduled: Scheduled, evaluation: bool = False) -> Outcome:
        """What a validation batch gives, where `step` keys what is drawn; nothing changes.

        In training mode, where its loss must be finite; or in evaluation mode, which the model is in then
        (`evaluated`), where it need not be.
        """
        captured = Step(
            partial(self._evaluate if evaluation else self._measure, scheduled=scheduled.calm),
            self.model,
            (),
            self.finite,
            fixed=(scheduled.calm, evaluation),
        )
        return self.graphs.take(captured, (batch,), step)

    def _measure(self, batches: tuple[Batch], step: int, scheduled: Scheduled) -> Outcome:
        pass_ = Pass(step, "validation", frozen=True, scheduled=scheduled)
        return measure(self.model, batches[0], pass_, self.finite)

    def _evaluate(self, batches: tuple[Batch], step: int, scheduled: Scheduled) -> Outcome:
        pass_ = Pass(step, "validation", frozen=True, scheduled=scheduled)
        with torch.no_grad():
            return passed_over(self.model, batches[0], pass_).outcome().over_all(batches[0].share)

    def gradient(
        self, train: Batch, validation: Batch, step: int, scheduled: Scheduled = STEADY
    ) -> AlphaGradient:
        """The gradient of the validation loss in the alphas, terms left out."""
        method = self.method
        return alpha_gradient(
            self.model,
            train,
            validation,
            method.order,
            unroll=None if method.order == "1" else self.unroll(step),
            r=method.r,
            step=step,
            scheduled=scheduled.calm,
            finite=self.finite,
            with_weights=self.freezing is not None,
        )

    def unroll(self, step: int = 0) -> Unroll:
        """The virtual step of the weights that the alphas look through."""
        weights = self.model.weights()
        return Unroll.of(
            self.weights, weights, clip=self.unrolled, held=self.held, step=step, frozen=self.frozen
        )

    def add_terms(self, gradient: AlphaGradient, moment: Moment) -> dict[str, Tensor]:
        """Make of the loss's gradient that of the loss times the method's factors, plus its other terms, in place;
        gives the values of all of them.

        Of a product with a factor f: f grad L + L grad f. Order 2's difference is along v / |v|, which a factor of L
        leaves as it is, so that this is its gradient too.
        """
        terms = self.method.terms
        values = {name: term(self.model, moment) for name, term in terms.items()}
        if values:
            alphas = self.model.alpha_parameters()
            parts = [value for name, value in values.items() if not isinstance(terms[name], Factor)]
            factors = [value for name, value in values.items() if isinstance(terms[name], Factor)]
            if factors:
                factor = torch.stack(factors).prod()  # ()
                torch._foreach_mul_(gradient.gradients, factor.detach())
                parts.append(factor * gradient.outcome.loss.to(factor.dtype))
            total = torch.stack(parts).sum()  # ()
            added = slopes(total, alphas)  # zeros of a term that is a constant for now
            for name, value in values.items():
                self.finite.require(f"penalty `{name}`", value, no_parameter)
            require_finite(self.model, "gradient of the penalties", alphas, added, self.finite)
            torch._foreach_add_(gradient.gradients, added)
        return {name: value.detach() for name, value in values.items()}


def alpha_step(
    model: SearchModel, optimizer: torch.optim.Optimizer, gradient: AlphaGradient, step: int = 0
) -> None:
    """Hand the gradients to the alphas' optimiser and let it take one step, the one of that number."""
    for alpha, value in zip(model.alpha_parameters(), gradient.gradients, strict=True):
        alpha.grad = value
    advance(optimizer, step)
    optimizer.zero_grad()
