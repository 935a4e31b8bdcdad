"""Which epochs of a search are those of a stage, and what its schedules see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dartsl.lang.settings.stages import FRESH, Stages
from dartsl.lang.settings.values import SearchConfig
from dartsl.searching.terms import Moment


@dataclass(frozen=True)
class Span:
    """The epochs of a stage, from `first` on and before `end`, counted from 0.

    number  of the stage, from 0, of so many
    since   the epoch in which its schedules begin: `first`, or 0 where they run over all stages
    over    how many epochs they run over
    """

    first: int
    end: int
    over: int
    since: int = 0
    number: int = 0
    of: int = 1

    @classmethod
    def whole(cls, epochs: int) -> Span:
        """A search without stages."""
        return cls(0, epochs, epochs)

    def moment(self, epoch: int) -> Moment:
        """What schedules see of an epoch of the run."""
        return Moment(epoch - self.since, self.over)

    @property
    def start(self) -> int:
        """The epoch, as schedules count, in which its warm-up begins."""
        return self.first - self.since


def spans(config: SearchConfig) -> Sequence[Span]:
    """Those of the stages of a search; one, where it has none."""
    if not config.stages:
        return [Span.whole(config.epochs)]
    ends = config.stages.ends(config.epochs)
    places = list(enumerate(pairwise([0, *ends])))
    if config.stages_start == FRESH:
        return [Span(first, end, end - first, first, n, len(ends)) for n, (first, end) in places]
    return [Span(first, end, config.epochs, 0, n, len(ends)) for n, (first, end) in places]


def settings_of(config: SearchConfig, span: Span) -> SearchConfig:
    """The settings of a stage: what it says in place of the search's, and as epochs those that schedules run over."""
    if not config.stages:
        return config
    rate = config.stages.stages[span.number].skip_dropout
    rate = config.skip_dropout if rate is None else rate
    parts = config.stages.partials(config.partial)[span.number]
    return replace(config, epochs=span.over, skip_dropout=rate, partial=parts, stages=Stages())
