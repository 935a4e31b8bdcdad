"""Whole networks whose separable convolutions run through kernels, against the plain lowering in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional as F

from dartsl.graph.build import build
from dartsl.graph.passes import passes_of
from dartsl.graph.target import TARGETS
from dartsl.nn.build import Build
from dartsl.nn.kernels import chain as kernels
from dartsl.nn.kernels import choice
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.supernet import Supernet
from tests.passes.same import images, planned_text

SPEC = """darts 1

op sep(k) = relu > dwconv(k)/stride > conv(1) > bn > relu > dwconv(k) > conv(1) > bn
op dil    = relu > dwconv(3, dilation = 2)/stride > conv(1) > bn

cell c {
  input  a, b : conv(1) > bn
  node   p, q : sum
  edge   all -> p, q : OFFERS
  output concat(p, q)
}

network tiny(C = 2) {
  input image(2, 4, 3)
  stem  conv(1)
  stage c/2 width C
  head  global_avg_pool > linear(3)
}
"""
SEARCHED = SPEC.replace("OFFERS", "none | sep(3) | dil | max_pool(3)/stride")
DECIDED = SPEC.replace("OFFERS", "sep(3)")
FREE = 3.0  # times the distance that the plain lowering in float32 has itself
CLOSE = 1e-5
_make_dual: Any = forward_ad.make_dual  # torch has no types for them
_unpack_dual: Any = forward_ad.unpack_dual


def network(text: str, level: int, dtype: torch.dtype, amp: bool = False) -> Supernet:
    """The network at a level of the CUDA target, with parameters that depend on their names alone."""
    planned = planned_text(text)
    passes = passes_of(level, TARGETS["cuda"])
    made = Supernet(planned, build(planned), Build(passes=passes, dtype=dtype, amp=amp))
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for _, parameter in sorted(made.named_parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=draw).to(dtype), alpha=0.3)
    return made


def passed(model: Supernet, pass_: Pass = PLAIN) -> list[Tensor]:
    """Output and gradients of all parameters, then all running statistics."""
    x, labels = images(model.plan, 2, seed=1)
    output = model(x.to(next(model.parameters()).dtype), pass_=pass_)
    loss = F.cross_entropy(output, labels)
    found = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
    moved = [each.double() for each in model.buffers()]  # copies
    return [output.detach(), *found, *moved]


def distances(ours: Sequence[Tensor], truth: Sequence[Tensor]) -> list[float]:
    largest = max(float(true.abs().max()) for true in truth if true.numel())
    pairs = zip(ours, truth, strict=True)
    return [
        float((one.double() - true.double()).abs().max() / max(float(true.abs().max()), 1e-2 * largest))
        for one, true in pairs
    ]


def assert_close(text: str, then: Callable[[Supernet], Sequence[Tensor]]) -> None:
    """Kernels in float32 are as far from float64 as the plain lowering in float32 is."""
    truth = then(network(text, 0, torch.float64))
    theirs = distances(then(network(text, 0, torch.float32)), truth)
    ours = distances(then(network(text, 2, torch.float32)), truth)
    assert max(ours) <= FREE * max(theirs) + CLOSE


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, interpreted: None) -> list[tuple[int, ...]]:
    """The shapes of all that goes through a stage's kernels."""
    found: list[tuple[int, ...]] = []
    stage = kernels.stage

    def counted(x: Tensor, *rest: object) -> object:
        found.append(tuple(x.shape))
        return stage(x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(kernels, "stage", counted)
    return found


def test_a_supernet(calls: list[tuple[int, ...]]) -> None:
    assert_close(SEARCHED, passed)
    # Per layer: both inputs' edges of a kind go to two nodes at once, those of the first node to the second.
    assert len(calls) == 6
    assert calls[0] == (2, 4, 4, 3)


def test_a_decided_network(calls: list[tuple[int, ...]]) -> None:
    assert_close(DECIDED, passed)
    assert calls


def test_evaluation(calls: list[tuple[int, ...]]) -> None:
    def evaluated(model: Supernet) -> list[Tensor]:
        x, _ = images(model.plan, 2, seed=1)
        with torch.no_grad():
            return [model.eval()(x.to(next(model.parameters()).dtype))]

    assert_close(DECIDED, evaluated)
    assert calls


def test_statistics_stay_where_they_are_frozen(calls: list[tuple[int, ...]]) -> None:
    model = network(DECIDED, 2, torch.float32)
    before = [each.clone() for each in model.buffers()]
    model(images(model.plan, 2, seed=1)[0].float(), pass_=Pass(frozen=True))
    assert all(map(torch.equal, model.buffers(), before))
    assert calls


@pytest.mark.slow
def test_layers_computed_again(calls: list[tuple[int, ...]]) -> None:
    planned = planned_text(DECIDED)
    whole = network(DECIDED, 2, torch.float32)
    low = Supernet(planned, build(planned), Build(passes=passes_of(2, TARGETS["cuda"]), memory="low"))
    low.load_state_dict(whole.state_dict())
    assert all(map(torch.equal, passed(low), passed(whole)))


@pytest.mark.slow
def test_autocast(calls: list[tuple[int, ...]]) -> None:
    truth = passed(network(DECIDED, 0, torch.float64))
    theirs = distances(passed(network(DECIDED, 0, torch.float32, amp=True)), truth)
    ours = distances(passed(network(DECIDED, 2, torch.float32, amp=True)), truth)
    assert calls
    assert max(ours) < FREE * max(theirs)


def test_two_derivatives(calls: list[tuple[int, ...]]) -> None:
    """Of a step of exact order: through a graph of the backward pass."""

    def twice(model: Supernet) -> list[Tensor]:
        x, labels = images(model.plan, 2, seed=1)
        loss = F.cross_entropy(model(x.to(next(model.parameters()).dtype)), labels)
        once = torch.autograd.grad(loss, model.weights(), create_graph=True)
        square = torch.stack([each.square().sum() for each in once]).sum()
        return list(torch.autograd.grad(square, list(model.parameters()), materialize_grads=True))

    assert_close(SPEC.replace("OFFERS", "dil | max_pool(3)/stride"), twice)
    assert calls


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is (deprecated|not supported)")  # in torch's own jvp
def test_torch_computes_what_kernels_do_not_know(calls: list[tuple[int, ...]]) -> None:
    passed(network(DECIDED, 2, torch.float64))
    model = network(DECIDED, 2, torch.float32)
    x = images(model.plan, 2, seed=1)[0].float()
    with forward_ad.dual_level():
        output = model(_make_dual(x, torch.ones_like(x)))
        assert _unpack_dual(output).tangent is not None
    torch.use_deterministic_algorithms(True)
    try:
        model(x)
    finally:
        torch.use_deterministic_algorithms(False)
    assert calls == []


def test_without_triton_torch_computes(calls: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "available", lambda: False)
    model = network(DECIDED, 2, torch.float32)
    passed(model)
    assert calls == []
