"""How much memory one search step takes, told before anything is allocated.

The lowered network runs once on the meta device, where tensors have shapes and no numbers, and a hook sees
every tensor that autograd keeps for the backward pass. What is kept, the parameters with everything of their
size, and the largest intermediate result that is not kept make up the peak.

What is told is what torch's allocator holds: on the DARTS space it was within 2 % of the peak that torch's
profiler saw, for orders 1 and exact. A CPU process is larger (by 0.3 to 0.6 of it, as resident size): its
heap has holes, and convolution kernels keep scratch memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.graph.build import build
from dartsl.graph.count import parameters
from dartsl.graph.operations import application
from dartsl.graph.passes import DEFAULT_LEVEL
from dartsl.graph.target import Target
from dartsl.lang.diagnostics import UserError
from dartsl.lang.terms import Plan
from dartsl.nn.plugins import PluginError, Plugins, contract_error, resolve, uses
from dartsl.nn.supernet import Supernet

ORDERS = ("1", "2", "exact")
MOST_NUMBERS = 2**50  # in one tensor: torch counts its bytes in 63 bits, and they are stacked now and then


@dataclass(frozen=True)
class StepMemory:
    """Bytes of one search step at its peak, by what they hold.

    state       parameters, buffers, and what the two optimisers keep (momentum; two moments for the alphas)
    gradients   the gradients of weights and alphas
    copies      what unrolling keeps besides: the weights as they were, and the direction v
    saved       what autograd keeps for the backward passes, and the images
    transient   the largest operation's inputs, output, and their gradients, which come and go
    """

    state: int
    gradients: int
    copies: int
    saved: int
    transient: int

    @property
    def total(self) -> int:
        return self.state + self.gradients + self.copies + self.saved + self.transient


def estimate_step(
    model: Supernet | Plan,
    batch: int,
    order: str,
    *,
    level: int = DEFAULT_LEVEL,
    dtype: torch.dtype = torch.float32,
    plugins: Plugins = (),
) -> int:
    """Bytes at the peak of a search step with `batch` images from each half, the process's base apart.

    `order` is that of the alpha gradient: 1, 2 or exact. A Supernet is not touched, and its own type counts;
    `level` (of optimisation), `dtype` and `plugins` are for a Plan. Scratch memory inside library kernels is not seen.
    Raises ValueError for another order, SpecError for an operation without an implementation (E0411) or with
    one that breaks its contract (E0412), UserError for what has more numbers than torch can count.
    """
    return step_memory(model, batch, order, level=level, dtype=dtype, plugins=plugins).total


def step_memory(
    model: Supernet | Plan,
    batch: int,
    order: str,
    *,
    level: int = DEFAULT_LEVEL,
    dtype: torch.dtype = torch.float32,
    plugins: Plugins = (),
) -> StepMemory:
    """The parts of `estimate_step`."""
    if order not in ORDERS:
        raise ValueError(f"order is one of {', '.join(ORDERS)}, not {order}")
    target: Target | None = None
    if isinstance(model, Supernet):
        dtype = next(iter(model.parameters()), torch.empty(0, dtype=dtype)).dtype
        plan, graph, builders = model.plan, model.graph, model.plugins
        level, target = model.level, model.target
    else:
        plan, graph, builders = model, build(model), resolve(model, {}, plugins)
    if max(batch * _largest(graph), parameters(graph)) > MOST_NUMBERS:
        raise UserError("a step needs more memory than can be told", help="try fewer images (--batch)")
    try:
        shadow = Supernet(
            plan, graph, level=level, target=target, device="meta", dtype=dtype, plugins=builders
        )
    except PluginError as fault:
        raise contract_error(fault, uses(plan)[fault.primitive], None) from fault
    images = torch.empty(batch, *plan.image.dims, dtype=dtype, device="meta")
    labels = torch.empty(batch, dtype=torch.int64, device="meta")
    weights, alphas = _bytes(shadow.weights()), _bytes(shadow.alpha_parameters())
    buffers = _bytes(list(shadow.buffers()))
    unrolled = order != "1"
    return StepMemory(
        state=2 * weights + 3 * alphas + buffers,
        gradients=weights + alphas,
        copies=2 * weights if unrolled else 0,
        saved=2 * _bytes([images, labels]) + saved_bytes(shadow, images, labels, twice=order == "exact"),
        transient=2 * batch * dtype.itemsize * _largest(shadow.optimised.graph),
    )


def saved_bytes(model: Supernet, images: Tensor, labels: Tensor, *, twice: bool = False) -> int:
    """Bytes that autograd keeps for the backward pass of the loss, each storage once, without parameters.

    With `twice` the gradient of the weights is differentiable itself (order exact): what its own backward
    pass needs counts too. `model` may be on the meta device.
    """
    known = {_storage(tensor) for tensor in (*model.parameters(), *model.buffers(), images, labels)}
    kept: dict[int, torch.UntypedStorage] = {}  # holds the storages, so that no address is used again

    def keep(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in known:
            kept[_storage(tensor)] = tensor.untyped_storage()
        return tensor

    with model.frozen_statistics(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = F.cross_entropy(model(images), labels)
        if twice:
            torch.autograd.grad(loss, model.weights(), create_graph=True, allow_unused=True)
    return sum(storage.nbytes() for storage in kept.values())


def _storage(tensor: Tensor) -> int:
    """The identity of what a tensor is a view of (on the meta device all addresses of data are zero)."""
    return int(tensor.untyped_storage()._cdata)


def _bytes(tensors: Sequence[Tensor | nn.Parameter]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _largest(graph: nx.DiGraph) -> int:
    """The most numbers, for one image, that an application reads and writes together."""

    def numbers(node: str) -> int:
        applied = application(graph, node)
        count = 1
        for length in applied.shape:
            count *= length
        return count

    return max(numbers(node) + sum(map(numbers, application(graph, node).inputs)) for node in graph)
