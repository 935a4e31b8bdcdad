"""The penalty `cost` against a naive count, in whole steps, and against the counts of networks that are found."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import dartsl
from dartsl.graph.budget import Budget, budget, counted
from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds, parameters
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.folder import RunFolder
from dartsl.searching.cost import Cost, cost_term, require_target
from dartsl.searching.emit import Provenance, found_text
from dartsl.searching.image_session import ImageSession
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule
from dartsl.searching.standing import Standing
from dartsl.searching.terms import Moment

from .following import EACH_ORDER, follow
from .mapping import TOLERANCE
from .naive import cost as naive
from .naive import penalties
from .naive.networks import alphas_of
from .naive.operations import DARTS
from .test_search import CONFIG, data, sides

NORMAL = """darts 1

import "std/cnn"

cell normal {
  input  c0, c1
  node   n0, n1 : sum keep 2
  edge   all -> n0, n1 : darts
  output n1
}

cell free {
  input  c0
  node   n0, n1 : sum
  edge   all -> n0 : none | skip_connect | sep_conv_3x3
  edge   c0 -> n1 : skip_connect
  edge   n0 -> n1 : none | relu_conv_bn(1)
  output n1
}

network net(C = 4) {
  input image(3, 8, 8)
  stem  conv(3, out = C) > bn
  stage normal*2 > free  width C
  head  global_avg_pool > linear(10)
}
"""
WHENCE = Provenance("", "", "", 0, 1, "")
FIXED = 3 * 9 * 4 + 2 * 4 + 4 * 10 + 10  # stem and head


def spec() -> dartsl.Spec:
    return check(Source("net.darts", NORMAL))


def budgets(unit: str) -> Budget:
    return priced(plan(spec(), spec().networks["net"], {}), unit)


def priced(planned: Plan, unit: str = "multiply_adds") -> Budget:
    return budget(planned, counted(planned, unit))


def test_expected_parameters_are_those_of_the_definitions() -> None:
    model = dartsl.compile(spec(), dtype="float64")
    for alpha in model.alpha_parameters():
        torch.nn.init.normal_(alpha, generator=torch.Generator().manual_seed(5))
    weights = {name: torch.softmax(model.alpha(name), dim=-1) for name in ("normal",)}
    free = model.mixing_weights()["free"]
    wanted = FIXED + 2 * naive.expected(weights["normal"], DARTS, channels=4, inputs=2, nodes=2, keep=2)
    wanted = wanted + free[0, 2] * naive.parameters("sep_conv_3x3", 4) + free[1, 1] * (16 + 8)
    term = cost_term(SearchConfig(cost="parameters", target=1000.0))
    assert isinstance(term, Cost)
    torch.testing.assert_close(term.expected(model), wanted, rtol=TOLERANCE, atol=0.0)
    slopes = torch.autograd.grad(term(model, Moment(0, 1)), model.alpha_parameters())
    expected = torch.autograd.grad(0.1 * (wanted - 1000.0) / 1000.0, model.alpha_parameters())
    for slope, other in zip(slopes, expected, strict=True):
        torch.testing.assert_close(slope, other, rtol=TOLERANCE, atol=1e-16)
    rows = {name: table.tolist() for name, table in model.mixing_weights().items()}
    rows["free"] = [row[:size] for row, size in zip(rows["free"], (3, 2), strict=True)]
    assert budgets("parameters").expected(rows) == pytest.approx(float(wanted.detach()), rel=TOLERANCE)


@pytest.mark.parametrize(
    "settings",
    [
        {"relaxation": "gumbel_hard"},
        {"relaxation": "dirichlet"},
        {"relaxation": "sigmoid"},
        {"partial": 4, "edge_weights": True, "auxiliary_skip": True},
    ],
    ids=lambda settings: next(iter(settings)) + str(next(iter(settings.values()))),
)
def test_what_is_expected_is_of_the_found_network(settings: dict[str, Any]) -> None:
    """With nothing drawn, at full width, without what stands beside candidates: in the step as in the history."""
    model = dartsl.compile(spec(), dtype="float64", **settings)
    with torch.no_grad():
        for alpha in model.alpha_parameters():
            alpha.normal_(generator=torch.Generator().manual_seed(5))
    config = SearchConfig(cost="parameters", target=1000.0, penalty=("cost",), **settings)
    row = Standing(model, config).cost()
    term = cost_term(config)
    assert float(term.expected(model).detach()) == pytest.approx(row["cost"], rel=TOLERANCE)
    weights = {table: reading.weights for table, reading in Standing(model, config).readings().items()}
    assert budgets("parameters").expected(weights) == pytest.approx(row["cost"], rel=TOLERANCE)


@pytest.mark.parametrize(("target", "sign"), [(500.0, 1.0), (1e6, 0.0)])
def test_a_hinge_is_flat_below_the_target(target: float, sign: float) -> None:
    model = dartsl.compile(spec(), dtype="float64")
    config = SearchConfig(cost="parameters", target=target, cost_weight=0.3)
    add, hinge = (
        float(cost_term(dataclasses.replace(config, cost_mode=mode))(model, Moment(0, 1)).detach())
        for mode in ("add", "hinge")
    )
    assert add * (2 * sign - 1) > 0
    assert hinge == pytest.approx(sign * add)


def test_what_is_found_costs_what_is_said() -> None:
    """Of random architectures, those of least and of most cost among them, by the counts of their graphs."""
    generator, seen = random.Random(0), []
    checked = spec()
    network = checked.networks["net"]
    for _ in range(40):
        readings = {
            name: Reading(
                [[generator.random() for _ in edge.candidates] for edge in checked.cells[name].searched_edges]
            )
            for name in network.cells
        }
        text = found_text(checked, network, {"C": 4}, readings, WHENCE, Rule("argmax"))
        found = check(Source("found.darts", text))
        graph = build(plan(found, found.networks["net"], {}))
        seen.append((parameters(graph), multiply_adds(graph)))
    for part, unit in enumerate(("parameters", "multiply_adds")):
        low, high = budgets(unit).span()
        assert low <= min(each[part] for each in seen) <= max(each[part] for each in seen) <= high
    sep = naive.parameters("sep_conv_5x5", 4)
    assert budgets("parameters").span() == (
        FIXED,
        FIXED + 2 * 4 * sep + naive.parameters("sep_conv_3x3", 4) + 24,
    )
    assert dartsl.info(checked, memory="none").found == {
        unit: budgets(unit).span() for unit in ("parameters", "multiply_adds")
    }
    assert len(set(seen)) > 20


def test_a_decided_network_and_one_of_text_have_no_range() -> None:
    assert [dartsl.info(name, memory="none").found for name in ("zoo/darts_v2", "text")] == [None, None]


def expectation(costs: Budget) -> Callable[[dict[str, torch.Tensor]], torch.Tensor]:
    """The expected cost, of the alphas by cell, of costs whose every node keeps all its edges."""
    tables = {each.table: torch.tensor(each.searched(), dtype=torch.float64) for each in costs.cells}

    def cost(alphas: dict[str, torch.Tensor]) -> torch.Tensor:
        total = torch.tensor(float(costs.fixed), dtype=torch.float64)
        for name, alpha in alphas.items():
            for row, prices in zip(alpha, tables[name], strict=True):
                powers = torch.exp(row)
                for power, price in zip(powers, prices, strict=True):
                    total = total + power / powers.sum() * price
        return total

    return cost


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_steps_with_a_budget(order: str, level: int) -> None:
    """The oracle's penalty is of the expected cost in the product's unit, of numbers that a linear fit gives."""
    oracle, model = sides(order, nodes=1, level=level)
    cost = expectation(priced(model.plan))

    def penalty(alphas: dict[str, torch.Tensor]) -> torch.Tensor:
        return 40.0 * (cost(alphas) - 1e4) / 1e4

    oracle.penalty = penalty
    config = dataclasses.replace(
        CONFIG, order=order, penalty=("cost",), target=1e4, cost_weight=40.0, alphas_lr=0.05
    )
    wanted: list[float] = []
    rows = follow(
        oracle,
        ImageSession(model, config, data(8)),
        begin=lambda epoch: wanted.append(float(penalty(alphas_of(oracle.model)).detach())),
    )
    assert [row["penalties"]["cost"] for row in rows] == pytest.approx(wanted, rel=TOLERANCE)
    after = float(penalty(alphas_of(oracle.model)).detach())
    assert rows[-1]["cost"] == pytest.approx((after / 40.0 + 1.0) * 1e4, rel=TOLERANCE)
    assert rows[-1]["cost"] < rows[0]["cost"]


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_steps_whose_loss_a_budget_multiplies(order: str, level: int) -> None:
    """The whole objective is 2 L_val (log E / log T)^3 + a penalty: differentiated as such, through the virtual step
    too, in every order."""
    oracle, model = sides(order, nodes=1, level=level)
    cost = expectation(priced(model.plan))

    def factor(alphas: dict[str, torch.Tensor]) -> torch.Tensor:
        return 2.0 * (torch.log(cost(alphas)) / math.log(2000.0)) ** 3

    oracle.objective = lambda loss, alphas: factor(alphas) * loss
    oracle.penalty = lambda alphas: penalties.entropy([row.softmax(0) for a in alphas.values() for row in a])
    config = dataclasses.replace(
        CONFIG, order=order, penalty=("cost", "entropy"), target=2000.0, cost_mode="mul", cost_factor=2.0
    )
    wanted: list[float] = []
    rows = follow(
        oracle,
        ImageSession(model, dataclasses.replace(config, cost_exponent=3.0), data(8)),
        begin=lambda epoch: wanted.append(float(factor(alphas_of(oracle.model)).detach())),
    )
    assert [row["penalties"]["cost"] for row in rows] == pytest.approx(wanted, rel=TOLERANCE)
    assert min(wanted) > 1.0


def test_the_default_multiplies_as_the_authors_do() -> None:
    model = dartsl.compile(spec(), dtype="float64")
    term = cost_term(SearchConfig(cost="parameters", target=900.0, cost_mode="mul"))
    expected = float(term.expected(model).detach())
    wanted = 0.2 * (math.log(expected) / math.log(900.0)) ** 0.3
    assert float(term(model, Moment(0, 1)).detach()) == pytest.approx(wanted, rel=TOLERANCE)


def test_logarithms_need_a_target_above_one() -> None:
    planned = plan(spec(), spec().networks["net"], {})
    config = SearchConfig(penalty=("cost",), cost="parameters", target=1.0, cost_mode="mul")
    with pytest.raises(dartsl.UserError, match="compares logarithms: the target, which is 1, and"):
        require_target(config, planned)
    require_target(dataclasses.replace(config, target=1.5), planned)


def test_a_search_with_a_budget(tmp_path: Path) -> None:
    text = (
        NORMAL + '\nsearch { penalty = "cost" cost = "parameters" epochs = 1 batch = 250 alphas_lr = 0.1 }\n'
    )
    (tmp_path / "net.darts").write_text(text.replace("image(3, 8, 8)", "image(1, 8, 8)"))
    given = {"data": "digits", "crop": 0, "flip": False}
    with pytest.raises(dartsl.UserError, match="the penalty `cost` needs a target") as caught:
        dartsl.search(tmp_path / "net.darts", tmp_path / "none", **given)
    assert "networks of this space have 94 to " in str(caught.value.help)
    run = dartsl.search(tmp_path / "net.darts", tmp_path / "run", target=500, **given)
    (row,) = RunFolder.open(run.path).history()
    assert 94 < row["cost"] < 2000
    found = check(Source("found.darts", str(run.found)))
    counted = parameters(build(plan(found, found.networks["net"], {})))
    assert f"# cost     {counted:,} parameters, target 500" in run.found
    assert "expected" in dartsl.plot(run.path).read_text()
