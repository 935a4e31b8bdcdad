"""What makes a search the search that it is: relaxation, order, terms, schedule, stop rule, derivation. One value.

The parts are small and combine freely. A setting names each; a new one is registered by its name
(`dartsl.lang.settings.methods`), provided here, and nothing else is touched (see `dartsl/searching/README.md`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from dartsl.lang.settings.methods import ADVERSARIAL, COST, NO_PERTURBATION, SCHEDULED
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.relaxations import RELAXATIONS
from dartsl.searching.cost import cost_term
from dartsl.searching.spans import Span
from dartsl.searching.stops import STOPS, StopRule
from dartsl.searching.terms import TERMS, Moment, Term

TERMS.provide(COST, cost_term)


class Schedule(Protocol):
    """What changes from epoch to epoch; epochs count from 0."""

    def rate(self, epoch: int) -> float:
        """The learning rate of the weights."""

    def learns(self, epoch: int) -> bool:
        """Whether the alphas are trained."""


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `highest` to `lowest` over all epochs; alphas rest for `warmup` of them, from `start` on."""

    epochs: int
    highest: float
    lowest: float
    warmup: int = 0
    start: int = 0

    def rate(self, epoch: int) -> float:
        return learning_rate(epoch, self.epochs, self.highest, self.lowest)

    def learns(self, epoch: int) -> bool:
        return epoch >= self.start + self.warmup


@dataclass(frozen=True)
class Constant:
    """One rate in all epochs; the alphas rest for `warmup` of them, from `start` on."""

    value: float
    warmup: int = 0
    start: int = 0

    def rate(self, epoch: int) -> float:
        return self.value

    def learns(self, epoch: int) -> bool:
        return epoch >= self.start + self.warmup


class Scheduled(Protocol):
    """A number for each epoch, such as a `dartsl.lang.settings.schedules.Schedule`."""

    def at(self, epoch: int, epochs: int) -> float:
        """The number in an epoch, counted from 0, of a run of `epochs`."""


@dataclass(frozen=True)
class Fading:
    """P-DARTS's rate of dropout after skip connections (Chen et al., arXiv 1904.12760, and the authors' code).

    It falls on a line while the alphas rest, and exponentially, from the whole `rate` on, while they learn.
    """

    rate: float
    warmup: int = 0
    start: int = 0
    length: int | None = None  # of the stage that begins with `start`; None: the run's

    def at(self, epoch: int, epochs: int) -> float:
        """The rate in an epoch, counted from 0, of a run of `epochs`."""
        here, length = epoch - self.start, self.length or epochs
        if here < self.warmup:
            return self.rate * (length - here - 1) / length
        return self.rate * math.exp(-0.2 * (here - self.warmup))


@dataclass(frozen=True)
class Method:
    """How a search searches.

    relaxation  the name of what makes mixing weights of alphas (`dartsl.nn.relaxations`)
    scheduled   what changes from epoch to epoch besides, where anything reads it
    order       of the alphas' gradient: 1, 2 or exact; `r` is the length of order 2's finite difference
    weights_first  whether a step of the weights comes before that of the alphas, and not after it
    terms       what is added to the validation loss, or multiplies it, by name
    schedule    the weights' learning rate, and when alphas rest
    epochs      the last one, where `stop` does not end the search before
    derivation  the name of the rule by which cells are made of mixing weights
    ascents     how many steps up the training loss perturb the mixing weights in the weights' step; 0 for none
    alphas_learn  whether the relaxation has alphas that are trained
    """

    relaxation: str
    scheduled: Mapping[str, Scheduled]
    order: str
    r: float
    weights_first: bool
    terms: Mapping[str, Term]
    schedule: Schedule
    epochs: int
    stop: StopRule
    derivation: str
    ascents: int = 0
    alphas_learn: bool = True

    @classmethod
    def of(cls, config: SearchConfig, schedule: Schedule, span: Span | None = None) -> Method:
        """The method that settings name, in a stage of theirs (None: in all epochs).

        Raises UserError for a part that nothing computes.
        """
        stage = Span.whole(config.epochs) if span is None else span
        return cls(
            relaxation=config.relaxation,
            scheduled={
                **{name: getattr(config, name) for name in SCHEDULED.get(config.relaxation, ())},
                **({"epsilon": config.epsilon} if config.perturb != NO_PERTURBATION else {}),
                **({"auxiliary_skip": config.auxiliary_skip_weight} if config.auxiliary_skip else {}),
                **(
                    {
                        "skip_dropout": Fading(
                            config.skip_dropout, config.warmup, stage.start, stage.end - stage.first
                        )
                    }
                    if config.skip_dropout
                    else {}
                ),
            },
            order=config.order,
            r=config.r,
            weights_first=config.steps_first == "weights",
            terms={name: TERMS.of(name)(config) for name in config.penalty},
            schedule=schedule,
            epochs=config.epochs,
            stop=STOPS.of(config.stop)(config),
            derivation=config.derive,
            ascents=config.perturb_steps if config.perturb == ADVERSARIAL else 0,
            alphas_learn=RELAXATIONS.of(config.relaxation).learns,
        )

    def learns(self, epoch: int) -> bool:
        """Whether the alphas are trained in an epoch, counted from 0."""
        return self.alphas_learn and self.schedule.learns(epoch)

    def numbers(self, moment: Moment) -> dict[str, float]:
        """What is scheduled, as it is in an epoch, by the names of `dartsl.nn.passing.Scheduled`."""
        return {name: each.at(moment.epoch, moment.epochs) for name, each in self.scheduled.items()}


def learning_rate(epoch: int, epochs: int, highest: float, lowest: float) -> float:
    """The weights' learning rate in an epoch counted from 0: half a cosine, in closed form."""
    return lowest + 0.5 * (highest - lowest) * (1.0 + math.cos(math.pi * epoch / epochs))
