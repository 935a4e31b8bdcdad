"""Everything that the training of a network on text consists of: it steps, and its state is saved and restored.

Source: Liu, Simonyan and Yang, "DARTS" (arXiv 1806.09055), and the authors' implementation, which follows Merity,
Keskar and Socher, "Regularizing and Optimizing LSTM Language Models" (arXiv 1708.02182).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from dartsl.data.text import Corpus, Window, Windows, cut, in_rows
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.draws import stream_seed
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet
from dartsl.run.advice import clipping, finite, narrower, of_chance, one_of
from dartsl.run.inputs import TextInputs
from dartsl.run.loop import EpochEnd
from dartsl.run.obstacles import obstacles
from dartsl.run.parallel import ALONE, Group
from dartsl.run.resuming import epochs_of
from dartsl.run.schema import Check, either, many, maybe, number, real, record, whole
from dartsl.run.state import TALLY, batches, carries, optimizer, tensors
from dartsl.step.batches import Outcome, TextBatch
from dartsl.step.carried import Carries, gathered, own, require_rows, started, window_of
from dartsl.step.gradients import weight_step
from dartsl.step.graphs import Graphs, Step
from dartsl.step.optimisers import sgd
from dartsl.step.tally import Tally
from dartsl.step.verified import Verified
from dartsl.training.measured import TextMeasured
from dartsl.training.regularisers import Mean
from dartsl.training.text_evaluation import measured_text

VALIDATION_ROWS = 10  # side by side, as the authors evaluate; the test text is read as a single row


class TextSession(Verified[Window]):
    """A decided network, its optimiser, its text, and how far it has come.

    Weights learn on the training text, in windows of varied length; the state is carried on and detached, zeros at the
    start of an epoch. The learning rate is constant, but for its scaling by a window's length. The validation text
    is read after each epoch and decides one thing: from when on weights are averaged (ASGD) and the averaged ones
    evaluated. The weights that count are those of the last epoch. The test text is read once, by `test`.
    Processes share the rows of the training text: each reads its own to the end, and keeps their states.
    """

    def __init__(self, model: Supernet, config: TrainConfig, data: Corpus, group: Group = ALONE) -> None:
        """Raises UserError for a text or settings that cannot be used together."""
        if not model.weights():
            raise UserError(f"network `{model.plan.network.name}` has no weights to train")
        if torch.device(config.device).type == "meta":
            raise UserError(
                f"nothing can be trained on the device `{config.device}`", help="try --device cpu"
            )
        require_rows(model, config.batch)
        super().__init__(config.device)
        self.config = config
        self.model = model
        self.data = data.to(config.device)
        self.name = data.name
        self.inputs = TextInputs(data.level)
        self.share = group.share(config.batch)
        self.train_rows = self.share.own(in_rows(self.data.train, config.batch), 1)  # (rows, B)
        self.valid_rows = in_rows(self.data.valid, _rows(len(data.valid)), "validation")  # (rows, 10 or less)
        self.test_rows = in_rows(self.data.test, 1, "test")  # (rows, 1)
        self.bptt, most = window_of(model, config.bptt)
        seed = stream_seed(config.seed, "windows")
        self.windows = Windows(
            len(self.train_rows), self.bptt, config.short_windows, seed, varied=True, most=most
        )
        self.optimizer = sgd(model.weights(), config.lr, config.momentum, config.weight_decay)
        self.graphs = Graphs.of(config.device, config.graphs, obstacles(model, group, own_code=False))
        self.mean: Mean | None = None
        self.carries: Carries = None
        self.losses: list[float] = []  # on the validation text, after each epoch
        self._state = [*model.parameters(), *model.buffers()]
        self.epoch = 0
        self.number = 0  # of steps taken
        self.tally = Tally(config.device)

    @property
    def advice(self) -> Mapping[str, str]:
        """What may help where a number is not finite, and where memory is short."""
        config = self.config
        return {
            "finite": finite(["a lower lr", clipping(config.clip, 0.25)]),
            "memory": one_of(
                [
                    None if config.memory == "low" else "--memory low",
                    "a smaller --batch" if config.batch > 1 else None,
                    "a smaller --bptt",
                    narrower(self.model.plan),
                ]
            ),
        }

    @property
    def vocabulary(self) -> Mapping[str, Any] | None:
        """The words of the text, in the order of their numbers."""
        return self.data.record()

    @property
    def steps(self) -> int:
        """Steps of the current epoch; another one may have a few more or less."""
        return len(self.windows)

    @property
    def place(self) -> int:
        """Steps of the current epoch that are done, the one in hand included."""
        return self.windows.step

    def begin_epoch(self) -> None:
        """Start from a state of zeros; in mid-epoch, after a sound step, nothing changes."""
        if self.windows.step == 0:
            self.carries = None
        self.keep()

    @property
    def finished(self) -> bool:
        """Whether the last epoch is over."""
        return self.epoch >= self.config.epochs

    def left(self) -> Iterator[Window]:
        """The windows that are left in the epoch."""
        return iter(self.windows)

    def step(self, place: Window) -> None:
        """One step of the weights.

        The authors scale the rate by a window's length as drawn, though the last one of a text may be shorter.
        """
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * place.length / self.bptt
        tokens, targets = cut(self.train_rows, place.start, place.length)  # (T, B) each
        carries = started(self.model, self.carries, self.share)
        batch = TextBatch(tokens, targets, carries, config.ar, config.tar, self.share)
        step = Step(self._take, self.model, self.optimizers, self.finite)
        outcome = self.graphs.take(step, batch, self.number)
        if self.mean is not None:
            self.mean.add()
        self.carries = outcome.carries
        self.tally.add(outcome)
        self.number += 1

    def _take(self, batch: TextBatch, number: int) -> Outcome:
        parts = [(batch, Pass(number, "train"))]
        return weight_step(self.model, parts, self.optimizer, clip=self.config.clip, finite=self.finite)

    @property
    def optimizers(self) -> Sequence[torch.optim.Optimizer]:
        """The one that steps."""
        return (self.optimizer,)

    def tensors(self) -> list[Tensor]:
        """What steps change in place, the optimiser's own apart."""
        means = [] if self.mean is None else list(self.mean.values.values())
        return [*self._state, *means, *self.tally.tensors()]

    def position(self) -> dict[str, Any]:
        """How far the epoch has come."""
        return {
            "step": self.number,
            "count": self.tally.count,
            "averaged_steps": None if self.mean is None else self.mean.steps,
            "windows": self.windows.state_dict(),
            "carries": self.carries,
        }

    def load_position(self, position: Mapping[str, Any]) -> None:
        """Take over what `position` gave."""
        self.number, self.tally.count = position["step"], position["count"]
        if self.mean is not None:
            self.mean.steps = position["averaged_steps"]
        self.windows.load_state_dict(position["windows"])
        self.carries = position["carries"]

    def end_epoch(self) -> EpochEnd:
        """Read the validation text, count the epoch as done. Raises NonFiniteError."""
        self.verify()
        found, mean = self._measured(self.valid_rows), self.mean
        if mean is None and self.config.asgd and worse(self.losses, found.mean, self.config.nonmono):
            mean = Mean(self.model)
        self.epoch += 1  # what may lack memory is done
        self.windows.advance()
        figures = self.tally.read()
        validation = {"val_loss": found.mean, "val_ppl": found.perplexity}
        row = {
            "epoch": self.epoch,
            "lr": self.config.lr,
            "averaged": self.mean is not None,
            "train_loss": figures.mean_loss,
            "train_perplexity": figures.perplexity,
            "validation": validation,
            "seconds": round(self.seconds, 3),
        }
        self.mean = mean
        self.losses.append(found.mean)
        shown = {**self.read(), **{name.replace("_", " "): value for name, value in validation.items()}}
        self.tally.clear()
        self.seconds = 0.0
        return EpochEnd(row, figures=shown)

    def _measured(self, rows: Tensor) -> TextMeasured:
        """The network on a text in rows, with its averaged weights where it has them; each process reads it all."""
        with self.mean.in_place() if self.mean is not None else nullcontext():
            return measured_text(self.model, rows, self.bptt)

    def test(self) -> TextMeasured:
        """The network on the test text; to be asked once, when nothing is left to choose."""
        return self._measured(self.test_rows)

    def closing(self, history: Sequence[Mapping[str, Any]]) -> list[str]:
        """What to say of a training whose history is given, beside parameters and test figures: lines."""
        last = history[-1]
        what = "words" if self.data.level == "word" else "characters"
        first = next((row["epoch"] for row in history if row["averaged"]), None)
        which = "those of the last one" if first is None else f"averaged since the start of epoch {first}"
        validation = last["validation"]
        lines = [
            f"trained on  {len(self.data.train):,} {what}, {epochs_of(last['epoch'])}; the weights are {which}",
            f"validation  perplexity {validation['val_ppl']:.3f}, loss {validation['val_loss']:.4f}",
            *of_chance(validation["val_ppl"], len(self.data.vocabulary), what),
        ]
        source = self.data.source
        if source is not None:
            lines += [
                f"possible    {source.best:.3f}, from the entropy rate of `{self.name}`",
                f"            {source.bigram:.3f} by pairs of letters alone, {source.unigram:.3f} by single ones",
            ]
        return lines

    def read(self) -> dict[str, float | None]:
        """The figures of the epoch so far."""
        found = self.tally.read()
        return {"loss": found.mean_loss, "ppl": found.perplexity, "lr": self.config.lr}

    def state_dict(self) -> dict[str, Any]:
        """All that a later session needs to go on bit for bit. Dropout's masks are keyed by seed and step."""
        return {
            "epoch": self.epoch,
            "step": self.number,
            "seconds": self.seconds,
            "tally": self.tally.record(),
            "model": dict(self.model.state_dict()),
            "average": {} if self.mean is None else dict(self.mean.values),
            "averaged_steps": None if self.mean is None else self.mean.steps,
            "optimizer": self.optimizer.state_dict(),
            "windows": self.windows.state_dict(),
            "carries": gathered(self.share, self.carries),
            "losses": list(self.losses),
        }

    def schema(self) -> Check:
        """What a saved state must be."""
        averages = Mean(self.model).values
        return record(
            {
                "epoch": whole(),
                "step": whole(),
                "seconds": number(0),
                "tally": TALLY,
                "model": tensors(self.model.state_dict()),
                "average": either(tensors({}), tensors(averages)),
                "averaged_steps": maybe(whole()),
                "optimizer": optimizer(self.optimizer, "momentum_buffer"),
                "windows": batches(),
                "carries": carries(self.model.carries(self.config.batch)),
                "losses": many(real),
            },
            closed=True,
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state. Raises KeyError, ValueError, TypeError or RuntimeError for a misfit."""
        self.model.load_state_dict(state["model"])
        steps = state["averaged_steps"]
        self.mean = None if steps is None else Mean(self.model, int(steps))
        if self.mean is not None:
            self.mean.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.windows.load_state_dict(state["windows"])
        self.carries = own(self.share, state["carries"], self.config.device)
        self.losses = [float(loss) for loss in state["losses"]]
        self.epoch, self.number, self.seconds = (
            int(state["epoch"]),
            int(state["step"]),
            float(state["seconds"]),
        )
        self.tally.load(state["tally"])


def worse(earlier: Sequence[float], loss: float, nonmono: int) -> bool:
    """Whether a loss exceeds the least of all earlier epochs' but the last `nonmono`: the authors' rule."""
    before = earlier[: max(len(earlier) - nonmono, 0)]
    return bool(before) and loss > min(before)


def _rows(length: int) -> int:
    """How many rows the validation text is read in: fewer where it is very short."""
    return max(1, min(VALIDATION_ROWS, length // 3))
