"""What the optimising passes gain: times, peak memory and counts of operations, level beside level.

Times are medians of repetitions that take turns in one process, so that what slows the machine slows all. How many
times faster a level is, is the median over rounds of what -O0 took over what the level took in the same round: a
machine that gets slower or faster as rounds go by does not move it. A peak is taken in a process of its own, as what
its resident size grows by. All levels start from the same weights and see the same random images, or random text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.utils._python_dispatch import TorchDispatchMode

from dartsl.lang.settings.methods import MSE
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.ambient import undisturbed
from dartsl.nn.build import Build
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.run.beside import plugins_beside
from dartsl.run.job import Job
from dartsl.searching.bilevel import AlphaGradient
from dartsl.searching.method import Constant, Method
from dartsl.searching.step import SearchStep, alpha_step
from dartsl.searching.terms import Moment
from dartsl.step.autograd import slopes
from dartsl.step.batches import Batch, ImageBatch, random_batches
from dartsl.step.gradients import gradients_of
from dartsl.step.targets import Scale, of_targets

CASES = ("forward_backward", "first", "second", "exact")
LEVELS: Mapping[str, Build] = {
    "O0": Build(level=0),
    "O2": Build(level=2),
    "low": Build(level=2, memory="low"),
}
ORDERS = {"first": "1", "second": "2", "exact": "exact"}
STATUS = Path("/proc/self/status")  # Linux alone has it
SMALL = 2  # images (or rows of text) of the passes that are counted or warm up


@dataclass(frozen=True)
class Trial:
    """A network to measure, on batches of a size: all that a process of its own needs to build it."""

    job: Job
    batch: int
    threads: int = field(default_factory=torch.get_num_threads)

    @property
    def numbers(self) -> bool:
        """Whether the network predicts numbers, and not classes."""
        return self.job.spec.search.get("loss") == MSE

    def stepper(self, level: str) -> Stepper:
        job = self.job
        model = from_plan(job.spec, job.plan(), LEVELS[level], job.plugins or plugins_beside(job.source))
        return Stepper(model, everything=level == "O0", numbers=self.numbers)


@dataclass(frozen=True)
class Row:
    """One case at one level; `faster` than -O0 is the median of the rounds' ratios.

    `peak_bytes` is None where the system does not report it.
    """

    case: str
    level: str
    median_s: float
    faster: float
    peak_bytes: int | None
    ops: int


class Stepper:
    """A supernet with DARTS's optimisers, which takes the steps that are measured: the search's own.

    With `everything` the first-order step takes all gradients in both its passes, and the optimiser weight after
    weight, as the authors' code does. With `numbers` the network predicts these, and not classes.
    """

    def __init__(self, model: Supernet, *, everything: bool, numbers: bool = False) -> None:
        config = SearchConfig()
        self.numbers = numbers
        self.model = model
        self.everything = everything
        method = Method.of(config, Constant(config.lr))
        steps = {case: replace(method, order=order) for case, order in ORDERS.items()}
        first = SearchStep.of(model, steps["first"], config)
        first.finite.at_once = False
        if everything:
            first.weights = torch.optim.SGD(
                model.weights(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
            )
        self.steps = {case: replace(first, method=each) for case, each in steps.items()}

    def run(self, case: str, train: Batch, validation: Batch) -> None:
        """One pass over the training batch with all its gradients, or one whole search step."""
        if case == "forward_backward":
            parameters = [*self.model.alpha_parameters(), *self.model.weights()]
            slopes(train.take(self.model, Pass()).loss, parameters)
        elif case == "first" and self.everything:
            self._first_order_with_all_gradients(train, validation)
        else:
            self.steps[case].take(train, validation, 0, Moment(0, 1))

    def _first_order_with_all_gradients(self, train: Batch, validation: Batch) -> None:
        model, step = self.model, self.steps["first"]
        weights, alphas = model.weights(), model.alpha_parameters()
        both, frozen = [*alphas, *weights], Pass(0, "validation", frozen=True)
        outcome, gradients = gradients_of(model, validation, frozen, both, step.finite)
        alpha_step(model, step.alphas, AlphaGradient(gradients[: len(alphas)], outcome))
        del gradients
        _, gradients = gradients_of(model, train, Pass(), both, step.finite)
        for weight, gradient in zip(weights, gradients[len(alphas) :], strict=True):
            weight.grad = gradient
        clip_grad_norm_(weights, step.clip)
        step.weights.step()
        step.weights.zero_grad()

    def batches(self, size: int) -> tuple[Batch, Batch]:
        """Random normal images and classes (or targets), or random tokens, the same for all levels."""
        like, generator = next(self.model.parameters()), torch.Generator().manual_seed(0)
        train, validation = random_batches(self.model.plan, size, like, generator)
        if self.numbers:
            return self._of_numbers(train, generator), self._of_numbers(validation, generator)
        return train, validation

    def _of_numbers(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch of images with targets (B, T) of mean 0 and deviation 1."""
        assert isinstance(batch, ImageBatch)
        count = self.model.plan.classes
        scale = Scale.of([0.0] * count, [1.0] * count, batch.device)
        targets = torch.randn((batch.size, count), generator=generator).to(scale.mean)
        return batch._replace(labels=targets, objective=of_targets(scale))


class OperationCount(TorchDispatchMode):
    """Counts the aten operations that run within it; views, which move no data, are left out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not func.is_view and func is not torch.ops.aten._unsafe_view.default:
            self.count += 1
        return func(*args, **(kwargs or {}))


@undisturbed()
def bench(
    trial: Trial,
    cases: Sequence[str] = CASES,
    *,
    repeats: int = 3,
    say: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """A row for each case and level. Raises SpecError, UserError for a network that cannot be built.

    A network without a choice has no search steps: only forward_backward is measured.
    """
    steppers = {level: trial.stepper(level) for level in LEVELS}
    if not steppers["O0"].model.alpha_parameters():
        cases = [case for case in cases if case == "forward_backward"]
    say("counting operations")
    ops = {(case, level): _operations(steppers[level], case) for case in cases for level in LEVELS}
    times: dict[tuple[str, str], list[float]] = {key: [] for key in ops}
    for repeat in range(repeats + 1):
        say(f"timing, round {repeat} of {repeats}" if repeat else "warming up")
        for case, level in ops:
            seconds = _seconds(steppers[level], case, trial.batch)
            if repeat:
                times[case, level].append(seconds)
    del steppers
    rows = []
    for case, level in ops:
        say(f"peak memory of {case} at {level}")
        peak = peak_of(trial, case, level)
        taken, plain = times[case, level], times[case, "O0"]
        faster = median(before / after for before, after in zip(plain, taken, strict=True))
        rows.append(Row(case, level, median(taken), faster, peak, ops[case, level]))
    return rows


def _operations(stepper: Stepper, case: str) -> int:
    """Operations of the second run of a case: the first makes momentum buffers and moments."""
    batches = stepper.batches(SMALL)
    stepper.run(case, *batches)
    counted = OperationCount()
    with counted:
        stepper.run(case, *batches)
    return counted.count


def _seconds(stepper: Stepper, case: str, batch: int) -> float:
    batches = stepper.batches(batch)
    started = time.perf_counter()
    stepper.run(case, *batches)
    return time.perf_counter() - started


def peak_of(trial: Trial, case: str, level: str) -> int | None:
    """Bytes by which a process grows in two steps of a case, its network included, its code and base not."""
    if not STATUS.exists():
        return None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak, trial, case, level).result()


def _peak(trial: Trial, case: str, level: str) -> int:
    torch.set_num_threads(trial.threads)
    stepper = trial.stepper(level)
    state = [*stepper.model.parameters(), *stepper.model.buffers()]
    # What is built once a process - kernels, python objects - is not a part of a step's memory; parameters are.
    _warm(stepper.model)
    base = _resident("VmRSS") - sum(tensor.numel() * tensor.element_size() for tensor in state)
    for _ in range(2):  # the second finds the momentum buffers of the first
        stepper.run(case, *stepper.batches(trial.batch))
    return _resident("VmHWM") - base


def _warm(model: Supernet) -> None:
    """Load the libraries for convolutions, without a heap full of holes that the step would fill."""
    image = torch.zeros(SMALL, 4, 8, 8, requires_grad=True)
    kernel = torch.zeros(4, 4, 3, 3, requires_grad=True)
    output: Tensor = F.batch_norm(F.conv2d(image, kernel, padding=1), None, None, training=True)
    output.square().sum().backward()  # type: ignore[no-untyped-call]


def _resident(what: str) -> int:
    """The resident size of this process in bytes: now (VmRSS) or at most so far (VmHWM)."""
    lines = STATUS.read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith(f"{what}:"))
    return int(kibibytes) * 1024
