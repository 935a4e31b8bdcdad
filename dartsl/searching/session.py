"""Everything that a search consists of while it runs: it steps, and its whole state is saved and restored.

What images and texts have in common; `image_session` and `text_session` add what an epoch's steps are.
"""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.nn.synchronised import synchronise
from dartsl.run.advice import clipping, finite, narrower, one_of
from dartsl.run.inputs import Inputs
from dartsl.run.kinds import ALPHAS
from dartsl.run.loop import EpochEnd
from dartsl.run.parallel import Group
from dartsl.run.schema import Check, number, record, whole
from dartsl.run.state import TALLY, optimizer, tensors
from dartsl.searching.bilevel import Unroll, alpha_gradient, alpha_step, measure, weight_step
from dartsl.searching.readouts import entropies, readings
from dartsl.step.batches import Batch, Outcome
from dartsl.step.tally import Tally, tallied

Place = TypeVar("Place")  # what stands for a step's training batch
Step = TypeVar("Step", covariant=True)


class Steps(Protocol[Step]):
    """Where an epoch's training batches come from: iterate it for those that are left of the current epoch."""

    @property
    def step(self) -> int: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Step]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class SearchSession(ABC, Generic[Place]):
    """A supernet, its two optimisers, its data, and how far it has come.

    `epoch` counts the epochs that are over, `step` all steps taken. Iterate `batches` for the steps left in
    the epoch and give each to `take_step`. Losses, accuracies and perplexities of both parts are means over the
    epoch's batches as they were met, in training mode (for orders 2 and exact the validation batch meets the
    unrolled weights): measuring costs no pass of its own.
    """

    inputs: Inputs

    measure = (
        "accuracy"  # beside the loss in the history: a property of Tally, and its short name for a display
    )
    short = "acc"

    usual_clip = 5.0  # DARTS's

    def __init__(self, model: Supernet, config: SearchConfig, batches: Steps[Place], group: Group) -> None:
        """Raises UserError for settings that cannot be used together, or with the network."""
        if group.world > 1:
            synchronise(model, model.draws)
        self.config = config
        self.model = model
        self.batches = batches
        _require_usable(model, config)
        self.weights_optimizer = torch.optim.SGD(
            model.weights(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            foreach=True,  # the same numbers in a few operations for all weights, on the CPU too
        )
        self.alphas_optimizer = torch.optim.Adam(
            model.alpha_parameters(),
            lr=config.alphas_lr,
            betas=(config.alphas_betas[0], config.alphas_betas[1]),
            weight_decay=config.alphas_decay,
        )
        self.rate = config.lr
        self.epoch = 0
        self.step = 0
        self.seconds = 0.0
        self.train, self.valid = Tally(), Tally()
        self._before = _Backup(self)

    @property
    def advice(self) -> Mapping[str, str]:
        """What may help where a number is not finite, and where memory is short."""
        config = self.config
        rates = "a lower lr or alphas_lr"
        wider = None if config.dtype == "float64" else "--dtype float64"
        return {
            "finite": finite([rates, clipping(config.clip, self.usual_clip), wider]),
            "memory": one_of(
                [
                    None if config.memory == "low" else "--memory low",
                    "a smaller --batch" if config.batch > 1 else None,
                    narrower(self.model.plan),
                    None if config.order == "1" else "--order 1",
                ]
            ),
        }

    @property
    def vocabulary(self) -> Mapping[str, Any] | None:
        """What `vocabulary.json` is to hold; None for images."""
        return None

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return len(self.batches)

    @property
    def place(self) -> int:
        """Steps of the current epoch that are done, the one in hand included."""
        return self.batches.step

    def left(self) -> Iterator[Place]:
        """The places in the training data of the steps that are left in the epoch."""
        return iter(self.batches)

    @abstractmethod
    def begin_epoch(self) -> None:
        """Set the epoch's learning rate; harmless in mid-epoch."""

    @abstractmethod
    def draw(self, place: Place) -> tuple[Batch, Batch]:
        """A step's training batch, and the validation batch that goes with it."""

    @abstractmethod
    def random_state(self) -> dict[str, Any]:
        """Orders, positions and generators; what is drawn within a pass is keyed by step and batch instead."""

    @abstractmethod
    def random_schema(self) -> dict[str, Check]:
        """What each part of `random_state` must be."""

    @abstractmethod
    def load_random_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `random_state` gave."""

    def unroll(self) -> Unroll:
        """The virtual step of the weights that the alphas look through."""
        return Unroll.of(self.weights_optimizer, self.model.weights())

    def went_on(self, train: Outcome, validation: Outcome) -> None:
        """Called after each step with what its two passes gave."""

    def closing(self, last: Mapping[str, Any]) -> list[str]:
        """What to say after the last epoch, whose row of the history is given: lines."""
        return []

    def set_rate(self, rate: float) -> None:
        """Set the weights' learning rate of the epoch."""
        self.rate = rate
        for group in self.weights_optimizer.param_groups:
            group["lr"] = rate

    def take_step(self, place: Place) -> None:
        """Alphas on a validation batch (not in warm-up), then weights on the training batch of `place`.

        Raises NonFiniteError; `undo` then brings back the state before this step.
        """
        started = time.perf_counter()
        self._before.take()
        train, validation = self.draw(place)
        if self.epoch < self.config.warmup:
            met = measure(self.model, validation, "validation", self.step)
        else:
            gradient = alpha_gradient(
                self.model,
                train,
                validation,
                self.config.order,
                unroll=self.unroll(),
                r=self.config.r,
                step=self.step,
            )
            alpha_step(self.model, self.alphas_optimizer, gradient)
            met = gradient.outcome
        self.valid.add(met)
        trained = weight_step(
            self.model, train, self.weights_optimizer, clip=self.config.clip, step=self.step
        )
        self.train.add(trained)
        self.went_on(trained, met)
        self.step += 1
        self.seconds += time.perf_counter() - started

    def undo(self) -> None:
        """Go back to before the last `take_step`, which failed before the weights were stepped."""
        self._before.restore()

    def end_epoch(self) -> EpochEnd:
        """Count the epoch as done, and give its rows of the history and of the alphas."""
        self.epoch += 1
        row = {
            "epoch": self.epoch,
            "lr": self.rate,
            "train_loss": self.train.mean_loss,
            f"train_{self.measure}": getattr(self.train, self.measure),
            "validation_loss": self.valid.mean_loss,
            f"validation_{self.measure}": getattr(self.valid, self.measure),
            "entropy": self.entropy(),
            "seconds": round(self.seconds, 3),
        }
        self.train, self.valid, self.seconds = Tally(), Tally(), 0.0
        return EpochEnd(row, {ALPHAS: {"epoch": self.epoch, **self.model.architecture()}})

    def alphas(self) -> dict[str, list[list[float]]]:
        """The alphas of each table, row by row, without a short row's spare columns."""
        return self.model.architecture()["alphas"]

    def entropy(self) -> dict[str, float]:
        """The mean entropy of each table's rows of mixing weights, in nats."""
        found = readings(self.config.relaxation, self.model.tables, self.model.architecture())
        rows = {table: entropies(reading.weights) for table, reading in found.items()}
        return {table: sum(values) / len(values) for table, values in rows.items()}

    def figures(self) -> dict[str, float | None]:
        """What a progress display shows."""
        entropy = self.entropy()
        return {
            "loss": self.train.mean_loss,
            self.short: getattr(self.train, self.measure),
            "val loss": self.valid.mean_loss,
            f"val {self.short}": getattr(self.valid, self.measure),
            "entropy": sum(entropy.values()) / len(entropy),
            "lr": self.rate,
        }

    def state_dict(self) -> dict[str, Any]:
        """All that a later session needs to go on bit for bit: tensors, numbers and strings only."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.seconds,
            "train": vars(self.train).copy(),
            "valid": vars(self.valid).copy(),
            "model": dict(self.model.state_dict()),
            "weights_optimizer": self.weights_optimizer.state_dict(),
            "alphas_optimizer": self.alphas_optimizer.state_dict(),
            **self.random_state(),
        }

    def schema(self) -> Check:
        """What a saved state must be."""
        return record(
            {
                "epoch": whole(),
                "step": whole(),
                "seconds": number(0),
                "train": TALLY,
                "valid": TALLY,
                "model": tensors(self.model.state_dict()),
                "weights_optimizer": optimizer(self.weights_optimizer, "momentum_buffer"),
                "alphas_optimizer": optimizer(self.alphas_optimizer, "exp_avg", "exp_avg_sq"),
                **self.random_schema(),
            },
            closed=True,
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state. Raises KeyError, ValueError, TypeError or RuntimeError for a misfit."""
        self.model.load_state_dict(state["model"])
        self.weights_optimizer.load_state_dict(state["weights_optimizer"])
        self.alphas_optimizer.load_state_dict(state["alphas_optimizer"])
        self.epoch, self.step, self.seconds = int(state["epoch"]), int(state["step"]), float(state["seconds"])
        self.load_random_state(state)
        self.train, self.valid = tallied(state["train"]), tallied(state["valid"])


class _Backup:
    """What a step that fails may have changed before it failed: all but the weights and their optimiser.

    Alphas and running statistics are small beside the weights, so a copy per step costs little.
    """

    def __init__(self, session: SearchSession[Any]) -> None:
        self._session = session
        self._groups: list[tuple[list[Tensor], list[Tensor]]] = []
        tensors = [*(a.detach() for a in session.model.alpha_parameters()), *session.model.buffers()]
        for dtype in {tensor.dtype for tensor in tensors}:
            live = [tensor for tensor in tensors if tensor.dtype == dtype]
            self._groups.append((live, [tensor.clone() for tensor in live]))

    def take(self) -> None:
        session = self._session
        for live, saved in self._groups:
            torch._foreach_copy_(saved, live)
        self._optimizer = copy.deepcopy(session.alphas_optimizer.state_dict())
        self._random = session.random_state()
        self._random["batches"]["step"] -= 1  # the batch in hand was not used
        self._valid = copy.copy(session.valid)

    def restore(self) -> None:
        session = self._session
        for live, saved in self._groups:
            torch._foreach_copy_(live, saved)
        session.alphas_optimizer.load_state_dict(self._optimizer)
        session.load_random_state(self._random)
        session.valid = self._valid


def _require_usable(model: Supernet, config: SearchConfig) -> None:
    """Refuse what would only fail, or mean nothing, after the first step."""
    if not model.alpha_parameters():
        raise UserError(
            f"network `{model.plan.network.name}` offers no choice: there is nothing to search",
            help="an edge offers a choice as in `edge c0 -> n0 : skip_connect | sep_conv_3x3`",
        )
    if not model.weights():
        raise UserError(f"network `{model.plan.network.name}` has no weights to train")
    if config.warmup >= config.epochs:
        raise UserError(
            f"warmup {config.warmup} of {config.epochs} epochs leaves none in which alphas are trained",
            help="give more epochs than warmup",
        )
    if max(config.alphas_betas) >= 1:
        raise UserError("alphas_betas are two numbers from 0 to below 1", help="DARTS takes 0.5 and 0.999")
    if config.amp and config.dtype != "float32":
        raise UserError(f"amp computes in bfloat16, which does not go with dtype {config.dtype}", exit_code=2)
