"""A spec's network, ready to search: weights, alphas, and the mixing that joins them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

import networkx as nx
import torch
from torch import Tensor, fx, nn

from dartsl.graph import passes as compiler
from dartsl.graph.build import build as build_graph
from dartsl.graph.operations import application, info
from dartsl.graph.tables import AlphaTable
from dartsl.lang.check import pick_network
from dartsl.lang.diagnostics import UserError
from dartsl.lang.model import Spec
from dartsl.lang.plan import plan as make_plan
from dartsl.lang.terms import Plan
from dartsl.nn.ambient import Ambient
from dartsl.nn.build import DEFAULT, Build
from dartsl.nn.contract import Builder, PluginError
from dartsl.nn.draws import stream_seed
from dartsl.nn.lower import lower
from dartsl.nn.passing import Pass
from dartsl.nn.plugins import Plugins, contract_error, resolve
from dartsl.nn.recompute import recompute_layers
from dartsl.nn.scan import recompute_steps
from dartsl.nn.text import TextOutput

ALPHA_SCALE = 1e-3  # alpha ~ 1e-3 * N(0, 1) (method.md, "Relaxation")

DTYPES: Mapping[str, torch.dtype] = {"float32": torch.float32, "float64": torch.float64}


class Supernet(nn.Module):
    """A network whose mixed edges are weighted by the softmax of its alphas.

    plan, graph   what it was made from, as `build` says, with `plugins`, the implementations by name
    optimised     the graph after the passes, with their reports
    network       the lowered network; its state_dict names follow the spec (language rule 18)
    alphas        table name -> (rows, columns): a row for each searched edge, a column for each candidate,
                  both in order of declaration. A row with fewer candidates than the longest one has spare columns
                  at its end, which nothing reads. Empty where the network is decided. A table whose name is an
                  attribute of ParameterDict (`keys`) has a `_` at its end there; `alpha` takes its own name.
    draws         the random primitives' numbers: call `draws.at(step, "train" | "validation")` before a pass
    """

    def __init__(
        self,
        plan: Plan,
        graph: nx.DiGraph,
        build: Build = DEFAULT,
        plugins: Mapping[str, Builder] | None = None,
    ) -> None:
        """Raises UserError for a `device` or `dtype` that does not exist, PluginError."""
        super().__init__()
        device, dtype = torch_device(build.device), torch_dtype(build.dtype)
        self.plan = plan
        self.graph = graph
        self.build = build
        self.plugins = dict(plugins or {})
        self.draws = Ambient(build.seed)
        passes = build.passes
        self.optimised = compiler.apply(
            graph, compiler.passes_of(build.level, build.chosen_target) if passes is None else passes
        )
        self.network: fx.GraphModule = lower(
            self.optimised.graph,
            seed=build.seed,
            device=device,
            dtype=dtype,
            plugins=self.plugins,
        )
        if build.memory == "low":
            recompute_layers(self.network)
            recompute_steps(self.network)
        self.tables = info(graph).alphas
        self.alphas = nn.ParameterDict()
        for table in self.tables:
            self.alphas[_key(table.name)] = nn.Parameter(_initial_alphas(table, build.seed).to(device, dtype))
            # Not in the state_dict: it follows from the graph. True where a row has no such candidate.
            self.register_buffer(f"spare_{table.name}", _spare(table).to(device), persistent=False)
        # Kept, since a walk through thousands of modules takes milliseconds; `to` changes parameters in place.
        self._weights = list(self.network.parameters())

    def forward(
        self, inputs: Tensor, carries: Sequence[Tensor] | None = None, pass_: Pass | None = None
    ) -> Any:
        """(B, C, H, W) images, normalised, in the network's type -> (B, classes) logits.

        A network of text: tokens (T, B), int64, and the state (B, H) of each scan (None: zeros) -> `TextOutput`.
        """
        given = self.draws.pass_ if pass_ is None else pass_
        arguments = (inputs, *self._carries(inputs, carries), *self.mixing_weights().values(), given)
        if not self.build.amp:
            return self.network(*arguments)
        with torch.autocast(inputs.device.type, torch.bfloat16):
            output = self.network(*arguments)
        if not isinstance(output, TextOutput):
            return output.to(inputs.dtype)  # (B, classes)
        dtype = next(self.network.parameters()).dtype
        ends = tuple(carry.to(dtype) for carry in output.carries)
        logits, outputs, dropped = (each.to(dtype) for each in output[:3])
        return TextOutput(logits, outputs, dropped, ends)

    def _carries(self, inputs: Tensor, carries: Sequence[Tensor] | None) -> Sequence[Tensor]:
        """The state of each scan at the start of a window."""
        return self.carries(inputs.shape[1]) if carries is None else carries

    def carries(self, rows: int) -> list[Tensor]:
        """The state (rows, H) of each scan at the start of a text: zeros."""
        like = next(self.network.parameters())
        widths = [application(self.graph, carry).shape[0] for carry in info(self.graph).carries]
        return [like.new_zeros(rows, width) for width in widths]

    def weights(self) -> list[nn.Parameter]:
        """Every parameter that is not an alpha, in order of layers."""
        return list(self._weights)

    def alpha_parameters(self) -> list[nn.Parameter]:
        """The alphas, one tensor a table, in order of the tables."""
        return [self.alpha(table.name) for table in self.tables]

    def alpha(self, table: str) -> nn.Parameter:
        """The alphas of a table by its name. Raises KeyError where there is none."""
        found: nn.Parameter = self.alphas[_key(table)]
        return found

    def mixing_weights(self) -> dict[str, Tensor]:
        """Softmax of the alphas, table by table: (rows, columns), exact zeros after the end of a short row."""
        return {table.name: self._softmax(table) for table in self.tables}

    def _softmax(self, table: AlphaTable) -> Tensor:
        alphas: Tensor = self.alpha(table.name)
        if len(set(table.sizes)) > 1:
            alphas = alphas.masked_fill(self.get_buffer(f"spare_{table.name}"), -torch.inf)
        return torch.softmax(alphas, dim=-1)

    @contextmanager
    def frozen_statistics(self) -> Iterator[None]:
        """Within it no pass moves a running statistic (nor `num_batches_tracked`), in training mode too.

        A training pass still normalises with the statistics of its batch.
        """
        before = self.draws.pass_.frozen
        self.draws.pass_ = replace(self.draws.pass_, frozen=True)
        try:
            yield
        finally:
            self.draws.pass_ = replace(self.draws.pass_, frozen=before)


def compile(
    spec: Spec,
    network: str | None = None,
    parameters: Mapping[str, Fraction | int] | None = None,
    build: Build = DEFAULT,
    plugins: Plugins = (),
) -> Supernet:
    """Compile a network of a checked spec.

    `parameters` replace the network's defaults (`{"C": 36}`); `plugins` are files that implement `extern
    op`s, or implementations by name. A spec that is decided gives a network without alphas.

    Raises SpecError for a fault in the spec (widths, strides, sizes; E0411 and E0412 for a plugin), UserError
    for a network, parameter, `dtype` or `device` that does not exist, or a plugin file that fails.
    """
    return from_plan(spec, make_plan(spec, pick_network(spec, network), parameters or {}), build, plugins)


def from_plan(spec: Spec, plan: Plan, build: Build = DEFAULT, plugins: Plugins = ()) -> Supernet:
    """`compile`, for a network that is planned already."""
    declared = {name: operation.span for name, operation in spec.operations.items()}
    builders = resolve(plan, declared, plugins)
    graph = build_graph(plan, drop_path=build.drop_path, auxiliary=build.auxiliary)
    try:
        return Supernet(plan, graph, build, builders)
    except PluginError as fault:
        raise contract_error(fault, plan, declared) from fault


def torch_device(device: torch.device | str) -> torch.device:
    """The torch device that a setting names. Raises UserError where torch knows or finds no such device."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as fault:  # a torch without CUDA asserts
        reason = str(fault).partition("\n")[0].partition(". ")[0]  # torch goes on with its dispatch keys
        raise UserError(f"no device `{device}` here: {reason}", help="`cpu` is always there") from fault
    return found


def torch_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """The torch type that a setting names. Raises UserError for another name."""
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype not in DTYPES:
        raise UserError(f"no floating type `{dtype}`", help="one of " + ", ".join(DTYPES))
    return DTYPES[dtype]


def _initial_alphas(table: AlphaTable, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(stream_seed(seed, "alphas", table.name))
    drawn = torch.randn(len(table.sizes), max(table.sizes), generator=generator)
    return (ALPHA_SCALE * drawn).masked_fill(_spare(table), 0.0)


def _spare(table: AlphaTable) -> Tensor:
    columns = torch.arange(max(table.sizes))
    return columns >= torch.tensor(table.sizes)[:, None]  # (rows, columns)


def _key(table: str) -> str:
    return f"{table}_" if hasattr(nn.ParameterDict, table) else table
