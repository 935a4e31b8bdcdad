"""Products with second derivatives: how grad_alpha of a loss changes as parameters move along v.

    of the weights, the second-order term: hvp = d/d alpha <grad_w L_train(w, alpha), v>
    of the alphas, a product with their Hessian: d/d alpha <grad_alpha L_val(w, alpha), v>

Taken by the authors' finite difference, or exactly by forward over reverse: the parameters become dual numbers
w + e v, the ordinary gradient in alpha is taken of the dual loss, and its tangent is the product (Pearlmutter,
"Fast exact multiplication by the Hessian", 1994). No graph of a graph is built, as double backward would.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import get_total_norm

from dartsl.graph.operations import info
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.primitives import owner
from dartsl.nn.passing import Pass
from dartsl.step.autograd import constant, restored, shift, slopes
from dartsl.step.batches import Batch, SearchModel
from dartsl.step.finite import AT_ONCE, Finite, quotient, wide
from dartsl.step.gradients import gradients_of, seed_plugins


def difference_product(
    model: SearchModel, train: Batch, pass_: Pass, direction: list[Tensor], r: float, finite: Finite = AT_ONCE
) -> list[Tensor]:
    """(grad_alpha L_train(w+) - grad_alpha L_train(w-)) / (2 eps) with w+- = w +- eps v, eps = r / |v|.

    Equation 8 of the paper; one norm over all weights. Zeros where v is: the validation loss does not depend on the
    weights then, and there is no term to add.
    """
    weights, alphas = model.weights(), model.alpha_parameters()
    norm = wide(get_total_norm(direction))
    eps = torch.where(norm > 0, quotient(r, norm), 1.0)  # ()
    sides: list[list[Tensor]] = []
    with constant(weights):
        for amount in (eps, -eps):
            with restored(weights):
                shift(weights, direction, amount)
                sides.append(gradients_of(model, train, pass_, alphas, finite)[1])
    above, below = sides
    torch._foreach_sub_(above, below)
    for each in above:
        each /= 2.0 * eps
    return above


def exact_notes(graph: nx.DiGraph) -> tuple[str, ...]:
    """What a user should know of exact products through a network: an operation graph."""
    if not any(owner(spec.primitive).has("attends") for spec in info(graph).modules.values()):
        return ()
    return (
        "exact products take attention by matrices of all pairs of places, since torch's faster ways have no forward "
        "mode: they need more memory than other passes",
    )


def exact_product(model: SearchModel, train: Batch, pass_: Pass, direction: Sequence[Tensor]) -> list[Tensor]:
    """The tangent, along `direction`, of grad_alpha L_train as a function of the weights."""
    _require_module(model)
    return _gradient_along(model, train, pass_, model.weights(), direction)


def hessian_product(
    model: SearchModel, validation: Batch, pass_: Pass, direction: Sequence[Tensor]
) -> list[Tensor]:
    """The Hessian of L_val in the alphas times `direction`, which runs along `model.alpha_parameters()`."""
    _require_module(model)
    return _gradient_along(model, validation, pass_, model.alpha_parameters(), direction)


def _require_module(model: SearchModel) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"{type(model).__name__} is not a torch module, whose weights could be replaced")


def _gradient_along(
    model: SearchModel,
    batch: Batch,
    pass_: Pass,
    parameters: Sequence[nn.Parameter],
    direction: Sequence[Tensor],
) -> list[Tensor]:
    """The tangent of grad_alpha of the loss on a batch, as `parameters` move along `direction`.

    The parameters themselves are not touched.
    """
    alphas = model.alpha_parameters()
    learnt = set(map(id, alphas))
    along = dict(zip(map(id, parameters), direction, strict=True))
    pass_ = replace(pass_, share=batch.share)
    seed_plugins(model, batch, pass_)
    step_of = _AlphaGradient(model)
    with constant(model.weights()), _dual_numbers():
        replaced: dict[str, Tensor] = {
            name: _dual(parameter.detach().requires_grad_(id(parameter) in learnt), along[id(parameter)])
            for name, parameter in step_of.named_parameters()
            if id(parameter) in along
        }
        # A buffer that a pass writes to in place would become dual itself: the pass gets copies.
        replaced.update((name, buffer.clone()) for name, buffer in step_of.named_buffers())
        try:
            gradients = torch.func.functional_call(step_of, replaced, (batch, pass_))
        except NotImplementedError as fault:
            raise _without_forward_mode(fault) from fault
        tangents = [_tangent(gradient) for gradient in gradients]
    product = [
        torch.zeros_like(alpha) if tangent is None else tangent.detach()
        for alpha, tangent in zip(alphas, tangents, strict=True)
    ]
    batch.share.sum_(product)
    return product


def _without_forward_mode(fault: NotImplementedError) -> Exception:
    """What to tell of a function of a user's own loss or operation that torch cannot derive in forward mode."""
    found = re.search(r"forward AD with (\w+)", str(fault))
    if found is None:
        return fault
    return UserError(
        f"exact products take derivatives in forward mode, and torch has none of `{found[1]}`",
        "give order 1 or 2, and no curvature; or make the loss (or operation) that calls it of others",
    )


class _AlphaGradient(nn.Module):
    """grad_alpha of the loss, as a module: what is recomputed in backward sees the replaced weights too."""

    def __init__(self, model: SearchModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, pass_: Pass) -> tuple[Tensor, ...]:
        loss = batch.share.weighed(batch.take(self.model, pass_).loss)
        return tuple(slopes(loss, self.model.alpha_parameters()))  # the replaced ones


@contextmanager
def _dual_numbers() -> Iterator[None]:
    with warnings.catch_warnings():
        # The first dual number makes torch import its own scripted derivatives, which warn of scripting.
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        # Of torch's ways to compute attention only the one by matrices has a forward mode.
        with forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH):
            yield


def _dual(value: Tensor, tangent: Tensor) -> Tensor:
    make_dual: Any = forward_ad.make_dual  # torch leaves it without types
    dual: Tensor = make_dual(value, tangent)
    return dual


def _tangent(dual: Tensor) -> Tensor | None:
    unpack_dual: Any = forward_ad.unpack_dual
    tangent: Tensor | None = unpack_dual(dual).tangent
    return tangent
