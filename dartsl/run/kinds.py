"""The kinds of run: all that tells a search's folder from a training's, a record a kind. No torch.

What else lives in `dartsl.run` asks a run's record. A kind more is a record more in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from dartsl.lang.records.inputs import Images, Series, Tokens, Vector
from dartsl.lang.settings.values import SearchConfig, TrainConfig
from dartsl.run.commands import command_line
from dartsl.run.curves import (
    ABSOLUTE,
    ACCURACY,
    CANDIDATES,
    COST,
    CURVATURE,
    ENTROPY,
    FROZEN,
    LOSS,
    PENALTY,
    PERPLEXITY,
    R2,
    RATE,
    SCHEDULE,
    SKIPS,
    SQUARES,
)
from dartsl.run.schema import Check, either, many, maybe, number, one_of, real, record, table, text, whole

ALPHAS = "alphas.jsonl"
FOUND, RESULT = "found.darts", "result.json"


@dataclass(frozen=True)
class RunKind:
    """What is particular to the runs that one command starts.

    name      in `run.json`; `dartsl NAME` starts such runs, and goes on with them by `--resume`
    title     what a run is called
    settings  the dataclass of its settings
    history   what a row of `history.jsonl` must be, by the kind of the network's input
    panels    the learning curves that `dartsl plot` draws
    outcome   the files that are written at the end
    beside    the other files to which each epoch adds a row, and what that must be
    """

    name: str
    title: str
    settings: type[SearchConfig] | type[TrainConfig]
    history: Mapping[str, Check]
    panels: tuple[str, ...]
    outcome: tuple[str, ...]
    beside: Mapping[str, Check]

    def row(self, inputs: str | None) -> Check:
        """What a row of the history must be for such inputs; None: for any (a run of format 1 says nothing)."""
        return either(*self.history.values()) if inputs is None else self.history[inputs]

    def go_on(self, run: object, *options: object) -> str:
        """The command that goes on with a run."""
        return command_line("dartsl", self.name, "--resume", run, *options)


LABELLED = (Images.kind, Series.kind, Vector.kind)  # inputs with a label each
# What is said of a run's last epoch must be there, what is drawn must be numbers.
_EPOCH = {"epoch": whole(1)}
_FIGURE = maybe(real)  # one that there may not be
_OF_SEARCH = {
    "train_loss": _FIGURE,
    "validation_loss": _FIGURE,
    "entropy": table(_FIGURE),
    "penalties": table(_FIGURE),
    "schedules": table(_FIGURE),
    "candidates": table(_FIGURE),
    "stopped": text,
    "found_epoch": whole(1),
    "cost": _FIGURE,
    "curvature": _FIGURE,
    "skips": table(_FIGURE),
    "frozen": _FIGURE,
    "projection": record({"number": whole(1), "of": whole(1)}),
    "selection": record({"drawn": whole(1), "different": whole(1), "number": whole()}),
}
_OF_TRAINING = {"train_loss": _FIGURE}
_IMAGES_VALIDATION = maybe(
    either(
        record({"val_loss": real, "val_acc": real}, {"val_top5": _FIGURE}),
        record({"val_loss": real, "val_r2": _FIGURE, "val_mae": real}),
    )
)
_TEXT_VALIDATION = record({"val_loss": real, "val_ppl": real})

SEARCH = RunKind(
    "search",
    "search",
    SearchConfig,
    history={
        **dict.fromkeys(LABELLED, record(_EPOCH, _OF_SEARCH)),
        Tokens.kind: record(_EPOCH | {"validation_perplexity": real}, _OF_SEARCH),
    },
    panels=(
        LOSS,
        SQUARES,
        ACCURACY,
        R2,
        ABSOLUTE,
        PERPLEXITY,
        ENTROPY,
        PENALTY,
        COST,
        CURVATURE,
        SKIPS,
        FROZEN,
        SCHEDULE,
        CANDIDATES,
    ),
    outcome=(FOUND, "found.dot", "found.svg"),
    beside={
        ALPHAS: record(
            _EPOCH | {"alphas": table(many(many(number())))},
            {"decided": table(many(maybe(whole(-1))))},  # by what follows a search
            others=table(
                many(either(number(), many(number())))
            ),  # what else a relaxation has learnt, by table
        )
    },
)
TRAIN = RunKind(
    "train",
    "training",
    TrainConfig,
    history={
        **dict.fromkeys(LABELLED, record(_EPOCH | {"validation": _IMAGES_VALIDATION}, _OF_TRAINING)),
        Tokens.kind: record(
            _EPOCH | {"averaged": one_of(True, False), "validation": _TEXT_VALIDATION}, _OF_TRAINING
        ),
    },
    panels=(LOSS, SQUARES, ACCURACY, R2, ABSOLUTE, PERPLEXITY, RATE),
    outcome=(RESULT,),
    beside={},
)
KINDS: dict[str, RunKind] = {kind.name: kind for kind in (SEARCH, TRAIN)}


def beside() -> tuple[str, ...]:
    """The files to which the runs of some kind add a row an epoch, beside the history."""
    return _once(kind.beside for kind in KINDS.values())


def outcome() -> tuple[str, ...]:
    """The files that the runs of some kind write at their end."""
    return _once(kind.outcome for kind in KINDS.values())


def _once(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(names)))
