"""Everything that a search consists of while it runs: it steps, and its whole state is saved and restored.

What images and texts have in common; `image_session` and `text_session` add what an epoch's steps are. A step itself
stands in `step.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any, Generic

import torch
from torch import Tensor

from dartsl.lang.settings.methods import NEVER
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.passing import Scheduled
from dartsl.nn.supernet import Supernet
from dartsl.run.inputs import Inputs
from dartsl.run.kinds import ALPHAS
from dartsl.run.loop import EpochEnd
from dartsl.run.obstacles import obstacles
from dartsl.run.parallel import Group
from dartsl.run.schema import Check
from dartsl.searching.advice import advice_of
from dartsl.searching.curvature import Curvature
from dartsl.searching.figures import EpochFigures
from dartsl.searching.freezing import Freezing
from dartsl.searching.kept import StageState
from dartsl.searching.method import Method, Schedule
from dartsl.searching.phase import Trial
from dartsl.searching.phases import phase_of
from dartsl.searching.readouts import Reading
from dartsl.searching.rollback import Rollback
from dartsl.searching.saved import saved, schema_of, take_over
from dartsl.searching.spans import Span
from dartsl.searching.standing import Standing
from dartsl.searching.step import SearchStep, Taken
from dartsl.searching.steps import Steps
from dartsl.searching.stops import After, Stop
from dartsl.searching.terms import Moment
from dartsl.searching.usable import require_usable
from dartsl.step.batches import Batch, Outcome
from dartsl.step.gradients import evaluated
from dartsl.step.graphs import Graphs
from dartsl.step.verified import Place, Verified


class SearchSession(Verified[Place | Trial], Generic[Place]):
    """A supernet that takes steps, its data, and how far it has come.

    `epoch` counts the epochs that are over, `number` all steps taken. Losses, accuracies and perplexities of both parts
    are means over the epoch's batches as they were passed over, in training mode (for orders 2 and exact the validation
    batch sees the unrolled weights): measuring costs no pass of its own. Nothing is read back from the device but in
    every tenth step.
    """

    inputs: Inputs
    # What is reported beside the loss: properties of Figures, and their names in a display.
    measures: Mapping[str, str] = MappingProxyType({"accuracy": "acc"})
    targets = 0  # numbers that are predicted, in place of classes
    usual_clip = 5.0  # DARTS's
    metrics: Sequence[str] = ()  # what a user measures besides, on the validation batches
    own_code = False  # whether a loss or metrics are a user's own

    def __init__(
        self,
        model: Supernet,
        config: SearchConfig,
        batches: Steps[Place],
        group: Group,
        schedule: Schedule,
        span: Span | None = None,
    ) -> None:
        """Raises UserError for settings that cannot be used together, or with the network.

        `span` is that of a stage, and `config` has its settings; None: there are no stages.
        """
        require_usable(model, config)
        self.config = config
        self.model = model
        self.batches = batches
        self.span = Span.whole(config.epochs) if span is None else span
        self.stage = StageState(model, span)
        self.method = Method.of(config, schedule, self.span)
        self.stepper = self.make_stepper()
        super().__init__(config.device)
        self.graphs = Graphs.of(config.device, config.graphs, obstacles(model, group, self.own_code))
        self.stepper.graphs = self.graphs
        self.stepper.finite = self.finite
        self.freezing = Freezing(model, config)
        self.stepper.freezing = self.freezing if self.freezing.on else None
        self.rate = config.lr
        self.numbers: Mapping[str, float] = {}  # what else is scheduled, in this epoch
        self.epoch = 0
        self.number = 0
        self.standing = Standing(model, config)
        self.curvature = Curvature.of(config)
        self.rollback = Rollback(model, self.stepper.weights, self.stepper.alphas, config)
        self.following = phase_of(model, config, self.validation_batches)
        self.past: list[After] = []  # those after each epoch, where the stop rule reads them
        self.sums = EpochFigures(config.device, self.measures, self.method.terms, self.metrics, self.targets)
        self._state = [*model.parameters(), *model.buffers()]

    def make_stepper(self) -> SearchStep:
        """What takes the steps."""
        return SearchStep.of(self.model, self.method, self.config)

    @property
    def advice(self) -> Mapping[str, str]:
        """What may help where a number is not finite, and where memory is short."""
        return advice_of(self.config, self.model.plan, self.usual_clip)

    @property
    def vocabulary(self) -> Mapping[str, Any] | None:
        """What `vocabulary.json` is to hold; None for images."""
        return None

    @property
    def steps(self) -> int:
        """Steps of the epoch; networks that are measured are the first ones, or all."""
        return (len(self.batches) if self._trains else 0) + self.following.total

    @property
    def place(self) -> int:
        """Steps of the current epoch that are done, the one in hand included."""
        return self.batches.step + self.following.done

    def left(self) -> Iterator[Place | Trial]:
        """What is still measured in the epoch, and the places in the training data of the steps that are left."""
        yield from self.following.left()
        if self._trains:
            yield from self.batches

    @property
    def _trains(self) -> bool:
        return self.following.trains or not self.following.number(self.epoch)

    @property
    def stopped(self) -> Stop | None:
        """Why the search ended before its last epoch; None where it did not."""
        return None if self.rollback.on else self._fired()

    def _fired(self) -> Stop | None:
        """What the rule says after this epoch, which is not the last one."""
        if not self.past or self.following.searched(self.epoch) >= self.span.end:
            return None
        return self.method.stop(self.past, self.model.plan)

    @property
    def finished(self) -> bool:
        """Whether the last epoch, or that of the stage, is over, or a rule has stopped the search; and what follows."""
        return self._searched and self.following.over(self.epoch)

    @property
    def _searched(self) -> bool:
        return self.epoch >= self.span.end or self.stopped is not None

    @property
    def phase(self) -> str:
        return self.following.phase(self.epoch)

    @property
    def moment(self) -> Moment:
        """Which epoch this is, of how many, as schedules see it; what follows the search is as its last one."""
        return self.span.moment(self.following.like(self.epoch))

    @abstractmethod
    def draw(self, place: Place) -> tuple[Batch, Batch]:
        """A step's training batch, and the validation batch that goes with it."""

    @property
    @abstractmethod
    def validation_batches(self) -> int:
        """Batches of the whole validation part."""

    @abstractmethod
    def validated(self, key: Sequence[int | str], take: Callable[[Batch, int], Outcome]) -> Iterator[Outcome]:
        """What `take` gives of each batch of the whole validation part and its number, shuffled by a key."""

    def went_on(self, taken: Taken) -> None:
        """Called after each step with what it gave."""

    def look_ahead(self) -> None:
        """Called after each step: begin to prepare the batches of the next one, where that runs beside a step."""

    @abstractmethod
    def random_state(self) -> dict[str, Any]:
        """Orders, positions and generators; what is drawn within a pass is keyed by step and batch instead."""

    @abstractmethod
    def random_schema(self) -> dict[str, Check]:
        """What each part of `random_state` must be."""

    @abstractmethod
    def load_random_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `random_state` gave."""

    def closing(self, last: Mapping[str, Any]) -> list[str]:
        """What to say after the last epoch, whose row of the history is given: lines."""
        stop = self.stopped
        ended = self.following.searched(self.epoch)
        lines = [] if stop is None else stop.lines(f"after epoch {ended} of {self.method.epochs}")
        return [*lines, *self.following.closing(last)]

    def begin_epoch(self) -> None:
        """Choose the epoch's learning rate; harmless in mid-epoch, after a step that `verify` found sound."""
        self.rate = self.following.rate(self.config.lr, self.method.schedule.rate(self.moment.epoch))
        self.numbers = {**self.method.numbers(self.moment), **self.rollback.figures()}
        self.keep()

    def step(self, place: Place | Trial) -> None:
        """Alphas on a validation batch (not where they rest), and weights on the training batch of `place`.

        A trial is measured.
        """
        if isinstance(place, Trial):
            key = (self.following.key, self.following.number(self.epoch))
            with evaluated(self.model) if self.following.evaluates else nullcontext():
                found = self.following.measure(place, self.validated(key, self._outcome))
            if found is not None:
                self.sums.show(found)
            return
        train, validation = self.draw(place)
        taken = self.stepper.take(train, validation, self.number, self.moment)
        self.sums.add(taken)
        self.freezing.add(taken.similarity)
        if self.place == self.steps and self.curvature.due(self.epoch):
            scheduled = self.method.numbers(self.moment)
            self.curvature.measure(self.model, validation, self.number, scheduled, self.finite)
        self.went_on(taken)
        self.number += 1
        self.look_ahead()

    def _outcome(self, batch: Batch, index: int) -> Outcome:
        """That of a validation batch, the one of that number; nothing changes."""
        scheduled = Scheduled(**self.numbers)
        return self.stepper.measure(batch, self.number + index, scheduled, self.following.evaluates)

    @property
    def optimizers(self) -> Sequence[torch.optim.Optimizer]:
        """Those that step."""
        return (self.stepper.weights, self.stepper.alphas)

    def tensors(self) -> list[Tensor]:
        """What steps change in place, the optimisers' own apart."""
        return [*self._state, *self.sums.tensors(), *self.freezing.tensors()]

    def position(self) -> dict[str, Any]:
        """How far the search has come within its epoch: numbers, and states of generators."""
        counts = {"counts": self.sums.counts(), "following": self.following.state_dict()}
        found = {"step": self.number, "curvature": self.curvature.value, "compared": self.freezing.count}
        return {**found, **counts, **self.random_state()}

    def load_position(self, position: Mapping[str, Any]) -> None:
        """Take over what `position` gave."""
        self.number = position["step"]
        self.curvature.value = position["curvature"]
        self.freezing.count = position["compared"]
        self.sums.load_counts(position["counts"])
        self.following.load_state_dict(position["following"])
        self.load_random_state(position)

    def end_epoch(self) -> EpochEnd:
        """Count the epoch as done. Raises NonFiniteError."""
        self.verify()
        self.epoch += 1
        self.batches.advance()
        if self.config.stop != NEVER and self.following.ended is None:
            self.past.append(After(self.readings(), self.curvature.value))
        row = {
            "epoch": self.epoch,
            "lr": self.rate,
            **self.sums.row(),
            "entropy": self.standing.entropy(),
            **({"schedules": dict(self.numbers)} if self.numbers else {}),
            "seconds": round(self.seconds, 3),
        }
        row |= {
            **self.standing.cost(),
            **self.curvature.figures(),
            **self.standing.skips(),
            **self.freezing.figures(),
            **self.stage.figures(),
            **self.following.row(self.epoch - 1),
        }
        phase = self.following.phase(self.epoch - 1)
        if not phase and (stop := self.stopped) is not None:
            row |= {"stopped": stop.reason} | ({} if stop.epoch is None else {"found_epoch": stop.epoch})
        figures = self.read()
        self.sums.clear()
        self.curvature.value = None
        self.seconds = 0.0
        beside = {ALPHAS: {"epoch": self.epoch, **self.model.architecture()}}
        said = self._go_back()
        if self.following.enter(self.epoch, self._searched):
            self.stepper.weights.state.clear()  # a fresh optimiser, as the authors take
            self.graphs.forget()
        return EpochEnd(row, beside, figures, said, phase)

    def _go_back(self) -> Sequence[str]:
        """Go back where that takes the place of a stop; lines that say so."""
        self.epoch, said = self.rollback.after(self.epoch, self._fired())
        self.past = self.past[: self.epoch]
        return said

    def alphas(self) -> dict[str, list[list[float]]]:
        """The alphas of each table, row by row, without a short row's spare columns."""
        return self.model.architecture()["alphas"]

    def readings(self) -> dict[str, Reading]:
        """What each table says, as a run's readers have it."""
        return self.standing.readings()

    def between(self) -> dict[str, Any]:
        """What the next stage goes on with of `random_state`, after an epoch."""
        return self.random_state()

    def read(self) -> dict[str, float | None]:
        """The figures of the epoch so far."""
        row, entropy = self.sums.row(), self.standing.entropy()
        return {
            "loss": row["train_loss"],
            **{short: row[f"train_{name}"] for name, short in self.measures.items()},
            "val loss": row["validation_loss"],
            **{f"val {short}": row[f"validation_{name}"] for name, short in self.measures.items()},
            "entropy": sum(entropy.values()) / len(entropy),
            **{f"penalty {name}": value for name, value in row.get("penalties", {}).items()},
            **self.standing.cost(),
            **self.curvature.figures(),
            **self.freezing.figures(),
            **self.numbers,
            "lr": self.rate,
        }

    def state_dict(self) -> dict[str, Any]:
        """All that a later session needs to go on bit for bit: tensors, numbers and strings only."""
        return saved(self)

    def schema(self) -> Check:
        """What a saved state must be."""
        return schema_of(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state. Raises KeyError, ValueError, TypeError or RuntimeError for a misfit."""
        take_over(self, state)
