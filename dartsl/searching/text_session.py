"""A search on text: windows in order, and the states that are carried from one to the next.

Source: Liu, Simonyan and Yang, "DARTS" (arXiv 1806.09055), A.2, and the authors' implementation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from dartsl.data.text import Corpus, Window, Windows, cut, in_rows, load_text
from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import application
from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import SearchConfig, TrainConfig
from dartsl.lang.terms import Plan
from dartsl.nn.draws import stream_seed
from dartsl.nn.share import Share
from dartsl.nn.supernet import Supernet
from dartsl.run.inputs import TextInputs
from dartsl.run.parallel import ALONE, Group
from dartsl.run.schema import Check
from dartsl.run.state import batches, carries
from dartsl.searching.bilevel import Unroll
from dartsl.searching.session import SearchSession
from dartsl.step.batches import Outcome, TextBatch

Carries = tuple[Tensor, ...] | None  # None: zeros
CARRIES = ("carries", "validation_carries")


class TextSession(SearchSession[Window]):
    """A search on text; a step is given by a window of the training text.

    Weights learn on the training text, alphas on the validation text, in windows of `bptt`, whose start follows
    that of the training windows round the validation text. Each has a state of its own, carried on and detached,
    zeros at the start of an epoch. The learning rate is constant, but for its scaling by a window's length.
    Processes share the rows of text: each reads its own to the end, and keeps their states.
    """

    measure = "perplexity"
    short = "ppl"
    usual_clip = 0.25
    batches: Windows

    def __init__(self, model: Supernet, config: SearchConfig, data: Corpus, group: Group = ALONE) -> None:
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
        self.bptt = config.bptt or model.plan.input.length
        self.carries: Carries = None
        self.valid_carries: Carries = None
        self._held = tied_weights(model)
        windows = Windows(
            len(self.train_rows), self.bptt, config.short_windows, stream_seed(config.seed, "windows")
        )
        super().__init__(model, config, windows, group)
        require_rows(model, config.batch)

    @property
    def vocabulary(self) -> Mapping[str, Any] | None:
        """The words of the text, in the order of their numbers."""
        return self.data.record()

    def begin_epoch(self) -> None:
        self.rate = self.config.lr
        if self.batches.step == 0:
            self.carries = self.valid_carries = None

    def draw(self, place: Window) -> tuple[TextBatch, TextBatch]:
        """The window of the training text and that of the validation text; sets the window's learning rate.

        The authors scale the rate by a window's length as drawn, though the last one of a text may be shorter.
        """
        for group in self.weights_optimizer.param_groups:
            group["lr"] = self.rate * place.length / self.bptt
        config = self.config
        learnt = cut(self.train_rows, place.start, place.length)
        train = TextBatch(*learnt, self.carries, config.ar, config.tar, self.share)
        start = place.start % (len(self.valid_rows) - 1)
        looked = cut(self.valid_rows, start, self.bptt)
        return train, TextBatch(*looked, self.valid_carries, share=self.share)

    def unroll(self) -> Unroll:
        weights = self.model.weights()
        return Unroll.of(self.weights_optimizer, weights, clip=self.config.clip, held=self._held)

    def went_on(self, train: Outcome, validation: Outcome) -> None:
        self.carries, self.valid_carries = train.carries, validation.carries

    def random_state(self) -> dict[str, Any]:
        return {
            "batches": self.batches.state_dict(),
            "carries": saved_carries(self.carries),
            "validation_carries": saved_carries(self.valid_carries),
        }

    def random_schema(self) -> dict[str, Check]:
        states = carries(self.model.carries(self.config.batch))
        return {"batches": batches(), "carries": states, "validation_carries": states}

    def load_random_state(self, state: Mapping[str, Any]) -> None:
        self.batches.load_state_dict(state["batches"])
        device = self.config.device
        self.carries = restored_carries(state["carries"], device)
        self.valid_carries = restored_carries(state["validation_carries"], device)

    def state_dict(self) -> dict[str, Any]:
        """The states are those of all rows of the batch, whatever number of processes shares them."""
        state = super().state_dict()
        return {**state, **{name: gathered(self.share, state[name]) for name in CARRIES}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict({**state, **{name: own(self.share, state[name]) for name in CARRIES}})

    def closing(self, last: Mapping[str, Any]) -> list[str]:
        """The perplexity met, and beside it what the text's source allows, where that is known.

        No pass is made for it: it is that of the passes that the alphas were stepped by, so it is said which.
        """
        found = last["validation_perplexity"]
        unrolled = "" if self.config.order == "1" else ", at the unrolled weights"
        lines = [
            f"validation perplexity  {found:.3f}, the mean of the last epoch's passes: in training mode{unrolled}",
            "                       (the alphas learn from this text: train what is found to measure it)",
        ]
        source = self.data.source
        if source is not None:
            lines += [
                f"best possible          {source.best:.3f}, from the entropy rate of `{self.data.name}`",
                f"from letters alone     {source.bigram:.3f} by pairs, {source.unigram:.3f} by single ones",
            ]
        return lines


def saved_carries(carries: Carries) -> list[Tensor] | None:
    """States as a checkpoint holds them."""
    return None if carries is None else list(carries)


def restored_carries(carries: Sequence[Tensor] | None, device: str) -> Carries:
    """What `saved_carries` gave, on a device."""
    return None if carries is None else tuple(carry.to(device) for carry in carries)


def gathered(share: Share, carries: Sequence[Tensor] | None) -> list[Tensor] | None:
    """The states of all rows of a batch, from those of a share's."""
    return None if carries is None else [share.gathered(carry) for carry in carries]


def own(share: Share, carries: Sequence[Tensor] | None) -> list[Tensor] | None:
    """The states of a share's rows, from those of all. Raises ValueError for another number of rows."""
    if carries is None:
        return None
    if any(len(carry) != share.whole for carry in carries):
        raise ValueError(f"states of other than {share.whole} rows")
    return [share.own(carry, 0) for carry in carries]


def text_of(plan: Plan, config: SearchConfig | TrainConfig) -> Corpus:
    """The text that the settings name, with the vocabulary that the network takes. Raises UserError."""
    parameter = plan.network.outputs_parameter
    return load_text(config.data, config.level, expect=plan.classes, parameter=parameter)


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


def require_rows(model: Supernet, batch: int) -> None:
    """Refuse one row of text where a batch norm would have a single number to normalise."""
    kinds = {kind_of(application(model.graph, str(node))) for node in model.graph.nodes}
    if batch == 1 and any(kind.has("batch_norm") for kind in kinds):
        raise UserError(
            "one row of text leaves the batch norms of the cell a single number to normalise",
            help="give --batch 2 or more",
        )
