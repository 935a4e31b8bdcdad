"""How much memory one search step takes, estimated before anything is allocated.

The step runs once on the meta device, where tensors have shapes and no numbers, and every storage is counted
from the operation that makes it until nothing holds it: what autograd keeps, gradients, the copies of
unrolling, tangents, and what comes and goes. What that cannot see is scratch memory inside kernels and the
holes in the heap; both grow with the rest. For a GPU see `memory_gpu`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dartsl.graph.build import build as build_graph
from dartsl.graph.count import parameters
from dartsl.graph.kinds import MIX
from dartsl.graph.operations import application
from dartsl.graph.prune import heaviest, prune
from dartsl.graph.traffic import convolutions
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.build import DEFAULT, Build
from dartsl.nn.candidates import Edge, Owner, Owners, edge_of, owners_of
from dartsl.nn.contract import PluginError
from dartsl.nn.passing import KINDS, Pass
from dartsl.nn.plugins import Implementations, contract_error, resolve
from dartsl.nn.supernet import Supernet
from dartsl.searching import memory_gpu
from dartsl.searching.bilevel import ORDERS
from dartsl.searching.method import Constant, Method
from dartsl.searching.step import SearchStep
from dartsl.searching.terms import Moment
from dartsl.step.batches import random_batches

_Shape = tuple[torch.Size, tuple[int, ...], torch.dtype]
MOST_NUMBERS = 2**50  # in one tensor: torch counts its bytes in 63 bits, and they are stacked now and then
# What a CPU process takes besides (glibc's heap, oneDNN), as measured on networks of no convolution to 1,395, in steps
# of 10 MB to 0.9 GB: code that the first pass brings; what oneDNN and autograd keep for each convolution; and holes,
# more of them where layers are computed twice. With these the estimate was within 20 % of every peak
# of orders 1 and 2.
BASE = 10 * 10**6
PER_CONVOLUTION = 20 * 10**3
DUAL = 1.3  # as measured on specs/darts_cnn.darts
SLACK = {"normal": 0.2, "low": 0.5}
# Where each edge runs one operation that is drawn, tensors of other sizes come in each step, and leave more holes.
HOLES = 0.15
STEPS = 100  # of those whose draws are looked at, where each edge runs one operation that is drawn


class Occupancy(TorchDispatchMode):
    """Within it, how many bytes the storages made by operations hold, now and at most.

    Works on every device; `known` storages do not count, others do in blocks
    of `block` bytes. On the meta device an operation that was seen on
    tensors of the same shapes is not asked again what it gives.
    """

    def __init__(self, known: Iterable[Tensor] = (), block: int = 1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._block = block
        self.now = 0
        self.peak = 0
        self._known = [tensor.untyped_storage() for tensor in known]  # held: no address is used again
        self._sizes: dict[int, int] = {storage._cdata: 0 for storage in self._known}
        self._seen: dict[Any, tuple[bool, list[_Shape | None]] | None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = self._result(func, args, kwargs or {})
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor):
                self._count(value.untyped_storage())
        return result

    def _result(self, func: Any, args: Any, kwargs: Any) -> Any:
        if func.is_view or func._schema.is_mutable:
            return func(*args, **kwargs)
        try:
            key = (func, _key(args), _key(tuple(kwargs.items())))
            seen = self._seen.get(key)
        except (TypeError, RuntimeError):  # an argument that is not a key
            return func(*args, **kwargs)
        if seen is not None:
            several, shapes = seen
            made = [None if shape is None else _empty(shape) for shape in shapes]
            return tuple(made) if several else made[0]
        result = func(*args, **kwargs)
        several = isinstance(result, tuple)
        values = result if several else (result,)
        inputs = {leaf.untyped_storage()._cdata for leaf in tree_leaves(args) if isinstance(leaf, Tensor)}
        if all(value is None or _is_new(value, inputs) for value in values):
            shapes = [None if v is None else (v.shape, v.stride(), v.dtype) for v in values]
            self._seen[key] = (several, shapes)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._sizes:
            return
        size = -(-storage.nbytes() // self._block) * self._block
        self._sizes[key] = size
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key)

    def _free(self, key: int) -> None:
        self.now -= self._sizes.pop(key)


def _empty(shape: _Shape) -> Tensor:
    return torch.empty_strided(shape[0], shape[1], dtype=shape[2], device="meta")


def _key(value: Any) -> Any:
    """What an operation's result on the meta device depends on."""
    if isinstance(value, Tensor):
        return (value.shape, value.stride(), value.dtype)
    return tuple(map(_key, value)) if isinstance(value, tuple | list) else value


def _is_new(value: Any, inputs: set[int]) -> bool:
    return isinstance(value, Tensor) and value.is_meta and value.untyped_storage()._cdata not in inputs


@dataclass(frozen=True)
class StepMemory:
    """Bytes of one search step at its peak, by what they hold.

    state       parameters, buffers, and what the two optimisers keep (momentum; two moments for the alphas)
    passes      the most that images (or text) and all else that the passes make hold at once
    slack       what a CPU process takes besides: kernels and what they keep, and holes in its heap; on a GPU workspaces
    """

    state: int
    passes: int
    slack: int

    @property
    def total(self) -> int:
        return self.state + self.passes + self.slack


def estimate_step(
    model: Supernet | Plan,
    batch: int,
    order: str,
    build: Build = DEFAULT,
    plugins: Implementations = (),
    curvature: bool = False,
    keep: int = 0,
) -> int:
    """Bytes at the peak of a search step with `batch` images of each half, or rows of text, the process's base apart.

    `order` is that of the alpha gradient: 1, 2 or exact. With `curvature` the peak may be where that is computed. A
    Supernet is not touched, and is as it was built; `build`, `plugins` and `keep`, the most candidates of an edge (0:
    all), are for a Plan: counted are the heaviest.
    Raises ValueError for another order, SpecError for an operation without an implementation (E0411) or with
    one that breaks its contract (E0412), UserError for what has more numbers than torch can count.
    """
    return step_memory(model, batch, order, build, plugins, curvature, keep).total


def step_memory(
    model: Supernet | Plan,
    batch: int,
    order: str,
    build: Build = DEFAULT,
    plugins: Implementations = (),
    curvature: bool = False,
    keep: int = 0,
) -> StepMemory:
    """The parts of `estimate_step`."""
    if order not in ORDERS:
        raise ValueError(f"order is one of {', '.join(ORDERS)}, not {order}")
    shadow = _shadow(model, batch, build, plugins, keep)
    block = memory_gpu.BLOCK if shadow.build.chosen_target.name == "cuda" else 1
    weights, alphas = _bytes(shadow.weights()), _bytes(shadow.alpha_parameters())
    taken, kept = "1" if order == "1" else "2", shadow.build.memory
    passes = step_peak(shadow, batch, taken, block)
    if order == "exact" or curvature:
        # Dual numbers: all twice, and what their derivatives keep; no layer is computed again.
        doubled, known = "2" if order == "exact" else "1", passes
        if kept != "normal":
            plainly = replace(build, memory="normal")
            shadow = _shadow(model, batch, plainly, plugins, keep)
        if (kept, taken) != ("normal", doubled):
            known = step_peak(shadow, batch, doubled, block)
        passes, kept = max(passes, round(DUAL * 2 * known)), "normal"
    if block > 1:
        passes = memory_gpu.rounded(passes)
        slack = memory_gpu.workspaces(shadow, batch)
    else:
        slack = _slack_of_cpu(shadow, passes, kept)
    return StepMemory(2 * (2 * weights + 3 * alphas + _bytes(list(shadow.buffers()))), passes, slack)


def _slack_of_cpu(model: Supernet, passes: int, kept: str) -> int:
    calls = sum(convolutions(application(model.graph, node)) for node in model.graph)
    part = SLACK[kept] + (HOLES if model.relaxation.single else 0.0)
    return BASE + PER_CONVOLUTION * calls + round(part * passes)


def step_peak(model: Supernet, batch: int, order: str, block: int = 1) -> int:
    """Bytes that a step of order 1 or 2 holds at most, inputs and gradients too, in blocks. It is taken:
    `model` should lie on the meta device, where there are no numbers to lose."""
    place = next(model.parameters())
    config = SearchConfig(order=order, skip_dropout=0.5 if model.build.skip_dropout else 0.0)
    method = Method.of(config, Constant(0.0, warmup=0 if model.alpha_parameters() else 1))
    step = SearchStep.of(model, method, config)
    step.finite.at_once = False
    held = Occupancy([*model.parameters(), *model.buffers()], block)
    number = costliest_step(model) if model.relaxation.single else 0
    with held:
        train, validation = random_batches(model.plan, batch, place)
        step.take(train, validation, number, Moment(0, 1))
    return held.peak


def costliest_step(model: Supernet) -> int:
    """Of the first steps of a search that runs one operation an edge, the one whose operations write the most numbers
    in a pass over either batch. At its start, draws decide, and not the alphas."""
    graph = model.optimised.graph
    members = {node: application(graph, node) for node in graph}
    owners = owners_of(members, ())
    written: dict[Owners, int] = {}  # by candidates, all of which are to be chosen
    for node, owner in owners.items():
        size = members[node].batch * math.prod(members[node].shape)
        written[owner] = written.get(owner, 0) + size
    edges = [edge_of(node, members, owners, model.tables) for node in members if members[node].kind == MIX]

    def total(number: int) -> int:
        return max(_written(edges, written, model.chosen(Pass(number, kind))) for kind in KINDS)

    return max(range(STEPS), key=total)


def _written(
    edges: Sequence[Edge], written: Mapping[Owners, int], chosen: Mapping[str, Sequence[int]]
) -> int:
    """Numbers for one image that the chosen operations write."""
    taken = set[Owner]()
    for edge in edges:
        row = edge.applied.attribute("row")
        column = chosen[str(edge.applied.attribute("table"))][int(str(row))]
        if column in edge.columns:
            taken.add((edge.mix, edge.columns.index(column)))
    return sum(size for owners, size in written.items() if taken.issuperset(owners))


def _shadow(
    model: Supernet | Plan, batch: int, build: Build, plugins: Implementations, keep: int
) -> Supernet:
    """The network on the meta device, as the passes for its own device make it.

    Raises UserError where `batch` images make tensors beyond counting.
    """
    if isinstance(model, Supernet):
        dtype = next(iter(model.parameters()), torch.empty(0)).dtype
        build = replace(model.build, dtype=dtype)
        plan, graph, builders = model.plan, model.graph, model.plugins
    else:
        plan, graph, builders = (
            model,
            build_graph(
                model,
                auxiliary_skip=build.auxiliary_skip,
                skip_dropout=build.skip_dropout,
                edge_weights=build.edge_weights,
            ),
            resolve(model, {}, plugins),
        )
        graph = prune(graph, heaviest(graph, keep)).graph if keep else graph
    if max(batch * plan.input.length * _largest(graph), parameters(graph)) > MOST_NUMBERS:
        raise UserError("a step needs more memory than can be counted", help="try a smaller --batch")
    try:
        return Supernet(
            plan, graph, replace(build, device="meta", target=build.chosen_target, amp=False), builders
        )
    except PluginError as fault:
        raise contract_error(fault, plan, {}) from fault


def _largest(graph: nx.DiGraph) -> int:
    """The most numbers, for one image, that an application reads and writes together."""
    sizes = {node: math.prod(application(graph, node).shape) for node in graph}
    return max(size + sum(sizes[i] for i in application(graph, node).inputs) for node, size in sizes.items())


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(int(tensor.numel()) * int(tensor.element_size()) for tensor in tensors)
