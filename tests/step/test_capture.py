"""What is captured and what is not: a reason is said once, and numbers are those of steps taken as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dartsl.nn.ahead import Ahead, Stock
from dartsl.nn.draws import Draws
from dartsl.nn.passing import Pass
from dartsl.step import graphs as graphs_of
from dartsl.step.capture import Probe, end_allocation
from dartsl.step.finite import Finite
from dartsl.step.graphs import WARM, Graphs, Step
from dartsl.step.optimisers import SGD, advance, sgd
from tests.step.recorder import Recorder

Body = Callable[[Tensor, Any], Tensor]


class Run:
    """Steps of one weight matrix by a body that makes a loss of outputs and the step's number."""

    def __init__(self, body: Body, optimizer: type[torch.optim.SGD] = SGD) -> None:
        self.model = nn.Linear(3, 2)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
        self.body = body
        self.optimizer = optimizer(self.model.parameters(), lr=0.1, momentum=0.9, foreach=True)
        self.finite = Finite(at_once=False)
        self.graphs = Graphs()
        self.recorder = Recorder(self.graphs, self.static)
        self.said: list[str] = []
        self.graphs.say = self.said.append
        self.fixed: Any = None

    def static(self) -> Iterator[Tensor]:
        yield from self.model.parameters()
        yield from self.optimizer.factors.tensors() if isinstance(self.optimizer, SGD) else ()
        yield from (state["momentum_buffer"] for state in self.optimizer.state.values())

    def captured(self) -> Run:
        self.graphs.backend = self.recorder
        return self

    def take(self, images: Tensor, number: Any) -> Tensor:
        loss = self.body(self.model(images), number)
        loss.backward()  # type: ignore[no-untyped-call]
        advance(self.optimizer, number)
        self.optimizer.zero_grad()
        self.finite.require("loss", loss, lambda: ("", 0.0))
        return loss.detach()

    def steps(self, count: int, size: int = 4) -> list[Tensor]:
        step = Step(self.take, self.model, (self.optimizer,), self.finite, self.fixed)
        generator = torch.Generator().manual_seed(size)
        batches = [torch.randn(size, 3, generator=generator) for _ in range(count)]
        return [self.graphs.take(step, batch, number) for number, batch in enumerate(batches)]


def mean(output: Tensor, number: Any) -> Tensor:
    return output.square().mean()


def noisy(output: Tensor, number: Any) -> Tensor:
    noise = Draws(0).normal(Pass(number), "noise", (len(output), 2), output)
    kept = Draws(0).kept(Pass(number, "validation"), "mask", (len(output), 2), 0.5, output)
    return (output * kept + noise).square().mean()


def once(body: Body, at: int) -> Body:
    """A body that raises in its call of that number, from 1, and in no other."""
    calls = []

    def wrapped(output: Tensor, number: Any) -> Tensor:
        calls.append(number)
        if len(calls) == at:
            try:
                raise RuntimeError("no such thing\nin a capture")
            finally:
                int("the capture has failed")  # as torch's end of a capture raises, too
        return body(output, number)

    return wrapped


def equal(one: Run, other: Run) -> bool:
    pairs = zip(one.static(), other.static(), strict=False)
    return all(torch.equal(a, b) for a, b in pairs if a.shape == b.shape and a.dim())


@pytest.mark.parametrize("body", [mean, noisy])
def test_the_first_three_steps_are_taken_and_the_rest_replayed(body: Body) -> None:
    run, plain = Run(body).captured(), Run(body)
    losses, expected = run.steps(8), plain.steps(8)
    assert (run.recorder.captures, run.recorder.replays) == (1, 8 - WARM)
    assert losses == expected  # numbers, and each loss a tensor of its own
    assert equal(run, plain)
    assert run.said == []


def test_a_rate_that_changes_is_that_of_the_replay() -> None:
    run, plain = Run(mean).captured(), Run(mean)
    for each in (run, plain):
        each.steps(5)
        each.optimizer.param_groups[0]["lr"] = 0.03
        each.steps(5)
    assert run.recorder.captures == 1
    assert equal(run, plain)


REASONS: dict[str, tuple[Body, str]] = {
    "number": (lambda output, number: output.mean() * float(output.detach().sum()), "reads a number"),
    "size": (lambda output, number: output[output > 0].sum(), "size of a tensor depends on numbers"),
    "draw": (lambda output, number: (output * torch.rand_like(output)).mean(), "random numbers"),
    "step": (lambda output, number: output.mean() * (int(number) + 1), "the number of a step is asked for"),
    "seed": (lambda output, number: output.mean() * len(f"{number}"), "the number of a step is asked for"),
    "compared": (lambda output, number: output.mean() * (number < 5), "the number of a step is asked for"),
    "equal": (lambda output, number: output.mean() * (number == 5), "the number of a step is asked for"),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_captured_is_taken_as_it_is(name: str) -> None:
    body, reason = REASONS[name]
    run, plain = Run(body).captured(), Run(body)
    torch.manual_seed(0)
    losses = run.steps(6)
    torch.manual_seed(0)
    assert losses == plain.steps(6)
    assert equal(run, plain)
    assert run.recorder.captures == 0
    assert len(run.said) == 1
    assert reason in run.said[0]
    assert run.said[0].startswith("no CUDA graphs, every step is taken as it is: ")


def test_a_tensor_of_another_device_is_a_reason() -> None:
    number, several = torch.ones(()), torch.ones(2)
    acts: tuple[tuple[Callable[[], Tensor], bool], ...] = (
        (lambda: number + 1, False),  # kernels take it as a number
        (lambda: number.to(torch.float64), True),
        (lambda: several + 1, True),
        (lambda: torch.empty(2, device="meta") + 1, False),  # nothing is computed
        (lambda: torch.get_rng_state().clone(), False),  # what is computed again has the same draws
    )
    for act, bad in acts:
        with Probe(torch.device("cuda"), Stock()) as probe:
            act()
        assert (probe.reason is not None and "another device" in probe.reason) == bad


@pytest.mark.parametrize("at", [2, 3, 4, 5])
def test_a_step_that_fails_before_it_is_captured_is_taken_again(at: int) -> None:
    run, plain = Run(once(mean, at)).captured(), Run(mean)
    assert run.steps(6) == plain.steps(6)
    assert equal(run, plain)
    assert run.said == ["no CUDA graphs, every step is taken as it is: no such thing"]


def test_a_step_that_fails_as_it_is_raises() -> None:
    run = Run(once(once(mean, 2), 2)).captured()
    with pytest.raises(ValueError, match="the capture has failed"):
        run.steps(3)


def test_hooks_and_other_optimisers_are_reasons() -> None:
    run = Run(mean).captured()
    run.model.register_forward_hook(lambda *_: None)
    run.steps(6)
    assert run.said == ["no CUDA graphs, every step is taken as it is: modules have hooks"]
    run = Run(mean, torch.optim.SGD).captured()
    run.steps(6)
    assert run.said == ["no CUDA graphs, every step is taken as it is: an optimiser computes on the host"]
    assert run.recorder.captures == 0


def test_a_reason_that_is_known_is_said_at_the_first_step() -> None:
    run = Run(mean).captured()
    run.graphs.obstacle = "no"
    run.steps(2)
    assert run.said == ["no CUDA graphs, every step is taken as it is: no"]


def test_each_shape_has_a_graph_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs_of, "MOST", 2)
    run, plain = Run(mean).captured(), Run(mean)
    for size, captures in ((4, 1), (5, 2), (4, 2), (6, 3), (4, 3), (5, 4)):
        assert run.steps(5, size) == plain.steps(5, size)
        assert run.recorder.captures == captures
    assert equal(run, plain)


def test_what_is_fixed_and_what_optimisers_keep_are_captured_anew() -> None:
    run, plain = Run(mean).captured(), Run(mean)
    for each in (run, plain):
        each.steps(5)
        each.fixed = "other"
        each.steps(5)
        each.optimizer.load_state_dict(each.optimizer.state_dict())
        each.steps(5)
    assert run.recorder.captures == 3
    assert equal(run, plain)


def test_at_once_means_as_it_is() -> None:
    run = Run(mean).captured()
    run.steps(5)
    with run.finite.immediate():
        run.steps(3)
    assert run.recorder.replays == 5 - WARM


def test_a_replay_reports_what_is_not_finite() -> None:
    run = Run(mean).captured()
    run.steps(6)
    assert run.finite.take()
    with torch.no_grad():
        run.model.weight.fill_(torch.inf)
    run.steps(1)
    assert not run.finite.take()
    assert run.recorder.replays == 7 - WARM


def test_no_graphs_where_none_are_wanted_or_there_is_no_gpu() -> None:
    assert Graphs.of("cpu", True, {}).backend is None
    assert Graphs.of("cuda", False, {}).backend is None


def test_a_step_ahead_counts_from_its_stock() -> None:
    stock = Stock()
    assert Ahead(stock) + 2 == Ahead(stock, 2)
    assert hash(Ahead(stock)) != hash(Ahead(Stock()))
    assert repr(Ahead(stock, 1)) == "Ahead(1)"


def test_rates_in_tensors_round_as_numbers_do() -> None:
    """torch's own SGD, and both forms of ours, with and without momentum, over changing rates; in some steps a weight
    has no gradient: it stays where it is, and so does its momentum."""
    for momentum, decay, nesterov in ((0.9, 3e-4, False), (0.0, 0.0, False), (0.9, 3e-4, True)):
        weights = [
            nn.Parameter(torch.randn(5, 3, generator=torch.Generator().manual_seed(0))) for _ in range(3)
        ]
        ours = [sgd([weight], 0.1, momentum, decay, nesterov) for weight in weights[:2]]
        ours[1].factors.held = True
        theirs = torch.optim.SGD([weights[2]], 0.1, momentum, weight_decay=decay, nesterov=nesterov)
        for optimizer in (*ours, theirs):
            for step in range(6):
                optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
                weight = optimizer.param_groups[0]["params"][0]
                weight.grad = None if step in (0, 3) else (weight * 0.37 + step).detach()
                optimizer.step()
        assert torch.equal(weights[0], weights[2])
        assert torch.equal(weights[1], weights[2])


@pytest.mark.parametrize("invalid", [False, True])
def test_the_memory_of_an_invalid_capture_is_taken_back(
    invalid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def end(device: int, pool: object) -> None:
        calls.append(("end", device, pool))
        if not invalid:
            raise RuntimeError("not currently recording to this pool")

    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", end, raising=False)
    release = "_cuda_releasePool"
    monkeypatch.setattr(torch._C, release, lambda *given: calls.append(("release", *given)), raising=False)
    end_allocation(1, (0, 7))
    assert calls == [("end", 1, (0, 7)), ("release", 1, (0, 7))][: 1 + invalid]
