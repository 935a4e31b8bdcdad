"""Everything that the training of a network on images consists of: it steps, and its state is saved and restored."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import application
from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import TrainConfig
from dartsl.nn.draws import seed_of, seed_torch
from dartsl.nn.share import WHOLE, Share
from dartsl.nn.supernet import Supernet, torch_dtype
from dartsl.nn.synchronised import synchronise
from dartsl.run.advice import clipping, finite, narrower, one_of
from dartsl.run.loop import EpochEnd
from dartsl.run.parallel import ALONE, Group
from dartsl.run.schema import Check, number, record, table, whole
from dartsl.run.state import TALLY, optimizer, tensors
from dartsl.step.batches import Outcome
from dartsl.step.finite import NonFiniteError
from dartsl.step.gradients import largest_gradient, require_finite
from dartsl.step.tally import Tally, tallied
from dartsl.training.class_weights import Loss, balanced_weights
from dartsl.training.compiling import draw_ahead, explained
from dartsl.training.evaluation import Measured, autocast, measured
from dartsl.training.feed import Batch, Feed
from dartsl.training.regularisers import Average, drop_path, learning_rate

COMPILER = "inductor"  # torch.compile's backend


class ImageSession:
    """A decided network, its optimiser, its data, and how far it has come.

    `epoch` counts the epochs that are over, `place` the steps of the current one. The best weights are those of the
    last epoch: nothing is chosen by the validation images, which are only measured. The model gives (B, classes)
    logits or, with an auxiliary head, (B, 2 * classes).
    """

    def __init__(self, model: Supernet, config: TrainConfig, feed: Feed, group: Group = ALONE) -> None:
        """Raises UserError for data or settings that cannot be used together. `group` is the feed's."""
        _require_usable(model, config, feed)
        if group.world > 1:
            if config.compile:
                raise UserError("`compile` is for one process", help="leave --compile out, or torchrun")
            synchronise(model, model.draws)
        self.config = config
        self.model = model
        self.feed = feed
        self.name = feed.name
        self.inputs = feed.inputs
        self.optimizer = torch.optim.SGD(
            model.weights(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            foreach=True,  # the same numbers in a few operations for all weights, on the CPU too
        )
        self.scaler = torch.amp.GradScaler(
            torch.device(config.device).type, enabled=config.amp and config.amp_type == "float16"
        )
        self.average = Average(model, config.ema) if config.ema else None
        self._loss = Loss(config.label_smoothing, _class_weights(config, feed))
        self._network: Any = torch.compile(model, backend=COMPILER) if config.compile else model
        self._buffers = list(model.buffers())
        self._before = [buffer.clone() for buffer in self._buffers]
        self.epoch = 0
        self.place = 0
        self.seconds = 0.0
        self.tally = Tally()

    @property
    def advice(self) -> Mapping[str, str]:
        """What may help where a number is not finite, and where memory is short."""
        config = self.config
        return {
            "finite": finite(
                [
                    "a lower lr",
                    clipping(config.clip, 5.0),
                    None if config.warmup else "some --warmup",
                    "--no-amp" if config.amp else None,
                ]
            ),
            "memory": one_of(
                [
                    f"--accumulate {2 * config.accumulate}",
                    None if config.memory == "low" else "--memory low",
                    "a smaller --batch" if config.batch > 1 else None,
                    None if config.amp or config.dtype != "float32" else "--amp",
                    narrower(self.model.plan),
                ]
            ),
        }

    @property
    def vocabulary(self) -> Mapping[str, Any] | None:
        """What `vocabulary.json` is to hold; None for images."""
        return None

    @property
    def steps(self) -> int:
        """Steps per epoch; the last one may be smaller."""
        return -(-self.feed.counts[0] // self.config.batch)

    def begin_epoch(self) -> None:
        """Set the epoch's learning rate and drop-path probability."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.epoch)
        self.model.draws.drop_path = drop_path(self.config, self.epoch)

    def left(self) -> Iterator[Batch]:
        """The batches that are left in the epoch; the one in hand counts as done."""
        for batch in self.feed.train(self.epoch, self.place):
            self.place += 1
            yield batch

    @explained
    def take_step(self, batch: Batch) -> None:
        """One step of the weights. Raises NonFiniteError before any weight is touched; `undo` mends the rest."""
        started = time.perf_counter()
        config, number = self.config, self.epoch * self.steps + self.place - 1
        if self._buffers:  # torch takes no empty list
            torch._foreach_copy_(self._before, self._buffers)
        self.optimizer.zero_grad()
        draws, whole = self.model.draws, sum(share.whole for share in batch.shares)
        loss, correct = 0.0, 0
        self._begin_loss(batch, whole)
        for place, (share, part) in enumerate(_parts(batch)):
            draws.share = share
            seed = draws.at(number * config.accumulate + place, "train")
            seed_torch(seed_of(share, seed), part.images.device)
            portion = share.whole / whole
            part_loss, total, right = self._losses(part)
            self.scaler.scale(share.weighed(total * portion)).backward()  # type: ignore[no-untyped-call]
            found = Outcome(float(part_loss.detach()), right, len(part.labels)).over_all(share)
            loss += found.loss * portion
            correct += found.correct or 0
        batch.shares[0].sum_([weight.grad for weight in self.model.weights() if weight.grad is not None])
        self._apply(loss)
        if self.average is not None:
            self.average.update(number + 1)
        self.tally.add(Outcome(loss, correct, whole))
        self.seconds += time.perf_counter() - started

    def _begin_loss(self, batch: Batch, whole: int) -> None:
        """Give the loss the weight of all labels of a batch, those of other processes too."""
        if self._loss.weighted:
            own = sum(self._loss.mass(part.labels) for share, part in _parts(batch) if share.counts)
            self._loss.begin(whole, batch.shares[0].figures(own)[0])

    def _losses(self, part: Batch) -> tuple[Tensor, Tensor, int]:
        """The network's loss, the one that is minimised (with the auxiliary head's), and the right answers."""
        if self.config.compile:
            draw_ahead(self.model, part.images)
        with autocast(self.config):
            both = self._network(part.images)  # (B, classes) or (B, 2 * classes)
        logits, *others = both.to(part.images.dtype).split(self.model.plan.classes, dim=1)
        loss = self._loss(logits, part.labels)
        total = loss
        for other in others:
            total = total + self.config.auxiliary * self._loss(other, part.labels)
        return loss, total, int((logits.detach().argmax(dim=1) == part.labels).sum())

    def _apply(self, loss: float) -> None:
        """Check and clip the gradients, and step."""
        self.scaler.unscale_(self.optimizer)
        fed = [weight for weight in self.model.weights() if weight.grad is not None]
        gradients = [weight.grad for weight in fed if weight.grad is not None]
        if not math.isfinite(loss):
            raise NonFiniteError("training loss", *largest_gradient(self.model, fed, gradients))
        if not self.scaler.is_enabled():  # it passes over such a step, and lowers its scale
            require_finite(self.model, "weights' gradient", fed, gradients)
        if self.config.clip > 0:
            clip_grad_norm_(fed, self.config.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()

    def undo(self) -> None:
        """Go back to before the last `take_step`, which failed before the weights were stepped."""
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._before)
        self.optimizer.zero_grad()
        self.place -= 1

    def end_epoch(self) -> EpochEnd:
        """Look at the validation images, count the epoch as done, and give its row of the history."""
        watched = _watched(self.measure(self.feed.watched()))
        self.epoch += 1
        row = {
            "epoch": self.epoch,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
            "drop_path": self.model.draws.drop_path,
            "train_loss": self.tally.mean_loss,
            "train_accuracy": self.tally.accuracy,
            "watched": watched or None,
            "seconds": round(self.seconds, 3),
        }
        self.tally, self.seconds, self.place = Tally(), 0.0, 0
        return EpochEnd(row, figures={name.replace("_", " "): value for name, value in watched.items()})

    def measure(self, batches: Iterator[Batch]) -> Measured | None:
        """The network on some images, with its averaged weights where it has them; None where there are none.

        Of several processes each looks at all of them.
        """
        self.model.draws.share = WHOLE
        with self.average.in_place() if self.average is not None else nullcontext():
            return measured(self.model, self._logits, batches)

    def test(self) -> Measured | None:
        """The network on the test images; to be asked once, when nothing is left to choose."""
        return self.measure(self.feed.test())

    def closing(self, history: Sequence[Mapping[str, Any]]) -> list[str]:
        """What to say of a training whose history is given, beside parameters and test figures: lines."""
        last = history[-1]
        lines = [
            f"trained on  {self.feed.counts[0]:,} images, {last['epoch']} epochs; the weights are those of the last one"
        ]
        if last["watched"]:
            error = 100 * (1 - last["watched"]["val_acc"])
            lines.append(f"validation  {self.feed.counts[1]:,} images, error {error:.2f} %")
        return lines

    def figures(self) -> dict[str, float | None]:
        """What a progress display shows."""
        return {
            "loss": self.tally.mean_loss,
            "acc": self.tally.accuracy,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
        }

    def state_dict(self) -> dict[str, Any]:
        """All that a later session needs to go on bit for bit. Orders and augmentation are keyed by epoch and step."""
        return {
            "epoch": self.epoch,
            "place": self.place,
            "seconds": self.seconds,
            "tally": vars(self.tally).copy(),
            "model": dict(self.model.state_dict()),
            "average": {} if self.average is None else dict(self.average.values),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def schema(self) -> Check:
        """What a saved state must be."""
        return record(
            {
                "epoch": whole(),
                "place": whole(),
                "seconds": number(0),
                "tally": TALLY,
                "model": tensors(self.model.state_dict()),
                "average": tensors({} if self.average is None else self.average.values),
                "optimizer": optimizer(self.optimizer, "momentum_buffer"),
                "scaler": table(number(0)),
            },
            closed=True,
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state. Raises KeyError, ValueError, TypeError or RuntimeError for a misfit."""
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.place, self.seconds = (
            int(state["epoch"]),
            int(state["place"]),
            float(state["seconds"]),
        )
        self.tally = tallied(state["tally"])

    def _logits(self, images: Tensor) -> Tensor:
        """(B, classes), without those of an auxiliary head."""
        with autocast(self.config):
            both: Tensor = self.model(images)
        return both[:, : self.model.plan.classes].to(images.dtype)


def _class_weights(config: TrainConfig, feed: Feed) -> Tensor | None:
    """(classes,), on the device; None where all classes count the same. Raises UserError."""
    if config.class_weights == "none":
        return None
    weights = balanced_weights(feed.labels, feed.inputs.classes)
    return weights.to(config.device, torch_dtype(config.dtype))


def _parts(batch: Batch) -> Iterator[tuple[Share, Batch]]:
    """A batch in the parts in which it is taken."""
    sizes = [share.size for share in batch.shares]
    split = zip(batch.shares, torch.split(batch.images, sizes), torch.split(batch.labels, sizes), strict=True)
    for share, images, labels in split:
        yield share, Batch(images, labels)


def _watched(found: Measured | None) -> dict[str, float | None]:
    if found is None:
        return {}
    top5 = None if found.top5 is None else 1 - found.top5.error
    return {"val_loss": found.loss, "val_acc": found.accuracy, "val_top5": top5}


def _require_usable(model: Supernet, config: TrainConfig, feed: Feed) -> None:
    """Refuse what would only fail, or mean nothing, after the first step."""
    if not model.weights():
        raise UserError(f"network `{model.plan.network.name}` has no weights to train")
    if config.warmup >= config.epochs and config.warmup:
        raise UserError(
            f"warmup {config.warmup} of {config.epochs} epochs leaves none at the full rate",
            help="give more epochs than warmup",
        )
    device = torch.device(config.device).type
    if device == "meta":
        raise UserError(f"nothing can be trained on the device `{config.device}`", help="try --device cpu")
    if config.amp and config.dtype != "float32":
        raise UserError(f"amp does not go with dtype {config.dtype}", exit_code=2)
    if config.amp and config.amp_type == "float16" and device == "cpu":
        raise UserError(
            "float16 needs a GPU", help="--amp-type bfloat16, which every device has", exit_code=2
        )
    if config.drop_path == 1 or config.ema == 1:
        name = "drop_path" if config.drop_path == 1 else "ema"
        raise UserError(f"{name} 1 leaves nothing to train", help=f"give a {name} below 1")
    rest = feed.counts[0] % config.batch or config.batch
    smallest = min(
        size for batch in (rest, config.batch) for size in (batch // min(config.accumulate, batch),)
    )
    applied = [application(model.graph, node) for node in model.graph]
    single = [
        op for op in applied if kind_of(op).has("batch_norm") and all(side == 1 for side in op.shape[1:])
    ]
    if smallest == 1 and single:
        raise UserError(
            f"a batch of one image leaves the batch norm in {single[0].layer} a single number to normalise",
            help=f"another --batch, --accumulate or --validation: {feed.counts[0]} images train the weights",
        )
