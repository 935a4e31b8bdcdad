"""Everything that a search consists of while it runs: it steps, and its whole state is saved and restored."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dartsl.data import Augment, Batches, ImageData, RandomBatches, load, split_by_index
from dartsl.graph.operations import application
from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import SearchConfig
from dartsl.nn.draws import stream_seed
from dartsl.nn.supernet import Supernet, torch_dtype
from dartsl.search.bilevel import (
    Batch,
    Outcome,
    Unroll,
    alpha_gradient,
    alpha_step,
    learning_rate,
    measure,
    weight_step,
)
from dartsl.search.discretise import entropies, softmax_rows


@dataclass
class Tally:
    """Sums over the batches of an epoch so far: losses weighted by images, right answers, images."""

    loss: float = 0.0
    correct: int = 0
    images: int = 0

    def add(self, outcome: Outcome) -> None:
        self.loss += outcome.loss * outcome.images
        self.correct += outcome.correct
        self.images += outcome.images

    @property
    def mean_loss(self) -> float | None:
        return self.loss / self.images if self.images else None

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.images if self.images else None


def tallied(record: Mapping[str, Any]) -> Tally:
    """A tally from its fields."""
    return Tally(float(record["loss"]), int(record["correct"]), int(record["images"]))


class SearchSession:
    """A supernet, its two optimisers, its data, and how far it has come.

    `epoch` counts the epochs that are over, `step` all steps taken. Iterate `batches` for the steps left in
    the epoch and give each to `take_step`. The training images are split by index; each step draws its
    validation batch anew from all of the other part, as the authors' `next(iter(valid_queue))` does. Losses
    and accuracies of both parts are means over the epoch's batches as they were met, in training mode (for
    orders 2 and exact the validation batch meets the unrolled weights): measuring costs no pass of its own.
    """

    advice: Mapping[str, str] = {
        "finite": "start again with a lower lr or alphas_lr, a lower clip, or dtype float64",
        "memory": "--memory low, a smaller --batch, fewer channels (--set C=...), or --order 1",
    }

    def __init__(self, model: Supernet, config: SearchConfig, data: ImageData) -> None:
        """Raises UserError for data or settings that cannot be used together."""
        self.config = config
        self.model = model
        self.data = data.to(config.device)
        self.augment = Augment.of(
            data, mean=config.mean, std=config.std, crop=config.crop, flip=config.flip, cutout=config.cutout
        )
        ours, theirs = split_by_index(data.train_labels, config.split)
        self.batches = Batches(ours, config.batch, stream_seed(config.seed, "training order"))
        self.validation = RandomBatches(theirs, config.batch, stream_seed(config.seed, "validation order"))
        try:
            self.generator = torch.Generator(config.device)
        except RuntimeError as error:  # `meta`, which torch has but which holds no numbers
            raise UserError(
                f"nothing can be searched on the device `{config.device}`", help="try --device cpu"
            ) from error
        self.generator.manual_seed(stream_seed(config.seed, "augmentation"))
        _require_usable(model, config, len(ours), len(theirs))
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
        self.epoch = 0
        self.step = 0
        self.seconds = 0.0
        self.train, self.valid = Tally(), Tally()
        self._before = _Backup(self)

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return len(self.batches)

    @property
    def place(self) -> int:
        """Steps of the current epoch that are done, the one in hand included."""
        return self.batches.step

    def left(self) -> Iterator[Tensor]:
        """The training batches that are left in the epoch, as indices."""
        return iter(self.batches)

    def begin_epoch(self) -> None:
        """Set the epoch's learning rate; harmless in mid-epoch."""
        config = self.config
        for group in self.weights_optimizer.param_groups:
            group["lr"] = learning_rate(self.epoch, config.epochs, config.lr, config.lr_min)

    def take_step(self, indices: Tensor) -> None:
        """Alphas on a validation batch (not in warm-up), then weights on the training batch of `indices`.

        Raises NonFiniteError; `undo` then brings back the state before this step.
        """
        started = time.perf_counter()
        self._before.take()
        train, validation = self.draw(indices)
        if self.epoch < self.config.warmup:
            self.valid.add(measure(self.model, validation, "validation", self.step))
        else:
            gradient = alpha_gradient(
                self.model,
                train,
                validation,
                self.config.order,
                unroll=Unroll.of(self.weights_optimizer, self.model.weights()),
                r=self.config.r,
                step=self.step,
            )
            alpha_step(self.model, self.alphas_optimizer, gradient)
            self.valid.add(gradient.outcome)
        self.train.add(
            weight_step(self.model, train, self.weights_optimizer, clip=self.config.clip, step=self.step)
        )
        self.step += 1
        self.seconds += time.perf_counter() - started

    def draw(self, indices: Tensor) -> tuple[Batch, Batch]:
        """The training batch of `indices`, and a validation batch drawn for it."""
        return self._batch(indices), self._batch(self.validation.draw())

    def undo(self) -> None:
        """Go back to before the last `take_step`, which failed before the weights were stepped."""
        self._before.restore()

    def end_epoch(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Count the epoch as done, and give its rows of the history and of the alphas."""
        self.epoch += 1
        row = {
            "epoch": self.epoch,
            "lr": float(self.weights_optimizer.param_groups[0]["lr"]),
            "train_loss": self.train.mean_loss,
            "train_accuracy": self.train.accuracy,
            "validation_loss": self.valid.mean_loss,
            "validation_accuracy": self.valid.accuracy,
            "entropy": self.entropy(),
            "seconds": round(self.seconds, 3),
        }
        self.train, self.valid, self.seconds = Tally(), Tally(), 0.0
        return row, {"epoch": self.epoch, "alphas": self.alphas()}

    def alphas(self) -> dict[str, list[list[float]]]:
        """The alphas of each cell, row by row, without a short row's spare columns."""
        return {
            table.cell: [
                row[:size]
                for row, size in zip(self.model.alpha(table.cell).tolist(), table.sizes, strict=True)
            ]
            for table in self.model.tables
        }

    def entropy(self) -> dict[str, float]:
        """The mean entropy of each cell's rows of mixing weights, in nats."""
        rows = {cell: entropies(softmax_rows(table)) for cell, table in self.alphas().items()}
        return {cell: sum(values) / len(values) for cell, values in rows.items()}

    def figures(self) -> dict[str, float | None]:
        """What a progress display shows."""
        entropy = self.entropy()
        return {
            "loss": self.train.mean_loss,
            "acc": self.train.accuracy,
            "val loss": self.valid.mean_loss,
            "val acc": self.valid.accuracy,
            "entropy": sum(entropy.values()) / len(entropy),
            "lr": float(self.weights_optimizer.param_groups[0]["lr"]),
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

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state. Raises KeyError, ValueError, TypeError or RuntimeError for a misfit."""
        self.model.load_state_dict(state["model"])
        self.weights_optimizer.load_state_dict(state["weights_optimizer"])
        self.alphas_optimizer.load_state_dict(state["alphas_optimizer"])
        self.epoch, self.step, self.seconds = int(state["epoch"]), int(state["step"]), float(state["seconds"])
        self.load_random_state(state)
        self.train, self.valid = tallied(state["train"]), tallied(state["valid"])

    def random_state(self) -> dict[str, Any]:
        """Orders and augmentation; what is drawn within a pass is keyed by step and batch instead."""
        return {
            "device": self.generator.device.type,
            "batches": self.batches.state_dict(),
            "validation": self.validation.state_dict(),
            "augmentation": self.generator.get_state(),
        }

    def load_random_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `random_state` gave.

        Another kind of device has other generators: there, augmentation goes on with a stream of its own.
        """
        self.batches.load_state_dict(state["batches"])
        self.validation.load_state_dict(state["validation"])
        if state["device"] == self.generator.device.type:
            self.generator.set_state(state["augmentation"])
        else:
            self.generator.manual_seed(stream_seed(self.config.seed, "augmentation", self.step))

    def _batch(self, indices: Tensor) -> Batch:
        places = indices.to(self.data.train_images.device)
        images = self.data.train_images[places]  # (B, H, W, C), uint8
        dtype = torch_dtype(self.config.dtype)
        return Batch(self.augment(images, self.generator, dtype), self.data.train_labels[places])


class _Backup:
    """What a step that fails may have changed before it failed: all but the weights and their optimiser.

    Alphas and running statistics are small beside the weights, so a copy a step costs little.
    """

    def __init__(self, session: SearchSession) -> None:
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


def data_of(model: Supernet, config: SearchConfig) -> ImageData:
    """The data that the settings name, of the size and classes that the network takes. Raises UserError."""
    image = model.plan.image
    return load(config.data, expect=(image.channels, image.size[0], image.size[1], model.plan.classes))


def _require_usable(model: Supernet, config: SearchConfig, ours: int, theirs: int) -> None:
    """Refuse what would only fail, or mean nothing, after the first step.

    `ours` and `theirs` count the images that train weights and alphas.
    """
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
    smallest = min(ours % config.batch or config.batch, theirs)
    nodes: Sequence[str] = list(model.graph.nodes)
    applications = [application(model.graph, node) for node in nodes]
    single = [op for op in applications if op.kind.endswith("bn") and all(side == 1 for side in op.shape[1:])]
    if smallest == 1 and single:
        raise UserError(
            f"a batch of one image leaves the batch norm in {single[0].layer} a single number to normalise",
            help=f"another --batch or --split: {ours} images train weights, {theirs} alphas, "
            f"in batches of {config.batch}",
        )
