"""What searches and random architectures cost, by hand and by counting what is drawn."""

from __future__ import annotations

from itertools import product
from statistics import mean
from typing import Any

import pytest

import dartsl
from dartsl.api.jobs import job_of, search_config
from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds
from dartsl.graph.unused import running
from dartsl.sweeping.costs import random_adds, search_cost

SPACE = """darts 1
import "std/cnn"
cell pair {
  input  a, b : preprocess
  node   p : sum keep 1
  edge   a, b -> p : none | sep_conv(3) | skip_connect
  output p
}
network tiny(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair width C
  head  global_avg_pool > linear(3)
}
"""
CHOICES = [f"{edge} -> p : {candidate}" for edge, candidate in product("ab", ["sep_conv(3)", "skip_connect"])]


def adds(text: str) -> int:
    return multiply_adds(
        running(build(job_of(dartsl.check(dartsl.Source("tiny.darts", text)), None, None).plan()))
    )


def cost(**settings: Any) -> float:
    job = job_of(dartsl.check(dartsl.Source("tiny.darts", SPACE)), None, None)
    config = search_config(job.spec, {"epochs": 4, **settings}, job.network)
    return search_cost(job.plan(), config) / (3 * config.split)


def test_random_architectures_cost_what_the_mean_of_all_does() -> None:
    edges = "edge   a, b -> p : none | sep_conv(3) | skip_connect"
    every = [adds(SPACE.replace(" keep 1", "").replace(edges, f"edge {each}")) for each in CHOICES]
    prepared = 2 * 2 * 8 * 8  # of the input that no edge takes, which a budget counts
    plan = job_of(dartsl.check(dartsl.Source("tiny.darts", SPACE)), None, None).plan()
    assert random_adds(plan) == pytest.approx(mean(every) + prepared)


def test_a_search_costs_the_passes_of_its_steps() -> None:
    plan = job_of(dartsl.check(dartsl.Source("tiny.darts", SPACE)), None, None).plan()
    everything, drawn = multiply_adds(running(build(plan))), random_adds(plan)
    assert cost() == 4 * 2 * everything
    assert cost(warmup=1) == (3 * 2 + 1) * everything
    assert cost(order="2") == 4 * 5 * everything
    assert cost(perturb="adversarial", perturb_steps=3) == 4 * 7 * everything
    assert cost(method="random_sharing") == 4 * drawn
    conv = adds(SPACE.replace("none | sep_conv(3) | skip_connect", "sep_conv(3)").replace(" keep 1", ""))
    rest = adds(SPACE.replace("none | sep_conv(3) | skip_connect", "skip_connect").replace(" keep 1", ""))
    assert cost(method="gdas") == pytest.approx(4 * 2 * (rest + (conv - rest) / 3))
    decisions = 2 + 1  # of both edges, and of the node that keeps one
    assert cost(method="darts_pt", projection_interval=2) == (4 + 2 * (decisions - 1) + 1) * 2 * everything
