"""A search on text: windows in order, and the states that are carried from one to the next.

Source: Liu, Simonyan and Yang, "DARTS" (arXiv 1806.09055), A.2, and the authors' implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from dartsl.data.text import Corpus, Window, Windows, cut, in_rows
from dartsl.graph.operations import application
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.draws import stream_seed
from dartsl.nn.supernet import Supernet
from dartsl.run.advice import of_chance
from dartsl.run.inputs import TextInputs
from dartsl.run.parallel import ALONE, Group
from dartsl.run.schema import Check
from dartsl.run.state import batches, carries
from dartsl.searching.method import Constant
from dartsl.searching.session import SearchSession
from dartsl.searching.spans import Span
from dartsl.searching.step import SearchStep, Taken
from dartsl.step.batches import Batch, Outcome, TextBatch
from dartsl.step.carried import Carries, gathered, own, require_rows, started, window_of


class TextSession(SearchSession[Window]):
    """A search on text; a step is given by a window of the training text.

    Weights learn on the training text, alphas on the validation text, in windows of `bptt`, whose start follows
    that of the training windows round the validation text. Each has a state of its own, carried on and detached,
    zeros at the start of an epoch. The learning rate is constant, but for its scaling by a window's length.
    Processes share the rows of text: each reads its own to the end, and keeps their states.
    """

    measures: Mapping[str, str] = MappingProxyType({"perplexity": "ppl"})
    usual_clip = 0.25
    batches: Windows

    def __init__(
        self,
        model: Supernet,
        config: SearchConfig,
        data: Corpus,
        group: Group = ALONE,
        span: Span | None = None,
    ) -> None:
        """Raises UserError for a text or settings that cannot be used together."""
        if torch.device(config.device).type == "meta":
            raise UserError(
                f"nothing can be searched on the device `{config.device}`", help="try --device cpu"
            )
        self.data = data.to(config.device)
        self.inputs = TextInputs(data.level)
        self.share = group.share(config.batch)
        self.train_rows = self.share.own(in_rows(self.data.train, config.batch), 1)  # (rows, B)
        self.valid_rows = self.share.own(in_rows(self.data.valid, config.batch, "validation"), 1)  # (rows, B)
        self.bptt, _ = window_of(model, config.bptt)
        self.carries: Carries = None
        self.valid_carries: Carries = None
        windows = Windows(
            len(self.train_rows), self.bptt, config.short_windows, stream_seed(config.seed, "windows")
        )
        schedule = Constant(config.lr, config.warmup, 0 if span is None else span.start)
        super().__init__(model, config, windows, group, schedule, span)
        require_rows(model, config.batch)

    @property
    def vocabulary(self) -> Mapping[str, Any] | None:
        """The words of the text, in the order of their numbers."""
        return self.data.record()

    def begin_epoch(self) -> None:
        if self.batches.step == 0:
            self.carries = self.valid_carries = None
        super().begin_epoch()

    def draw(self, place: Window) -> tuple[TextBatch, TextBatch]:
        """The window of the training text and that of the validation text; sets the window's learning rate.

        The authors scale the rate by a window's length as drawn, though the last one of a text may be shorter.
        """
        for group in self.stepper.weights.param_groups:
            group["lr"] = self.rate * place.length / self.bptt
        config = self.config
        learnt = cut(self.train_rows, place.start, place.length)
        train = TextBatch(
            *learnt, started(self.model, self.carries, self.share), config.ar, config.tar, self.share
        )
        start = place.start % (len(self.valid_rows) - 1)
        looked = cut(self.valid_rows, start, self.bptt)
        carries = started(self.model, self.valid_carries, self.share)
        return train, TextBatch(*looked, carries, share=self.share)

    @property
    def validation_batches(self) -> int:
        return len(range(0, len(self.valid_rows) - 1, self.bptt))

    def validated(self, key: Sequence[int | str], take: Callable[[Batch, int], Outcome]) -> Iterator[Outcome]:
        """In windows of `bptt`, from the start to the end, the states carried on; nothing is shuffled."""
        carries: Carries = None
        for index, start in enumerate(range(0, len(self.valid_rows) - 1, self.bptt)):
            window = cut(self.valid_rows, start, self.bptt)
            outcome = take(
                TextBatch(*window, started(self.model, carries, self.share), share=self.share), index
            )
            carries = outcome.carries
            yield outcome

    def make_stepper(self) -> SearchStep:
        held = tied_weights(self.model)
        return SearchStep.of(self.model, self.method, self.config, unrolled=self.config.clip, held=held)

    def went_on(self, taken: Taken) -> None:
        self.carries, self.valid_carries = taken.train.carries, taken.validation.carries

    def random_state(self) -> dict[str, Any]:
        """The carried states are those of all rows of the batch, whatever number of processes shares them."""
        return {
            "batches": self.batches.state_dict(),
            "carries": gathered(self.share, self.carries),
            "validation_carries": gathered(self.share, self.valid_carries),
        }

    def between(self) -> dict[str, Any]:
        """Without states: each epoch begins with zeros, and a state has the width of its network."""
        return {**self.random_state(), "carries": None, "validation_carries": None}

    def random_schema(self) -> dict[str, Check]:
        states = carries(self.model.carries(self.config.batch))
        return {"batches": batches(), "carries": states, "validation_carries": states}

    def load_random_state(self, state: Mapping[str, Any]) -> None:
        self.batches.load_state_dict(state["batches"])
        self.carries = own(self.share, state["carries"], self.config.device)
        self.valid_carries = own(self.share, state["validation_carries"], self.config.device)

    def closing(self, last: Mapping[str, Any]) -> list[str]:
        """The perplexity met, and beside it what the text's source allows, where that is known.

        No pass is made for it: it is that of the passes that the alphas were stepped by, so it is said which.
        """
        found = last["validation_perplexity"]
        unrolled = "" if self.config.order == "1" else ", at the unrolled weights"
        how = f"the mean of the last epoch's passes: in training mode{unrolled}"
        if not self.following.trains:
            how = "of what was selected, with the shared weights: in evaluation mode"
        lines = [
            *super().closing(last),
            f"validation perplexity  {found:.3f}, {how}",
            "                       (the alphas learn from this text: train what is found to measure it)",
            *of_chance(
                found, len(self.data.vocabulary), "words" if self.data.level == "word" else "characters"
            ),
        ]
        source = self.data.source
        if source is not None:
            lines += [
                f"best possible          {source.best:.3f}, from the entropy rate of `{self.data.name}`",
                f"from letters alone     {source.bigram:.3f} by pairs, {source.unigram:.3f} by single ones",
            ]
        return lines


def tied_weights(model: Supernet) -> list[Tensor]:
    """The weights that two kinds of application share: an embedding that is the head's matrix too."""
    users: dict[str, set[str]] = {}
    for node in model.graph.nodes:
        used = application(model.graph, str(node))
        for state in used.state:
            users.setdefault(state, set()).add(used.kind)
    tied = {f"network.{state}." for state, kinds in users.items() if len(kinds) > 1}
    return [
        parameter
        for name, parameter in model.named_parameters()
        if any(name.startswith(prefix) for prefix in tied)
    ]
