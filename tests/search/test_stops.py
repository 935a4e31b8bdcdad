"""Stop rules: what they count, when they stop a search, and that it goes on bit for bit."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dartsl.lang.checker import check
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.values import SearchConfig
from dartsl.lang.syntax.loader import read
from dartsl.run.folder import RunFolder
from dartsl.searching import loop
from dartsl.searching.readouts import Reading, softmax_rows
from dartsl.searching.skips import skip_columns
from dartsl.searching.stops import STOPS, After, Stop
from tests.oracle.naive import derive as rules
from tests.oracle.naive.operations import DARTS
from tests.search.runs import checkpoint_of, job, quiet, run, same_runs, settings

pytestmark = pytest.mark.usefixtures("undrawn")


def planned(name: str) -> Plan:
    spec = check(read(name))
    (network,) = spec.networks.values()
    return plan(spec, network, {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("darts_cnn", {"normal": {3}, "reduction": set()}),
        ("nasbench201", {"block": {1}}),
        ("darts_rnn", {"recurrent": set()}),
    ],
)
def test_what_is_a_skip_connection(name: str, expected: dict[str, set[int]]) -> None:
    """What gives its input and has no parameter: no factorised reduction, no `gate(identity)`."""
    made = planned(name)
    found = {cell.name: skip_columns(made, cell) for cell in made.cells()}
    assert {cell: set().union(*columns.values()) for cell, columns in found.items()} == expected
    for columns in found.values():
        assert len({frozenset(each) for each in columns.values()}) == 1  # the same on all edges


def naive_skips(weights: Sequence[Sequence[float]]) -> int:
    cell = rules.keep_strongest(weights, DARTS, inputs=2, nodes=4, keep=2)
    return sum(name == "skip_connect" for node in cell for name, _, _ in node)


def test_skips_are_counted_in_the_derived_normal_cell() -> None:
    made, generator, counted = planned("darts_cnn"), random.Random(0), set()
    rule = STOPS.of("skips")(SearchConfig(warmup=1))
    every_skip = softmax_rows([[float(name == "skip_connect") for name in DARTS]] * 14)
    for _ in range(100):
        weights = softmax_rows([[generator.gauss(0, 1) for _ in DARTS] for _ in range(14)])
        tables = After({"normal": Reading(weights), "reduction": Reading(every_skip)})
        number = naive_skips(weights)
        counted.add(number)
        stop = rule([tables, tables], made)
        assert (stop is not None) == (number >= 2)
        if stop is not None:
            assert f"cell normal would have {number} skip connections: " in stop.reason
            assert stop.epoch is None
        assert rule([tables], made) is None  # the warmup
    assert counted >= {0, 1, 2, 3}


def test_weights_of_edges_say_which_skips_stay() -> None:
    """A skip on an edge that is left out is none."""
    made = planned("darts_cnn")
    rule = STOPS.of("skips")(SearchConfig(stop_skips=1))
    alphas = [[float(name == "sep_conv_3x3") for name in DARTS] for _ in range(14)]
    alphas[2] = [2.0 * (name == "skip_connect") for name in DARTS]  # c0 -> n1, the strongest into it
    reading = Reading(softmax_rows(alphas))
    found = rule([After({"normal": reading, "reduction": reading})], made)
    assert found == Stop("cell normal would have a skip connection: c0 -> n1")
    weighed = Reading(reading.weights, tuple(0.1 if row == 2 else 1.0 for row in range(14)))
    assert rule([After({"normal": weighed, "reduction": weighed})], made) is None


def test_a_ranking_is_stable() -> None:
    made = planned("nasbench201")
    rule = STOPS.of("stable")(SearchConfig(stop_epochs=3, warmup=2))
    one, other = [[0.1, 0.2, 0.3, 0.15, 0.25]] * 6, [[0.1, 0.2, 0.25, 0.15, 0.3]] * 6
    also = [[0.0, 0.2, 0.45, 0.1, 0.25]] * 6  # other weights in the order of `one`

    def said(*past: Sequence[Sequence[float]]) -> str | None:
        stop = rule([After({"block": Reading(weights)}) for weights in past], made)
        return None if stop is None else stop.reason

    assert said(one, one, one, one) is None  # two of them are of the warmup
    assert said(one, one, one, also, one) == "the ranking of the alphas has been the same for 3 epochs"
    assert said(one, one, one, one, other) is None
    assert said(one, one, other, one, also) is None
    assert said(one, one, other, one, also, one) is not None


def test_a_stopped_search_says_why(tiny: Path) -> None:
    console = quiet()
    config = settings(tiny, epochs=9, alphas_lr=1e-9, stop="stable", stop_epochs=2)
    result = loop.search(job(tiny, "run", console), config)
    history = [json.loads(line) for line in (result.path / "history.jsonl").read_text().splitlines()]
    reason = "the ranking of the alphas has been the same for 2 epochs"
    assert result.finished
    assert [row.get("stopped") for row in history] == [None, None, reason]  # one is the warmup
    assert f"stopped     after epoch 3 of 9: {reason}" in console.file.getvalue()  # type: ignore[attr-defined]
    assert RunFolder.open(result.path).history()[-1]["stopped"] == reason


@pytest.mark.parametrize(
    ("rule", "penalty"), [("skips", ("beta_decay",)), ("stable", ("zero_one", "entropy"))]
)
def test_a_search_with_a_rule_and_penalties_goes_on(
    tiny: Path, rule: str, penalty: tuple[str, ...], stop_after: Callable[[int], None]
) -> None:
    changes = {"epochs": 5, "stop": rule, "stop_epochs": 3, "stop_skips": 3, "penalty": penalty}
    whole = run(tiny, "whole", **changes)
    stop_after(7)
    part = run(tiny, "part", **changes)
    assert not part.finished
    assert len(checkpoint_of(part.path)["state"]["past"]) == 2
    while not part.finished:
        part = loop.resume(part.path, console=quiet())
    assert whole.finished
    same_runs(whole.path, part.path)
