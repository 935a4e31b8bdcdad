"""The oracle of the exact order: differentiating twice, which needs the graph of a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.nn.passing import Pass
from dartsl.step.batches import ImageBatch, SearchModel


def double_backward(
    model: SearchModel, train: ImageBatch, pass_: Pass, direction: Sequence[Tensor]
) -> list[Tensor]:
    """d/d alpha <grad_w L_train(w, alpha), v>: the gradient, in alpha, of a product of gradients."""
    weights, alphas = model.weights(), model.alpha_parameters()
    loss = F.cross_entropy(model(train.images, pass_=pass_), train.labels)
    slopes = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
    product = torch.stack([(slope * v).sum() for slope, v in zip(slopes, direction, strict=True)]).sum()
    if not product.requires_grad:  # no weight's gradient depends on the alphas
        return [torch.zeros_like(alpha) for alpha in alphas]
    return list(torch.autograd.grad(product, alphas, materialize_grads=True))


def hessian_times(
    model: SearchModel, batch: ImageBatch, pass_: Pass, direction: Sequence[Tensor]
) -> list[Tensor]:
    """The Hessian of the loss in the alphas times a direction."""
    alphas = model.alpha_parameters()
    loss = F.cross_entropy(model(batch.images, pass_=pass_), batch.labels)
    slopes = torch.autograd.grad(loss, alphas, create_graph=True, materialize_grads=True)
    product = torch.stack([(slope * v).sum() for slope, v in zip(slopes, direction, strict=True)]).sum()
    return list(torch.autograd.grad(product, alphas, materialize_grads=True))
