"""Several search steps of each order stay equal to those of the plain lowering, on random specs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings

from dartsl.graph.build import build
from dartsl.graph.passes import apply, passes_of
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.searching.step import alpha_step
from dartsl.step.batches import ImageBatch
from dartsl.step.gradients import weight_step
from tests.passes.random_specs import spec_texts
from tests.passes.same import CPU, images, model, planned_text, same_state
from tests.passes.test_equal import EXAMPLES, few

STEPS = 3
TOLERANCE = 1e-8  # what rounding grows to in three steps; a finite difference divides it by its own size


# The only edge to be searched does not reach the output: no loss depends on the alphas.
DEAD = """darts 1
import "std/cnn"

op op_0 = relu > conv(1)/stride > bn

cell first {
  input a : preprocess
  node n0 : sum
  node n1 : sum
  edge a -> n0 : op_0
  edge a -> n1 : none | op_0
  output concat(n0)
}

network tested(C = 2) {
  input image(1, 5, 5)
  stem  conv(3) > bn
  stage first > first width C
  head  relu > global_avg_pool > linear(3)
}
"""


@pytest.mark.parametrize("order", ["1", "2", "exact"])
@example(text=DEAD)
@settings(few, max_examples=max(EXAMPLES // 4, 1))
@given(text=spec_texts(largest=2))
def test_steps_stay_equal(order: str, text: str) -> None:
    planned = planned_text(text)
    plain = build(planned)
    pair = [model(planned, plain), model(planned, apply(plain, passes_of(2, CPU)).graph)]
    searches = [Search(each, order) for each in pair]
    for step in range(STEPS):
        for search in searches:
            search.step(step)
        same_state(pair[1], pair[0], TOLERANCE)


class Search:
    """A model and its optimisers."""

    def __init__(self, made: Supernet, order: str) -> None:
        self.model, self.order = made, order
        self.weights = torch.optim.SGD(made.weights(), lr=0.025, momentum=0.9, weight_decay=3e-4)
        alphas = made.alpha_parameters()
        self.alphas = torch.optim.Adam(alphas, lr=0.01, betas=(0.5, 0.999)) if alphas else None

    def step(self, step: int) -> None:
        train, validation = (ImageBatch(*images(self.model.plan, 4, seed=2 * step + i)) for i in (0, 1))
        if self.alphas is not None:
            unroll = Unroll.of(self.weights, self.model.weights())
            gradient = alpha_gradient(self.model, train, validation, self.order, unroll=unroll, step=step)
            alpha_step(self.model, self.alphas, gradient)
        weight_step(self.model, [(train, Pass(step))], self.weights, clip=5.0)
