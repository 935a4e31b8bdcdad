"""The session for a network: on images or on text, as its input says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dartsl.data.text import Corpus, text_of
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.supernet import Supernet
from dartsl.run.given import NOTHING, Given, require_none
from dartsl.run.inputs import Inputs
from dartsl.run.loop import Session
from dartsl.run.parallel import ALONE, Group
from dartsl.step.graphs import Graphs
from dartsl.training.data import feed_of
from dartsl.training.feed import Feed
from dartsl.training.measured import Tested
from dartsl.training.session import ImageSession
from dartsl.training.text_session import TextSession

Data = Feed | Corpus


def _named_text(plan: Plan, config: TrainConfig, group: Group, given: Given) -> Corpus:
    require_none(given)
    return text_of(plan, config)


READERS: Mapping[str, Callable[[Plan, TrainConfig, Group, Given], Data]] = {
    **dict.fromkeys(("images", "series", "vectors"), feed_of),
    "text": _named_text,
}  # by the kind of a network's input


class TrainSession(Session, Protocol):
    """What a training needs of its session besides the loop's steps. `name` is the data's."""

    config: TrainConfig
    model: Supernet
    graphs: Graphs
    name: str

    @property
    def inputs(self) -> Inputs:
        """What the network takes and gives, for `run.json`."""

    def test(self) -> Tested | None:
        """The network on the test data, if there are any; to be asked once, when nothing is left to choose."""

    def closing(self, history: Sequence[Mapping[str, Any]]) -> list[str]:
        """What to say after the last epoch, beside parameters and test figures: lines."""


def data_of(plan: Plan, config: TrainConfig, group: Group = ALONE, given: Given = NOTHING) -> Data:
    """The data that are given, or that the settings name, if they fit the network. Raises UserError."""
    return READERS[plan.input.kind](plan, config, group, given)


def data_hash(data: Data) -> str:
    """What a run must find again to go on."""
    return data.fingerprint(test=True) if isinstance(data, Corpus) else data.fingerprint


def session_of(
    model: Supernet, config: TrainConfig, data: Data, group: Group = ALONE, given: Given = NOTHING
) -> TrainSession:
    """A training that begins. Raises UserError for data or settings that cannot be used together."""
    if isinstance(data, Corpus):
        return TextSession(model, config, data, group)
    return ImageSession(model, config, data, group, given)
