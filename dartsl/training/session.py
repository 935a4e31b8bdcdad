"""Everything that the training of a network on images consists of: it steps, and its state is saved and restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import application
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet
from dartsl.run.advice import clipping, finite, narrower, one_of
from dartsl.run.given import NOTHING, Given
from dartsl.run.loop import EpochEnd
from dartsl.run.obstacles import obstacles
from dartsl.run.parallel import ALONE, Group
from dartsl.run.resuming import epochs_of
from dartsl.run.schema import Check, number, record, table, whole
from dartsl.run.state import TALLY, optimizer, tensors
from dartsl.step.batches import ImageBatch, Outcome
from dartsl.step.gradients import weight_step
from dartsl.step.graphs import Graphs, Step
from dartsl.step.optimisers import sgd
from dartsl.step.tally import Tally
from dartsl.step.verified import Verified
from dartsl.training.answers import answers_of, of_figures, of_validation
from dartsl.training.class_weights import loss_of
from dartsl.training.compiling import explained
from dartsl.training.evaluation import autocast
from dartsl.training.feed import Feed
from dartsl.training.measured import Measured
from dartsl.training.network import Objective, TrainedNetwork
from dartsl.training.numbers import NumbersMeasured
from dartsl.training.regularisers import Average, drop_path, learning_rate


class ImageSession(Verified[list[ImageBatch]]):
    """A decided network, its optimiser, its data, and how far it has come.

    `epoch` counts the epochs that are over, `place` the steps of the current one. The best weights are those of the
    last epoch: nothing is chosen by the validation images, which are only measured. The model gives (B, classes)
    logits or, with an auxiliary head, (B, 2 * classes).
    """

    def __init__(
        self,
        model: Supernet,
        config: TrainConfig,
        feed: Feed,
        group: Group = ALONE,
        given: Given = NOTHING,
    ) -> None:
        """Raises UserError for data or settings that cannot be used together. `group` is the feed's."""
        _require_usable(model, config, feed)
        if group.world > 1 and config.compile:
            raise UserError("`compile` is for one process", help="leave --compile out, or torchrun")
        super().__init__(config.device)
        self.config = config
        self.model = model
        self.feed = feed
        self.name = feed.name
        self.inputs = feed.inputs
        self.optimizer = sgd(model.weights(), config.lr, config.momentum, config.weight_decay)
        self.scaler = torch.amp.GradScaler(
            torch.device(config.device).type, enabled=config.amp and config.amp_type == "float16"
        )
        self.average = Average(model, config.ema) if config.ema else None
        self.drop_path = 0.0
        self.network = TrainedNetwork(model, config)
        self.given = given
        self.graphs = Graphs.of(config.device, config.graphs, self._obstacles(group))
        self._answers = answers_of(feed.inputs, config, given)
        loss = loss_of(config, feed, given)
        self._objective = Objective(loss, model.plan.classes, config.auxiliary, self._answers.scale)
        self._state = [*model.parameters(), *model.buffers()]
        self.epoch = 0
        self.place = 0
        self.tally = Tally(config.device, self._answers.targets)

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

    @property
    def finished(self) -> bool:
        """Whether the last epoch is over."""
        return self.epoch >= self.config.epochs

    def begin_epoch(self) -> None:
        """Set the epoch's learning rate and drop-path probability; harmless in mid-epoch, after a sound step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.epoch)
        self.drop_path = drop_path(self.config, self.epoch)
        self.keep()

    def left(self) -> Iterator[list[ImageBatch]]:
        """The batches that are left in the epoch; the one in hand counts as done."""
        for batch in self.feed.train(self.epoch, self.place):
            self.place += 1
            yield batch

    @explained
    def take_step(self, place: list[ImageBatch]) -> None:
        """One step of the weights, on a batch in parts; now and then what `verify` says."""
        super().take_step(place)

    def step(self, place: list[ImageBatch]) -> None:
        number = self.epoch * self.steps + self.place - 1
        step = Step(
            self._take, self.model, self.optimizers, self.finite, self.drop_path > 0, drop_path=self.drop_path
        )
        outcome = self.graphs.take(step, tuple(place), number * self.config.accumulate)
        if self.average is not None:
            self.average.update(number + 1)
        self.tally.add(outcome)

    def _take(self, batch: Sequence[ImageBatch], number: int) -> Outcome:
        """The step on a batch in parts; `number` and those after it key what each part draws."""
        self._begin_loss(batch)
        parts = [
            (part._replace(objective=self._objective), Pass(number + key, "train", drop_path=self.drop_path))
            for key, part in enumerate(batch)
        ]
        scaler = self.scaler if self.scaler.is_enabled() else None
        return weight_step(
            self.network, parts, self.optimizer, clip=self.config.clip, finite=self.finite, scaler=scaler
        )

    def _obstacles(self, group: Group) -> dict[str, bool]:
        """Reasons against CUDA graphs, and whether each holds."""
        return {
            **obstacles(self.model, group, self.given.own_code),
            "float16 scales the loss by what the host reads": self.scaler.is_enabled(),
            "torch.compile has graphs of its own": self.config.compile,
        }

    def _begin_loss(self, parts: Sequence[ImageBatch]) -> None:
        """Give the loss the weight of all labels of a batch, those of other processes too."""
        loss = self._objective.loss
        if loss.weighted:
            mass = torch.stack([loss.mass(part.labels) * float(part.share.counts) for part in parts]).sum()
            parts[0].share.sum_([mass])
            loss.begin(sum(part.share.whole for part in parts), mass)

    @property
    def optimizers(self) -> Sequence[torch.optim.Optimizer]:
        """The one that steps."""
        return (self.optimizer,)

    def tensors(self) -> list[Tensor]:
        """What steps change in place, the optimiser's own apart."""
        averages = [] if self.average is None else list(self.average.values.values())
        return [*self._state, *averages, *self.tally.tensors()]

    def position(self) -> dict[str, Any]:
        """How far the epoch has come."""
        return {"place": self.place, "count": self.tally.count, "scaler": self.scaler.state_dict()}

    def load_position(self, position: Mapping[str, Any]) -> None:
        """Take over what `position` gave."""
        self.place, self.tally.count = position["place"], position["count"]
        self.scaler.load_state_dict(position["scaler"])

    def end_epoch(self) -> EpochEnd:
        """Look at the validation images, count the epoch as done. Raises NonFiniteError."""
        self.verify()
        validation = of_validation(self.measure(self.feed.validation()))
        self.epoch += 1
        found = self.tally.read()
        row = {
            "epoch": self.epoch,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
            "drop_path": self.drop_path,
            "train_loss": found.mean_loss,
            **{f"train_{name}": value for name, value in of_figures(self._answers, found).items()},
            "validation": validation or None,
            "seconds": round(self.seconds, 3),
        }
        short = {f"val_{name}": f"val {said}" for name, said in self._answers.shown.items()}
        named = {short.get(name, name.replace("_", " ")): value for name, value in validation.items()}
        shown = {**self.read(), **named}
        self.tally.clear()
        self.seconds, self.place = 0.0, 0
        return EpochEnd(row, figures=shown)

    def measure(self, batches: Iterator[ImageBatch]) -> Measured | NumbersMeasured | None:
        """The network on some images, with its averaged weights where it has them; None where there are none.

        Of several processes each looks at all of them.
        """
        with self.average.in_place() if self.average is not None else nullcontext():
            return self._answers.measure(self.model, self._logits, batches)

    def test(self) -> Measured | NumbersMeasured | None:
        """The network on the test images; to be asked once, when nothing is left to choose."""
        return self.measure(self.feed.test())

    def closing(self, history: Sequence[Mapping[str, Any]]) -> list[str]:
        """What to say of a training whose history is given, beside parameters and test figures: lines."""
        last = history[-1]
        lines = [
            f"trained on  {self.feed.counts[0]:,} {self.inputs.kind}, {epochs_of(last['epoch'])}; "
            "the weights are those of the last one"
        ]
        if last["validation"]:
            said = self._answers.said(last["validation"])
            lines.append(f"validation  {self.feed.counts[1]:,} {self.inputs.kind}, {said}")
        return lines

    def read(self) -> dict[str, float | None]:
        """The figures of the epoch so far."""
        found = self.tally.read()
        return {
            "loss": found.mean_loss,
            **{self._answers.shown[name]: value for name, value in of_figures(self._answers, found).items()},
            "lr": float(self.optimizer.param_groups[0]["lr"]),
        }

    def state_dict(self) -> dict[str, Any]:
        """All that a later session needs to go on bit for bit. Orders and augmentation are keyed by epoch and step."""
        return {
            "epoch": self.epoch,
            "place": self.place,
            "seconds": self.seconds,
            "tally": self.tally.record(),
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
        self.tally.load(state["tally"])

    def _logits(self, images: Tensor) -> Tensor:
        """(B, classes), without those of an auxiliary head."""
        with autocast(self.config):
            both: Tensor = self.model(images)
        return both[:, : self.model.plan.classes].to(images.dtype)


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
    _require_batch_norm(model, config, feed.counts[0])


def _require_batch_norm(model: Supernet, config: TrainConfig, images: int) -> None:
    """Refuse batches whose parts leave a batch norm too little to normalise; `images` train the weights."""
    norms = [op for node in model.graph if kind_of(op := application(model.graph, node)).has("batch_norm")]
    single = [op for op in norms if all(side == 1 for side in op.shape[1:])]
    whole, example = min(config.batch, images), model.plan.input.example
    parts = min(config.accumulate, whole)
    if norms and parts > 1 and whole // parts == 1:
        raise UserError(
            f"accumulate {config.accumulate} leaves the batch norm in {norms[0].layer} "
            f"a single {example} of the {whole} to normalise, so that it would not learn what evaluation uses",
            help=f"--accumulate {whole // 2} or less" if whole > 3 else "leave --accumulate out",
        )
    rest = images % config.batch or config.batch
    if single and min(size // min(config.accumulate, size) for size in (rest, config.batch)) == 1:
        raise UserError(
            f"a batch of one {example} leaves the batch norm in {single[0].layer} a single number to normalise",
            help=f"another --batch, --accumulate or --validation: {images} {model.plan.input.kind} train the weights",
        )
