"""The lowering: an operation graph, application by application, to torch.fx.

The network is one GraphModule with a GraphModule for each layer in it, so that the code that runs is code
that can be printed and read. Mixing weights are arguments of `forward`, one tensor per table; the last argument is
the pass (`dartsl.nn.passing`), which goes on to the layers and modules that depend on it. The lowering computes what
the graph says, of that what the output needs, and nothing else. A graph as it was built is the plain lowering (-O0);
optimising passes are proved against it. All modules are there whatever the graph uses of them, in one order: the
state_dict is the same at every level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import getitem
from typing import Any

import networkx as nx
import torch
from torch import fx, nn

from dartsl.graph.kinds import MIX, kind_of
from dartsl.graph.operations import Application, GraphInfo, application, info
from dartsl.nn import extern, fused, primitives
from dartsl.nn.builders import Drawn, builder_of, function_of, module_builder
from dartsl.nn.candidates import Owners, edge_of, owners_of, rows_of, write_choice
from dartsl.nn.contract import Builder
from dartsl.nn.draws import Draws
from dartsl.nn.emit import emit_python
from dartsl.nn.functions import FUSED
from dartsl.nn.layers import PASS, Layer, depends_on_pass, layers_of, short
from dartsl.nn.lowered import Lowered
from dartsl.nn.modules import build_modules
from dartsl.nn.packs import PACKED, Packs, one_by_one
from dartsl.nn.recompute import recompute_layers
from dartsl.nn.scan import ScanParts, recompute_steps, scan
from dartsl.nn.scope import Scope
from dartsl.nn.tree import attach, empty, function_from
from dartsl.nn.watch import Baseline
from dartsl.nn.watching import baselines, same_interfaces

__all__ = ["build_modules", "emit_python", "lower"]


def lower(
    graph: nx.DiGraph,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    plugins: Mapping[str, Builder] | None = None,
    plain: nx.DiGraph | None = None,
    low_memory: bool = False,
    single: bool = False,
) -> Lowered:
    """The network of an operation graph: forward(image (B, C, H, W), a (rows, columns) tensor a table, the pass) ->
    logits. One of text: forward(tokens (T, B), the carries (B, H) of each scan, such tensors, the pass) -> TextOutput.

    The tensors of mixing weights come in the order of `GraphInfo.alphas`. Parameters are drawn in float32 on
    the CPU, each module from a stream of its own (seed and path), then moved to `device` and `dtype`; `seed` keys
    what random primitives draw, too. Each fx node of a layer carries the id of its application as
    `meta["application"]`; the network carries its `GraphInfo` as `meta["info"]`.

    plain       the graph before the passes, for the plain code beside that of `graph` (dartsl/nn/lowered.py)
    low_memory  layers and steps of loops are computed again in the backward pass
    single      of each mix one candidate is computed; a `dartsl.nn.single.Choice` a row stands for a table's weights

    Raises PluginError where an operation has no implementation among `plugins`, or one that breaks its
    contract.
    """
    recipe = _Recipe(graph, plain or graph, seed, plugins or {}, low_memory, single)
    return recipe.lowered(device, dtype)


@dataclass(frozen=True)
class _Recipe:
    """All that a network is lowered from, but the numbers in its modules."""

    graph: nx.DiGraph
    plain: nx.DiGraph
    seed: int
    plugins: Mapping[str, Builder]
    low_memory: bool
    single: bool

    def plainly(self) -> _Recipe:
        """The same network without passes."""
        return replace(self, graph=self.plain)

    def lowered(self, device: torch.device | str = "meta", dtype: torch.dtype = torch.float32) -> Lowered:
        record = info(self.graph)
        modules = build_modules(record, seed=self.seed, device=device, dtype=dtype, plugins=self.plugins)
        draws = Draws(self.seed)
        lowering = _Lowering(self.graph, record, modules, draws, self.single)
        network = lowering.network()
        network.meta["info"] = record
        plain = _Lowering(self.plain, info(self.plain), modules, draws, self.single, plain=True)
        if self.low_memory:
            recompute_layers(network)
            recompute_steps(network)
        plain.accompany(network, lowering)
        network._recipe = self
        return network


@dataclass
class _Lowering:
    graph: nx.DiGraph
    record: GraphInfo
    modules: Mapping[str, nn.Module]
    draws: Draws
    single: bool
    plain: bool = (
        False  # the code beside that of the passes, which takes a user's modules for dartsl's own, too
    )
    layers: dict[str, Layer] = field(default_factory=dict)

    def network(self) -> Lowered:
        """One module that calls the layers in order."""
        self.layers = layers_of(self.graph, self.record)
        network = empty(f"{self.record.network}_network")
        own: dict[str, dict[str, nn.Module]] = {name: {} for name, _ in self.record.layers}
        for path, module in self.modules.items():
            own[path.partition(".")[0]][path] = module
        for name, modules in own.items():
            network.add_module(name, self.layer(name, modules))
        network.graph = self.outer(network)
        return network

    def accompany(self, network: Lowered, lowering: _Lowering) -> None:
        """Put this plain code beside that of another lowering of the same modules."""
        self.layers = layers_of(self.graph, self.record)
        watched = baselines(network, lowering, self, self.modules)
        apart = same_interfaces(lowering, self)
        layers = {name: layer for name, layer in network.named_children() if isinstance(layer, Lowered)}
        loops = [layer for name, layer in layers.items() if self.layers[name].scan is not None]
        together = (*(loops if apart else layers.values()), network)
        for name, layer in layers.items():
            layer.accompany(function_from(self.code(name, layer)), watched[name])
            layer._together = () if apart else together
        if loops or not apart:  # the network's own code calls modules of a loop
            network.accompany(function_from(self.outer(network)), Baseline({}))
            network._together = together

    def outer(self, network: Lowered) -> fx.Graph:
        """The code of the network."""
        code = fx.Graph()
        values = {self.record.input: code.placeholder(self.record.input)}
        for carry in self.record.carries:
            values[carry] = code.placeholder(carry.replace(".", "_"))
        weights = {table.name: self.placeholder(code, table.name) for table in self.record.alphas}
        outer = Scope(code, network, None, weights, pass_=code.placeholder(PASS))
        for layer in self.layers.values():
            if layer.scan is None:
                self.call(outer, layer, values)
            else:
                self.loop(outer, layer, layer.scan, values)
        output = application(self.graph, self.record.output)
        if output.kind == "bundle":
            inputs = tuple(values[source] for source in output.inputs)
            values[self.record.output] = self.apply(outer, self.record.output, output, inputs)
        code.output(values[self.record.output])
        return code

    def placeholder(self, code: fx.Graph, table: str) -> fx.Node:
        """The mixing weights of a table as they come in; a tuple of choices where each edge computes one candidate."""
        return code.placeholder(f"{table}_weights", type_expr=tuple if self.single else None)

    def call(self, outer: Scope, layer: Layer, values: dict[str, fx.Node]) -> None:
        """The call of a layer in the code of the network."""
        code = outer.code
        arguments = (
            *(values[read] for read in layer.reads),
            *(code.get_attr(f"{path}.weight") for path in layer.borrowed),
            *(outer.weights[table] for table in layer.tables),
            *outer.passes(layer),
        )
        result = code.create_node("call_module", layer.name, arguments, name=layer.name)
        self.unpack(result, layer.gives, values)

    def unpack(self, result: fx.Node, given: Sequence[str], values: dict[str, fx.Node]) -> None:
        """The values of what a call gives, one by one where they are several."""
        if len(given) == 1:
            values[given[0]] = result
        for place, node in enumerate(given if len(given) > 1 else ()):
            name = self.value_name(node)
            values[node] = result.graph.create_node("call_function", getitem, (result, place), name=name)

    def loop(self, outer: Scope, layer: Layer, parts: ScanParts, values: dict[str, fx.Node]) -> None:
        """What a scan layer computes once a pass, then its loop, in the code of the network."""
        code = outer.code
        if parts.element is not None:
            values[parts.element] = values[application(self.graph, parts.element).inputs[0]]
        outside = {node: application(self.graph, node) for node in parts.outside}
        owners = owners_of(outside, (*parts.elements, *parts.invariant)) if self.single else {}
        self.write(outer, outside, owners, values)
        weights = [outer.weights[table] for table in layer.tables]
        invariants = (
            *(values[node] for node in parts.invariant),
            *(weights if self.single else (one_by_one(code, each) for each in weights)),
            *outer.passes(layer),
        )
        arguments = (
            code.create_node("get_attr", layer.name, name=f"{layer.name}_step"),
            tuple(values[node] for node in self.elements(parts)),
            tuple(values[node] for node in layer.carries),
            invariants,
        )
        name = f"{layer.name}_loop" if parts.carried else layer.name
        result = code.create_node("call_function", scan, arguments, name=name)
        self.unpack(result, (parts.sequence, *parts.carried), values)

    def elements(self, parts: ScanParts) -> tuple[str, ...]:
        """The sequences that a step takes an element of; the tokens where it needs none, so that steps are counted."""
        return parts.elements or (self.record.input,)

    def layer(self, name: str, own: Mapping[str, nn.Module]) -> nn.Module:
        """The GraphModule of one layer: its inputs, oldest first, the mixing weights that it uses, and the pass.

        That of a scan layer is one step: elements, carries, what is the same at every step, mixing weights, the pass.
        A layer that the output does not need holds its modules and computes nothing.
        """
        layer = self.layers.get(name)
        root = nn.Module() if layer is None else empty(name)
        for path, module in own.items():
            attach(root, short(path, name), module)
        if isinstance(root, Lowered):
            root.graph = self.code(name, root)
        return root

    def code(self, name: str, root: Lowered) -> fx.Graph:
        """The code of one layer, whose modules lie below `root`."""
        layer = self.layers[name]
        code = fx.Graph(root)
        members, gives, reads = layer.members, layer.gives, layer.reads
        if layer.scan is not None:
            members, gives = layer.scan.inside, layer.scan.bodies
            reads = (*self.elements(layer.scan), *layer.carries, *layer.scan.invariant)
        values = {read: code.placeholder(self.value_name(read)) for read in reads}
        matrices = {path: code.placeholder(f"{path}_weight".replace(".", "_")) for path in layer.borrowed}
        weights = {table: self.placeholder(code, table) for table in layer.tables}
        pass_ = code.placeholder(PASS) if layer.passed else None
        applied_here = {node: application(self.graph, node) for node in members}
        owners = owners_of(applied_here, gives) if self.single else {}
        outer = {node: applied for node, applied in applied_here.items() if node not in owners}
        packs = Packs(code, outer, self.modules, weights, layer.scan is not None).run()
        scope = Scope(code, root, name, weights, layer.scan is not None, matrices, pass_, packs)
        self.write(scope, applied_here, owners, values)
        given = tuple(values[node] for node in gives)
        code.output(given[0] if len(given) == 1 else given)
        return code

    def write(
        self,
        scope: Scope,
        members: Mapping[str, Application],
        owners: Mapping[str, Owners],
        values: dict[str, fx.Node],
    ) -> None:
        """Write applications down, in order; those of one candidate alone stand in methods of their own."""
        for node, applied in ((each, members[each]) for each in members if each not in owners):
            if self.single and applied.kind == MIX:
                edge = edge_of(node, members, owners, self.record.alphas)
                values[node] = write_choice(self, scope, edge, values)
            else:
                inputs = tuple(values[source] for source in applied.inputs)
                values[node] = self.apply(scope, node, applied, inputs)
            values[node].meta["application"] = node

    def apply(self, scope: Scope, node: str, applied: Application, inputs: tuple[fx.Node, ...]) -> fx.Node:
        """The fx node of one application."""
        code, name = scope.code, scope.name(node)
        kind = kind_of(applied)
        if applied.kind == MIX:
            table, row = applied.attribute("table"), applied.attribute("row")
            arguments = (scope.weights[str(table)], row)
            chosen = code.create_node("call_function", getitem, arguments, name=f"{name}_weights")
            keywords: dict[str, Any] = {key: value for key, value in applied.attributes if key == "columns"}
            return code.create_node("call_function", primitives.mix, (chosen, *inputs), keywords, name=name)
        if kind.has("matrix") and len(applied.state) == 2:
            own, embedding = applied.state
            matrix = scope.matrices.get(embedding) or code.get_attr(f"{scope.target(embedding)}.weight")
            return code.create_node("call_module", scope.target(own), (*inputs, matrix), name=name)
        if applied.kind in FUSED or len(applied.state) > 1:
            return self.fused(scope, node, applied, inputs)
        if applied.state or applied.random is not None:
            path, module = self.module(node, applied)
            target = scope.target(path)
            passed: dict[str, Any] = {PASS: scope.pass_} if depends_on_pass(applied) else {}
            if kind.has("opaque"):
                plugin = code.create_node("get_attr", target, name=f"{name}_module")
                return code.create_node("call_function", extern.call, (plugin, *inputs), passed, name=name)
            if self.plain and isinstance(module, extern.OWN) and passed:
                got = code.create_node("get_attr", target, name=f"{name}_module")
                return code.create_node("call_function", extern.called, (got, *inputs), passed, name=name)
            if applied.random is not None and not applied.state:
                attach(scope.root, target, module)
            if kind.has("matrix") and len(application(self.graph, applied.inputs[0]).shape) == 3:
                inputs = (
                    code.create_node("call_function", primitives.flatten, inputs, name=f"{name}_input"),
                )
            return code.create_node("call_module", target, inputs, passed, name=name)
        function, attributes = function_of(applied)
        return code.create_node("call_function", function, inputs, dict(attributes), name=name)

    def fused(self, scope: Scope, node: str, applied: Application, inputs: tuple[fx.Node, ...]) -> fx.Node:
        """The call of a fused function: its modules and mixing weights come by keyword."""
        code, name = scope.code, scope.name(node)
        state = tuple(code.get_attr(scope.target(path)) for path in applied.state)
        if applied.kind not in FUSED:  # one batch norm for several
            keywords: dict[str, Any] = {"state": state, PASS: scope.pass_}
            return code.create_node("call_function", fused.shared_bn, inputs, keywords, name=name)
        packed = scope.packs.get(node, {})
        keywords = {
            key: value for key, value in applied.attributes if key not in PACKED.get(applied.kind, ("table",))
        }
        kind = kind_of(applied)
        if kind.state and applied.kind != "convolution":
            keywords["state"] = state
        if kind.has("mixes") and "gain" not in packed:
            mixing = scope.weights[str(applied.attribute("table"))]
            rows = rows_of if self.single else one_by_one
            keywords["weights"] = mixing if scope.each and not self.single else rows(code, mixing)
        if depends_on_pass(applied):
            keywords[PASS] = scope.pass_
        keywords |= packed
        return code.create_node("call_function", FUSED[applied.kind], inputs, keywords, name=name)

    def module(self, node: str, applied: Application) -> tuple[str, nn.Module]:
        """The module that an application calls, and the path at which it lives."""
        if applied.state:
            module, found = self.modules[applied.state[0]], module_builder(applied.kind)
            if found is not None and found.draws is not None:
                found.draws(module, self.draws, applied)
            return applied.state[0], module
        builder = builder_of(applied)
        if applied.random is None or not isinstance(builder, Drawn):
            raise TypeError(f"{node}: a {applied.kind} without a key for its draws")
        return node, builder.build(self.draws, applied)

    def value_name(self, node: str) -> str:
        """What a value is called outside its layer: by the layer alone where that gives one value."""
        if node == self.record.input:
            return node
        layer = application(self.graph, node).layer
        found = self.layers[layer]
        outside = len(found.gives) == 1 if found.scan is None else node == found.scan.sequence
        if outside:
            return layer
        return f"{layer}_{short(node, layer)}".replace(".", "_")
