"""The memory estimate, against what the passes hold when the network really runs."""

from __future__ import annotations

import pytest
import torch

from dartsl.graph.build import build
from dartsl.graph.operations import info
from dartsl.graph.target import TARGETS
from dartsl.lang.checker import check, pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet
from dartsl.run.determinism import WORKSPACE
from dartsl.searching.memory import (
    BASE,
    PER_CONVOLUTION,
    SLACK,
    Occupancy,
    estimate_step,
    step_memory,
    step_peak,
)
from dartsl.searching.memory_gpu import BLOCK, CUBLAS, SEGMENT, workspaces
from tests.nn.specs import DECIDED, RAGGED, SEARCHED, small


@pytest.mark.parametrize("text", [SEARCHED, RAGGED, DECIDED], ids=["searched", "ragged", "decided"])
@pytest.mark.parametrize("settings", [{"level": 0}, {"level": 2}, {"level": 2, "memory": "low"}])
@pytest.mark.parametrize("order", ["1", "2"])
def test_the_meta_device_tells_what_the_cpu_holds(text: str, settings: dict[str, object], order: str) -> None:
    real = small(text, **settings)
    estimated = step_peak(small(text, device="meta", **settings), 6, order)
    assert estimated == pytest.approx(step_peak(real, 6, order), rel=0.05)


@pytest.mark.slow
def test_parts_of_the_estimate() -> None:
    model = small(SEARCHED)
    weights = 4 * sum(p.numel() for p in model.weights())
    alphas = 4 * sum(p.numel() for p in model.alpha_parameters())
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    first, second, exact = (step_memory(model, 4, order) for order in ("1", "2", "exact"))
    assert first.state == 2 * (2 * weights + 3 * alphas + buffers)  # and the last sound state
    assert first.passes < second.passes < exact.passes
    convolutions = sum("conv" in module.primitive for module in info(model.graph).modules.values())
    assert first.slack == BASE + PER_CONVOLUTION * convolutions + round(SLACK["normal"] * first.passes)
    assert estimate_step(model, 4, "2") == second.total
    assert estimate_step(model.plan, 4, "2") == second.total
    assert step_memory(model, 64, "1").passes == pytest.approx(
        2 * step_memory(model, 32, "1").passes, rel=0.05
    )


def test_levels_and_recomputation_take_less() -> None:
    plan = small(SEARCHED).plan
    plain, passed = (step_memory(plan, 16, "2", Build(level=level)).passes for level in (0, 2))
    low = step_memory(plan, 16, "2", Build(memory="low")).passes
    assert low < passed < plain
    assert low < step_memory(plan, 16, "exact", Build(memory="low")).passes
    assert step_memory(small(SEARCHED, memory="low"), 16, "2").passes == low


def test_the_type_and_the_order_count() -> None:
    single, double = small(DECIDED), small(DECIDED, dtype="float64")
    assert step_memory(double, 4, "1").passes == pytest.approx(
        2 * step_memory(single, 4, "1").passes, rel=0.05
    )
    assert estimate_step(single.plan, 4, "1", Build(dtype="float64")) == estimate_step(double, 4, "1")
    with pytest.raises(ValueError, match="order is one of 1, 2, exact"):
        estimate_step(single, 4, "3")


@pytest.mark.parametrize(
    ("name", "parameters", "batch", "order", "measured"),
    [
        # Peaks of `dartsl.searching.bench.peak_of`, in MB: torch 2.13, one thread.
        ("text", {}, 8, "1", 11),
        ("text", {}, 64, "2", 32),
        ("nasbench201", {"C": 4, "n": 1}, 4, "1", 16),
        ("nasbench201", {"C": 8, "n": 1}, 64, "2", 171),
        ("darts_cnn", {"C": 4, "n": 1}, 2, "1", 52),
    ],
)
def test_an_estimate_is_within_a_fifth_of_what_was_measured(
    name: str, parameters: dict[str, int], batch: int, order: str, measured: int
) -> None:
    spec = check(read(name))
    found = estimate_step(plan(spec, pick_network(spec, None), parameters), batch, order)
    assert 0.8 < found / (measured * 10**6) < 1.2


def on_cuda(plan: Plan) -> Supernet:
    """The network that a GPU gets, as shapes."""
    return Supernet(plan, build(plan), Build(device="meta", target=TARGETS["cuda"]))


def test_a_gpu_is_estimated_by_its_own_passes_in_blocks() -> None:
    plan = small(SEARCHED).plan
    found = step_memory(plan, 16, "1", Build(device="cuda"))
    shadow = on_cuda(small(SEARCHED).plan)
    exact, blocks = (step_peak(shadow, 16, "1", block) for block in (1, BLOCK))
    assert exact < blocks < 1.2 * exact
    assert blocks <= found.passes < blocks + SEGMENT
    assert found.passes % SEGMENT == 0
    assert found.state == step_memory(plan, 16, "1").state
    assert CUBLAS < found.slack == step_memory(plan, 16, "2", Build(device="cuda")).slack


def test_workspaces_are_bounded() -> None:
    model = on_cuda(small(SEARCHED).plan)
    one, two = (workspaces(model, batch) - CUBLAS for batch in (1, 2))
    assert 0 < two == 2 * one
    assert workspaces(model, 10**6) == CUBLAS + (WORKSPACE << 20)


def test_every_tensor_takes_whole_blocks() -> None:
    held = Occupancy(block=512)
    with held:
        kept = [torch.ones(1), torch.ones(129)]
    assert held.peak == 512 + 1024
    assert kept
