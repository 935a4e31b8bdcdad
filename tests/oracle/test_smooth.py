"""The finite difference against the exact product where nothing has a kink (arXiv 1806.09055, equation 8).

With tanh for ReLU and average for max pooling the loss is smooth, so a central difference is off by a part
that falls as r^2, down to rounding. (With ReLU and max pooling it does not: kinks lie closer than r = 0.01.)
"""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch.nn import functional as F

from dartsl import compile
from dartsl.nn.supernet import Supernet
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.step.batches import ImageBatch

from .mapping import batch, checked, randomise

SMOOTH = """darts 1

op avg = avg_pool(3)/stride > mix_bn
op skip = match stride { 1 => identity, 2 => tanh > conv(1)/2 > bn }
op sep(k) = tanh > dwconv(k)/stride > conv(1) > bn > tanh > dwconv(k) > conv(1) > bn
op dil(k) = tanh > dwconv(k, dilation = 2)/stride > conv(1) > bn
op prepare = tanh > conv(1)/stride > bn
ops smooth = none | avg | skip | sep(3) | sep(5) | dil(3)

cell normal {
  input  c0, c1 : prepare
  node   n0..n2 : sum keep 2
  edge   all -> n0..n2 : smooth
  output concat(n0..n2)
}

cell reduction = normal

network small(C = 4) {
  input image(3, 8, 8)
  stem  conv(3, out = 3*C) > bn
  stage normal width C
  stage reduction/2 > normal width 2*C
  head  global_avg_pool > linear(10)
}
"""
XI = 0.025
Tensors = list[torch.Tensor]


def at_virtual_weights(model: Supernet, train: ImageBatch, validation: ImageBatch, unroll: Unroll) -> Tensors:
    """grad_alpha L_val at w', on a copy of the model: the alpha gradient but for its second term."""
    model = copy.deepcopy(model)
    slopes = torch.autograd.grad(F.cross_entropy(model(train.images), train.labels), model.weights())
    with torch.no_grad():
        for weight, slope, buffer in zip(model.weights(), slopes, unroll.buffers, strict=True):
            step = unroll.momentum * buffer + slope + unroll.weight_decay * weight
            weight.sub_(unroll.xi * step)
    return alpha_gradient(model, train, validation, "1").gradients


def distance(one: Tensors, other: Tensors) -> float:
    """The Euclidean distance, over all cells' alphas together."""
    return float(sum(((a - b) ** 2).sum() for a, b in zip(one, other, strict=True)) ** 0.5)


@pytest.mark.parametrize("seed", [0, 1])
def test_error_of_the_finite_difference_falls_as_r_squared(seed: int) -> None:
    model = compile(checked(SMOOTH), seed=seed, dtype="float64")
    randomise(model, seed)
    train, validation = ImageBatch(*batch((8, 8), 8, 10 + seed)), ImageBatch(*batch((8, 8), 8, 20 + seed))
    generator = torch.Generator().manual_seed(seed)
    buffers = [
        0.1 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype) for weight in model.weights()
    ]
    unroll = Unroll(XI, 0.9, 3e-4, buffers)
    exact = alpha_gradient(model, train, validation, "exact", unroll=unroll).gradients
    first_term = at_virtual_weights(model, train, validation, unroll)
    product = distance(first_term, exact)  # xi * |hvp|
    errors = []
    for r in (1e-2, 1e-3, 1e-4):
        found = alpha_gradient(model, train, validation, "2", unroll=unroll, r=r).gradients
        errors.append(distance(found, exact) / product)
    assert errors[0] < 1e-2
    assert errors[2] < 1e-6
    for coarse, fine in itertools.pairwise(errors):
        assert 80 < coarse / fine < 125
