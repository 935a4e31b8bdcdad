"""A spec's network, ready to search: weights, alphas, and the mixing that joins them."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn

from dartsl.graph import passes as compiler
from dartsl.graph.build import build as build_graph
from dartsl.graph.operations import application, info
from dartsl.graph.prune import Kept, prune
from dartsl.graph.tables import DECIDED, KEPT, AlphaTable
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.network_plan import plan as make_plan
from dartsl.lang.plan.terms import Plan
from dartsl.nn.ambient import undisturbed
from dartsl.nn.batch import require_batch, require_whole
from dartsl.nn.build import DEFAULT, Build
from dartsl.nn.contract import Builder, PluginError
from dartsl.nn.edges import rivals, with_beside, with_edge_weights
from dartsl.nn.held import Held
from dartsl.nn.lower import lower
from dartsl.nn.lowered import Lowered
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.perturbation import with_perturbation
from dartsl.nn.placing import torch_device, torch_dtype
from dartsl.nn.plugins import Implementations, contract_error, resolve
from dartsl.nn.projection import decisions, recorded, undecided, with_projection
from dartsl.nn.relaxations import ALPHAS, RELAXATIONS, Architecture, places, spare, start
from dartsl.nn.single import Choice
from dartsl.nn.text import TextOutput

# What all copies of a network share.
SHARED = ("plan", "graph", "optimised", "build", "plugins", "tables", "cells", "relaxation")

Device = torch.device | str
Type = torch.dtype | str


class Supernet(nn.Module):
    """A network whose mixed edges are weighted by a relaxation of its alphas, such as their softmax.

    plan, graph   what it was made from, as `build` says, with `plugins`, the implementations by name
    optimised     the graph after the passes, with their reports
    network       the lowered network; its state_dict names follow the spec (language rule 18)
    alphas        table name -> (rows, columns): a row for each searched edge, a column for each candidate,
                  both in order of declaration. A row with fewer candidates than the longest one has spare columns
                  at its end, which nothing reads. Empty where the network is decided. A table whose name is an
                  attribute of ParameterDict (`keys`) has a `_` at its end there; `alpha` takes its own name.
                  What else a relaxation learns stands beside it in the same way, by the name of its group.
    seed          keys its first numbers and, with the pass, all that is drawn in one (`dartsl.nn.draws`)
    usual         the pass where none is given; of a search's network, with what is scheduled as in its last epoch
    """

    usual: Pass = PLAIN

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
        self.seed = build.seed
        relaxation = RELAXATIONS.of(build.relaxation)
        passes = (each for each in build.chosen_passes if not (relaxation.single and each.joins))
        self.optimised = compiler.apply(graph, passes)
        self.network: Lowered = lower(
            self.optimised.graph,
            seed=build.seed,
            device=device,
            dtype=dtype,
            plugins=self.plugins,
            plain=graph,
            low_memory=build.memory == "low",
            single=relaxation.single,
        )
        self.tables = info(graph).alphas
        self.cells = {cell.name: cell for cell in plan.cells()}
        self._widths = [application(graph, carry).shape[0] for carry in info(graph).carries]
        relaxation = with_projection(with_perturbation(relaxation), build.projected)
        self.relaxation = with_edge_weights(relaxation) if build.edge_weights else relaxation
        self.alphas = nn.ParameterDict()
        self._group_names = [ALPHAS]
        for group, values in start(self.relaxation, self.tables, build.seed, build.alphas_start).items():
            for table, value in values.items():
                self._group(group)[_key(table)] = nn.Parameter(value.to(device, dtype))
        for each in self.tables:
            for name, value in self._places(each).items():  # not in the state_dict: it follows from the graph
                self.register_buffer(name, value.to(device), persistent=False)
            if build.projected:
                self.register_buffer(f"{DECIDED}_{each.name}", undecided(each).to(device, dtype))

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Move or convert all tensors; what no state_dict holds has its numbers again even after `to_empty`."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for each in self.tables:
            for name, value in self._places(each).items():
                self._buffers[name] = value.to(self.get_buffer(name).device)
        return self

    def _places(self, table: AlphaTable) -> dict[str, Tensor]:
        """By buffer: which columns of a table are spare and, with edge weights, which of its edges meet."""
        found = {f"spare_{table.name}": spare(table)}
        return found | ({f"rivals_{table.name}": rivals(table)} if self.build.edge_weights else {})

    def forward(
        self, inputs: Tensor, carries: Sequence[Tensor] | None = None, pass_: Pass | None = None
    ) -> Any:
        """(B, C, H, W) images, (B, C, L) series or (B, F) vectors, all normalised -> (B, classes) logits.

        A network of text: tokens (T, B), int64, and each carry (B, H) of the scans (None: zeros) -> `TextOutput`.
        Without a pass it is the usual one. Raises UserError for a tensor that is no batch of these.
        """
        require_batch(inputs, self.plan.input)
        given = self.usual if pass_ is None else pass_
        rows = inputs.unsqueeze(2) if self.plan.input.shape.series else inputs  # (B, C, 1, L) of a series
        arguments = (rows, *self._carries(inputs, carries), *self._mixing(given), given)
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
        """The carries of the scans at the start of a window."""
        if self._widths:
            require_whole(inputs, self.network)
        return self.carries(inputs.shape[1]) if carries is None else carries

    def carries(self, rows: int) -> list[Tensor]:
        """The carries (rows, H) of the scans at the start of a text: zeros."""
        like = next(self.network.parameters())
        return [torch.zeros(rows, width, dtype=like.dtype, device=like.device) for width in self._widths]

    def weights(self) -> list[nn.Parameter]:
        """Every parameter that is not an alpha, in order of layers."""
        held: Held | None = vars(self).get("_held")
        if held is None or held.root is not self.network:
            held = Held(self.network)
            vars(self)["_held"] = held
        return held.current()

    def plain(self) -> Supernet:
        """This network at -O0, on the very same modules, parameters and buffers.

        Each module is called by itself there, as any module of torch is: for what counts or replaces modules.
        """
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        twin._modules = {**self._modules, "network": self.network.plain()}
        twin.build = replace(self.build, level=0, passes=None)
        twin.optimised = compiler.apply(self.graph, ())
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled. Raises UserError where that needs code of a plugin that cannot be imported."""
        for name, builder in self.plugins.items():
            if not _importable(builder):
                raise UserError(
                    f"a network cannot be pickled with the plugin `{name}`, whose code stands in a file of its own",
                    help="save its `state_dict()`, and load that into a network that is compiled again",
                )
        return {name: value for name, value in vars(self).items() if name != "_held"}

    def __deepcopy__(self, memo: dict[int, Any]) -> Supernet:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        shared = {name: vars(self)[name] for name in SHARED}
        rest = {name: value for name, value in vars(self).items() if name not in (*SHARED, "_held")}
        vars(twin).update(shared, **copy.deepcopy(rest, memo))
        return twin

    def alpha_parameters(self) -> list[nn.Parameter]:
        """What the relaxation learns: the alphas, one tensor a table in order, then its other groups likewise."""
        return [parameter for _, parameter in self.learnt()]

    def learnt(self) -> list[tuple[AlphaTable, nn.Parameter]]:
        """The same, each with its table."""
        return [
            (table, group[_key(table.name)])
            for group in self._groups.values()
            for table in self.tables
            if _key(table.name) in group
        ]

    def alpha(self, table: str) -> nn.Parameter:
        """The alphas of a table by its name. Raises KeyError where there is none."""
        found: nn.Parameter = self.alphas[_key(table)]
        return found

    def mixing_weights(self, pass_: Pass = PLAIN) -> dict[str, Tensor]:
        """By table, (rows, columns), exact zeros after the end of a short row; a pass keys what is drawn for them."""
        return {each.name: self.relaxation.weights(self._architecture(each), pass_) for each in self.tables}

    def architectures(self) -> list[Architecture]:
        """The parameters of each table, in order."""
        return [self._architecture(each) for each in self.tables]

    def _mixing(self, pass_: Pass) -> list[Any]:
        """What the lowered network takes of each table: its mixing weights, and those of what stands beside them, or a
        `Choice` for each of its rows."""
        found: list[Any] = []
        for architecture in self.architectures():
            weights = self.relaxation.weights(architecture, pass_)
            given: Any = with_beside(weights, architecture, pass_) if architecture.table.beside else weights
            if self.relaxation.single:
                chosen = places(self.relaxation, architecture, weights.detach(), pass_)
                given = tuple(map(Choice, given.unbind(0), chosen))
            found.append(given)
        return found

    def chosen(self, pass_: Pass) -> dict[str, list[int]]:
        """By table, the column that each row computes in a pass, where the relaxation has it compute one alone."""
        mixing = zip(self.tables, self._mixing(pass_), strict=True)
        return {table.name: [choice.place for choice in choices] for table, choices in mixing}

    def expected_weights(self) -> dict[str, Tensor]:
        """As `mixing_weights`, with nothing drawn."""
        if (expected := self.relaxation.expected) is None:
            return self.mixing_weights()
        return {each.table.name: expected(each) for each in self.architectures()}

    def architecture(self) -> dict[str, dict[str, list[Any]]]:
        """What is learnt, by group, table and row, without spare columns; which columns are left; what is decided."""
        found = {
            group: {
                table.name: _trimmed(values[_key(table.name)].tolist(), table)
                for table in self.tables
                if _key(table.name) in values
            }
            for group, values in self._groups.items()
        }
        kept = {each.name: [list(row) for row in each.columns] for each in self.tables if each.columns}
        return {**found, **({KEPT: kept} if kept else {}), **recorded(self.decided())}

    def decided(self) -> dict[str, list[int | None]]:
        """By table, of each row what was decided (`decisions`); empty where nothing can be."""
        tables = self.tables if self.build.projected else ()
        return {each.name: decisions(self.get_buffer(f"{DECIDED}_{each.name}"), each) for each in tables}

    def _architecture(self, table: AlphaTable) -> Architecture:
        key = _key(table.name)
        parameters = {name: values[key] for name, values in self._groups.items() if key in values}
        unused = self.get_buffer(f"spare_{table.name}") if len(set(table.sizes)) > 1 else None
        meeting = self.get_buffer(f"rivals_{table.name}") if self.build.edge_weights else None
        decided = self.get_buffer(f"{DECIDED}_{table.name}") if self.build.projected else None
        cell, seed = self.cells.get(table.cell), self.build.seed
        return Architecture(table, parameters, unused, seed, meeting, self.training, decided, cell)

    def _group(self, name: str) -> nn.ParameterDict:
        """The parameters of a group, by the keys of their tables. Raises ValueError for a name that is in use here."""
        if name not in self._group_names:
            if hasattr(self, name):
                raise ValueError(f"a group of a relaxation's parameters cannot be named {name}")
            self.add_module(name, nn.ParameterDict())
            self._group_names.append(name)
        return self._groups[name]

    @property
    def _groups(self) -> dict[str, nn.ParameterDict]:
        """What the relaxation learns, by the names of its groups: the modules that are there now."""
        return {name: getattr(self, name) for name in self._group_names}


def compile(
    spec: Spec,
    network: str | None = None,
    parameters: Mapping[str, Fraction | int] | None = None,
    build: Build = DEFAULT,
    plugins: Implementations = (),
    partial: int = 1,
) -> Supernet:
    """Compile a network of a checked spec.

    `parameters` replace the network's defaults (`{"C": 36}`); `plugins` are files that implement `extern
    op`s, or implementations by name; `partial` is that of a search. A spec that is decided gives a network without
    alphas.

    Raises SpecError for a fault in the spec (widths, strides, sizes; E0411 and E0412 for a plugin), UserError
    for a network, parameter, `dtype`, `device` or `relaxation` that does not exist, or a plugin file that fails.
    """
    return from_plan(
        spec, make_plan(spec, pick_network(spec, network), parameters or {}, partial), build, plugins
    )


@undisturbed()
def from_plan(
    spec: Spec,
    plan: Plan,
    build: Build = DEFAULT,
    plugins: Implementations = (),
    kept: Kept | None = None,
) -> Supernet:
    """`compile`, for a network that is planned already, and perhaps without some candidates. Raises ValueError for
    `kept` that does not fit it."""
    declared = {name: operation.span for name, operation in spec.operations.items()}
    builders = resolve(plan, declared, plugins)
    graph = build_graph(
        plan,
        drop_path=build.drop_path,
        auxiliary=build.auxiliary,
        auxiliary_skip=build.auxiliary_skip,
        skip_dropout=build.skip_dropout,
        edge_weights=build.edge_weights,
    )
    graph = prune(graph, kept).graph if kept else graph
    try:
        return Supernet(plan, graph, build, builders)
    except PluginError as fault:
        raise contract_error(fault, plan, declared) from fault


def _importable(thing: Any) -> bool:
    """Whether another process can import a function or a class by its name."""
    home = getattr(thing, "__module__", None) or ""
    outside = home.startswith("dartsl_plugin_") or home not in sys.modules
    return not outside and getattr(sys.modules[home], getattr(thing, "__qualname__", ""), None) is thing


def _trimmed(rows: list[Any], table: AlphaTable) -> list[Any]:
    """(rows, columns) without spare columns; (rows,) as it is."""
    return [row[:size] if isinstance(row, list) else row for row, size in zip(rows, table.sizes, strict=True)]


def _key(table: str) -> str:
    return f"{table}_" if hasattr(nn.ParameterDict, table) else table
