"""A plan as an operation graph: every primitive of every candidate of every edge, as DARTS defines them.

Nothing is simplified here: `none` is an application that gives zeros, and a node of one edge still sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import networkx as nx

from dartsl.graph.auxiliary import with_auxiliary
from dartsl.graph.channels import Channels
from dartsl.graph.kinds import INPUT, MIX, kind_of
from dartsl.graph.operations import Application, GraphInfo, Value, application
from dartsl.graph.paths import Paths, candidate_name, safe
from dartsl.graph.recurrent import Loop, bundled, tied
from dartsl.graph.skips import AUXILIARY_SKIP, SKIP_DROPOUT, skip_beside
from dartsl.graph.tables import SHARE, SKIP, table_name, tables_of
from dartsl.lang.check.model import Edge, Node
from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.plan.skips import entering, is_skip, skip_faults
from dartsl.lang.plan.terms import CellLayer, CellTerm, Merge, Plan, Step, Term
from dartsl.lang.plan.terms import Sequence as Chain
from dartsl.lang.records.primitives import built_in, called, owner, plugin
from dartsl.lang.records.record import ModuleSpec, Primitive
from dartsl.lang.records.tensors import Shape


def build(
    plan: Plan,
    *,
    drop_path: bool = False,
    auxiliary: bool = False,
    auxiliary_skip: bool = False,
    skip_dropout: bool = False,
    edge_weights: bool = False,
) -> nx.DiGraph:
    """The operation graph of a planned network; `dartsl.graph.operations` says what it holds.

    For training: with `drop_path` one stands after the operation of each decided edge of a cell, but the identity
    (and `none`, which has nothing to drop); `auxiliary` is said in `dartsl.graph.auxiliary`. For a search: with
    `auxiliary_skip` a skip connection stands beside the candidates of each edge that offers a choice; with
    `skip_dropout` dropout stands after those of the candidates that are skip connections in their layer. Raises
    SpecError (E0611) where no auxiliary one fits. A plan with partial channels gives its search as
    `dartsl.graph.channels` says; what passes by has the share of its edge with `edge_weights`.
    """
    if auxiliary_skip and (faults := list(skip_faults(plan))):
        raise SpecError(faults)
    shares = edge_weights and plan.partial > 1
    beside = ((SKIP,) if auxiliary_skip else ()) + ((SHARE,) if shares else ())
    graph = _Builder(plan, drop_path, beside, skip_dropout).run()
    return with_auxiliary(graph, plan) if auxiliary else graph


class _Builder:
    def __init__(self, plan: Plan, drop_path: bool, beside: tuple[str, ...], skip_dropout: bool) -> None:
        self._plan = plan
        self._drop_path = drop_path
        self._skip_dropout = skip_dropout
        self._tables = {each.name: replace(each, beside=beside) for each in tables_of(plan.cells())}
        self._graph = nx.DiGraph()
        self._modules: dict[str, ModuleSpec] = {}
        self._paths = Paths()
        # Of each node of the cell at hand with operations after its merge, where its parts have their names.
        self._merging: dict[str, str] = {}
        self._below = (
            ""  # where the parts of the cell at hand have their names: that of its layer, or of its place
        )
        self._given: dict[str, str] = {}  # the id of what each layer gives
        self._loop: Loop | None = None  # that of the scan layer at hand
        self._carries: list[str] = []
        self._states: list[str] = []  # of each of these, what has its value after the loop

    def run(self) -> nx.DiGraph:
        """The whole graph."""
        plan = self._plan
        entry = plan.input.word
        self._given[entry] = self._add(entry, Application(INPUT, (), (), plan.input.shape.dims, entry))
        for layer in plan.layers:
            if isinstance(layer, CellLayer):
                self._below = layer.name
                self._given[layer.name] = self._cell(layer, [self._given[name] for name in layer.reads])
            else:
                source = self._given[layer.reads[0]]
                self._given[layer.name] = self._term(layer.term, source, layer.name, layer.name)
        self._graph.graph["layers"] = dict(self._given)
        self._graph.graph["info"] = GraphInfo(
            network=plan.network.name,
            input=entry,
            output=self._bundle() if plan.input.sequence else self._given[plan.layers[-1].name],
            layers=tuple((x.name, x.cell.name if isinstance(x, CellLayer) else None) for x in plan.layers),
            modules=self._modules,
            alphas=tuple(self._tables.values()),
            carries=tuple(self._carries),
        )
        return self._graph

    def _bundle(self) -> str:
        """All that a network of text gives."""
        applied = bundled(self._graph, self._plan, self._given, self._states)
        return self._add(self._paths.claim(applied.layer, "output"), applied)

    # ----------------------------------------------------------------- cells

    def _cell(self, layer: CellLayer, reads: Sequence[str]) -> str:
        """The applications of a cell that reads these; the id of its output."""
        cell, values = layer.cell, dict[str, str]()
        if layer.scan is not None:
            self._loop = Loop(layer, reads[0], self._graph, self._add, self._paths)
            values.update(self._loop.enter())
            self._carries.extend(self._loop.carries)
        else:
            values.update(self._inputs(layer, reads))
        rows = {id(edge): row for row, edge in enumerate(cell.searched_edges)}
        incoming: dict[str, list[tuple[Edge, tuple[Term, ...]]]] = {node.name: [] for node in cell.nodes}
        for edge, terms in zip(cell.edges, layer.built, strict=True):
            incoming[edge.target].append((edge, terms))
        for node, shape, has_bn in zip(cell.nodes, layer.node_shapes, layer.node_bn, strict=True):
            path = self._node_path(layer, node)
            if self._loop is not None:
                self._loop.node = path
            given = {
                id(edge): self._edge(layer, edge, terms, values[edge.source], path, rows.get(id(edge)))
                for edge, terms in incoming[node.name]
            }
            inputs = [given[id(edge)] for edge in cell.incoming(node.name)]
            values[node.name] = self._merge(node.merge, inputs, shape, path, layer.name, has_bn)
        outputs = self._outputs(layer, values)
        if self._loop is None:
            return outputs[0]
        loop, self._loop = self._loop, None
        states = loop.leave(outputs)
        self._states.extend(states)
        return states[0]

    def _within(self, term: CellTerm, source: str, path: str, layer: str) -> str:
        """A cell that stands as an operation: its parts have their names below its own."""
        name = safe(term.use.cell.name)
        at_hand = self._below, self._merging
        self._below = path if path.rpartition(".")[2] == name else self._paths.claim(path, name)
        self._merging = {}
        given = self._cell(replace(term.use, name=layer), [source])
        self._below, self._merging = at_hand
        return given

    def _inputs(self, layer: CellLayer, reads: Sequence[str]) -> dict[str, str]:
        """The inputs of a cell by their names, after the operations that the cell has for them."""
        values = {}
        for item, read, term in zip(layer.cell.inputs, reads, layer.inputs, strict=True):
            values[item.name] = read
            if term is not None:
                path = self._paths.claim(self._below, safe(item.name))
                values[item.name] = self._term(term, values[item.name], path, layer.name)
        return values

    def _outputs(self, layer: CellLayer, values: dict[str, str]) -> tuple[str, ...]:
        """The outputs of a cell; those of one element where the cell runs along a sequence."""
        found = []
        for output, has_bn in zip(layer.cell.outputs, layer.output_bn, strict=True):
            if output.merge is None:
                found.append(values[output.nodes[0]])
                continue
            path = self._paths.claim(self._below, "output")
            inputs = [values[name] for name in output.nodes]
            shape = layer.output if layer.scan is None else Shape(layer.output.channels, ())
            found.append(self._merge(output.merge, inputs, shape, path, layer.name, has_bn))
        return tuple(found)

    def _edge(
        self, layer: CellLayer, edge: Edge, terms: tuple[Term, ...], source: str, node: str, row: int | None
    ) -> str:
        """The candidates of an edge and, where there is a choice, their mix."""
        path = self._edge_path(layer, edge, node)
        places = [self._paths.claim(path, candidate_name(each.label)) for each in edge.candidates]
        if row is None:
            only = self._term(terms[0], source, places[0], layer.name)
            return self._dropped(only, path, layer.name) if self._drop_path else only
        mix = self._paths.claim(path, MIX)
        table = self._tables[table_name(layer.cell)]
        rest, channels = "", Channels(path, layer.name, entering(terms[0]).channels, self._add, self._paths)
        before = application(self._graph, source).shape
        if self._plan.partial > 1:
            source, rest = channels.divide(source, before)
        given = [
            self._offered(term, source, place, layer.name) for term, place in zip(terms, places, strict=True)
        ]
        attributes: tuple[tuple[str, Value], ...] = (("table", table.name), ("row", row))
        if SKIP in table.beside:
            place = self._paths.claim(path, AUXILIARY_SKIP)
            attributes = (*attributes, ("columns", (*range(len(given)), table.after(SKIP))))
            given.append(self._term(skip_beside(terms[0]), source, place, layer.name))
        shape = terms[0].output.dims
        mixture = self._add(mix, Application(MIX, attributes, tuple(given), shape, layer.name))
        if not rest:
            return mixture
        share = (table.name, row, table.after(SHARE)) if SHARE in table.beside else None
        return channels.join(mixture, rest, before, (before[0], *shape[1:]), share)

    def _node_path(self, layer: CellLayer, node: Node) -> str:
        """Where the parts of a node have their names: both parts of one with operations after its merge have one."""
        if layer.cell.layer:
            return layer.name
        if node.name in layer.cell.merging:
            return self._merging[node.name]
        path = self._paths.claim(self._below, safe(node.of or node.name))
        if node.of is not None:
            self._merging[node.of] = path
        return path

    def _edge_path(self, layer: CellLayer, edge: Edge, node: str) -> str:
        """Where the candidates of an edge have their names: below the merge, where they follow one."""
        if layer.cell.layer:
            return node
        merging = layer.cell.merging.get(edge.target)
        return self._paths.claim(node, safe(edge.source)) if merging is None else f"{node}.{merging.merge}"

    def _offered(self, term: Term, source: str, place: str, layer: str) -> str:
        """A candidate of an edge that offers a choice."""
        given = self._term(term, source, place, layer)
        return (
            self._random(SKIP_DROPOUT, given, place, layer) if self._skip_dropout and is_skip(term) else given
        )

    def _dropped(self, source: str, edge: str, layer: str) -> str:
        """An edge's operation with drop-path after it."""
        applied: Application = self._graph.nodes[source]["op"]
        if kind_of(applied).has("identity", "zero"):
            return source
        return self._random("drop_path", source, edge, layer)

    def _random(self, kind: str, source: str, place: str, layer: str) -> str:
        """What drops some of `source` at random; its name, below `place`, is the key of its draws."""
        path = self._paths.claim(place, kind)
        shape = application(self._graph, source).shape
        return self._add(path, Application(kind, (), (source,), shape, layer, random=path))

    def _merge(
        self, kind: str, inputs: Iterable[str], shape: Shape, path: str, layer: str, has_bn: bool
    ) -> str:
        """The merge of a node or of a cell's output, and the batch norm of the search after it."""
        bn = self._paths.claim(path, "bn") if has_bn else ""
        merged = self._paths.claim(path, kind)
        if kind == "highway":
            self._highway(merged, tuple(inputs), shape, layer)
        else:
            self._add(merged, Application(kind, (), tuple(inputs), shape.dims, layer))
        if not has_bn:
            return merged
        return self._step(bn, merged, layer, "bn", (("affine", False),), (1, 1), shape, shape)

    def _highway(self, path: str, inputs: tuple[str, ...], shape: Shape, layer: str) -> None:
        """The element and the carry as they enter the matrix, and the carry as it goes past it.

        The edges that lead there, an `identity` each, may stand in either order.
        """
        if self._loop is not None and self._loop.carries[0] in nx.ancestors(self._graph, inputs[0]):
            inputs = (inputs[1], inputs[0])
        element, carry = inputs
        widths = [application(self._graph, source).shape[0] for source in inputs]
        self._modules[path] = ModuleSpec("highway", (), (1, 1), (sum(widths),), (2 * shape.channels,))
        if self._loop is not None:
            element = self._loop.masked(element, "x", path, widths[0])
            carry = self._loop.masked(carry, "h", path, widths[1])
        applied = Application("highway", (), (element, carry, inputs[1]), shape.dims, layer, (path,))
        self._add(path, applied)

    # ----------------------------------------------------------------- terms

    def _term(self, term: Term, source: str, path: str, layer: str) -> str:
        """The applications of a term on `source`, their names under `path`; the id of the last one."""
        if isinstance(term, Chain):
            for part in term.terms:
                source = self._term(part, source, path, layer)
            return source
        if isinstance(term, Merge):
            inputs = tuple(self._term(branch, source, path, layer) for branch in term.branches)
            merged = self._paths.claim(path, term.kind)
            return self._add(merged, Application(term.kind, (), inputs, term.output.dims, layer))
        if isinstance(term, CellTerm):
            return self._within(term, source, path, layer)
        return self._leaf(term, source, path, layer)

    def _leaf(self, step: Step, source: str, path: str, layer: str) -> str:
        place = self._paths.claim(path, safe(called(step.primitive)))
        arguments = tuple(each for each in step.arguments if each not in (("share", ""), ("tie", "")))
        state: tuple[str, ...] = (place,)
        primitive = _primitive(step.primitive)
        if step.share and self._loop is not None:
            source = self._loop.masked(source, "h", place, step.input.channels)
            state = (self._loop.shared(step.share),)
        elif self._loop is not None and primitive.has("matrix"):
            source = self._loop.entering(source, place)
        elif self._loop is not None and primitive.random and primitive.has("anew"):
            # It has nothing from what arrives but the shape. Drawn of the elements, it can be drawn for the whole
            # sequence at once, anew for each of them.
            source = self._loop.element
        elif tied(step):
            state = (
                place,
                next(path for path, spec in self._modules.items() if owner(spec.primitive).has("embedding")),
            )
        return self._step(
            place, source, layer, step.primitive, arguments, step.stride, step.input, step.output, state
        )

    def _step(
        self,
        path: str,
        source: str,
        layer: str,
        name: str,
        arguments: tuple[tuple[str, int | float | bool | str], ...],
        stride: tuple[int, int],
        before: Shape,
        after: Shape,
        state: tuple[str, ...] | None = None,
    ) -> str:
        primitive = _primitive(name)
        state = state or (path,)
        if primitive.state:
            spec = ModuleSpec(name, arguments, stride, before.dims, after.dims)
            self._modules.setdefault(state[0], spec)
        self._add(
            path,
            Application(
                kind=name,
                attributes=(*arguments, ("stride", stride)) if primitive.can_stride else arguments,
                inputs=(source,),
                shape=after.dims,
                layer=layer,
                state=state if primitive.state else (),
                random=path if primitive.random else None,
            ),
        )
        return path

    def _add(self, node: str, applied: Application) -> str:
        self._graph.add_node(node, op=applied)
        self._graph.add_edges_from((source, node) for source in applied.inputs)
        return node


def _primitive(name: str) -> Primitive:
    return built_in(name) or plugin(name, ())
