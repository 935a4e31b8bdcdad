"""The structure of a cell: its nodes, its edges target by target, its output (rules 4, 6, 8, 11)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from dartsl.lang.check.members import Member, as_written, expand, unknown_member
from dartsl.lang.check.model import CellInput, Node, Output
from dartsl.lang.check.node_items import read_merge, read_output
from dartsl.lang.check.resolve import reserved
from dartsl.lang.codes import e02, e03, e04
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import MAX_NODES, Budget, TooLargeError, too_large
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import MAX_SUGGESTIONS
from dartsl.lang.syntax.ast import All, CellDecl, EdgeItem, Expr, InputItem, Name, NodeItem, OutputItem, Range


@dataclass(frozen=True)
class Pair:
    """One edge: `item` is the place of its statement in `Outline.edge_items`, `place` that of its source in the
    statement's list."""

    source: str
    target: str
    twin: int
    item: int
    place: int


@dataclass
class Outline:
    """What a cell looks like before its operations are read.

    `doubtful` are nodes into which a mistake may hide an edge, so that no conclusion is drawn about them;
    `unsure` says that this may be any node.
    """

    declaration: CellDecl
    inputs: list[CellInput] = field(default_factory=list)
    input_items: list[InputItem] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    edge_items: list[EdgeItem] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    after: dict[str, Expr] = field(default_factory=dict)  # of some nodes, the operations after their merge
    doubtful: set[str] = field(default_factory=set)
    unsure: bool = False
    faults: list[Diagnostic] = field(default_factory=list)


def outline(declaration: CellDecl, budget: Budget) -> Outline:
    """Read the structure of a cell; what is wrong with it is in `faults`."""
    reader = _Reader(declaration, budget)
    try:
        reader.read()
    except TooLargeError as stop:
        reader.result.faults.append(stop.diagnostic)
        reader.result.unsure = True
    return reader.result


class _Reader:
    def __init__(self, declaration: CellDecl, budget: Budget) -> None:
        self.budget = budget
        self.result = Outline(declaration)
        self.order: dict[str, int] = {}  # inputs come before all nodes
        self.inputs: set[str] = set()
        self.places: dict[str, Span] = {}
        self.refused: set[str] = set()  # names that are reserved: reported once, where they are declared
        self.drawn: dict[tuple[str, str], list[int]] = {}
        self.plain: list[bool] = []  # of each statement: whether it names one source and one target
        self.backward: list[tuple[EdgeItem, str, str]] = []
        self.unknown: list[tuple[Member, list[str]]] = []
        self.undeclared = False  # whether a mistake hides names that the cell was meant to have

    def read(self) -> None:
        outputs = []
        for item in self.result.declaration.items:
            match item:
                case InputItem():
                    self.result.input_items.append(item)
                    for member in self._declare(item.names, 0):
                        self.inputs.add(member.id)
                        self.result.inputs.append(CellInput(member.id, item.operation, member.span))
                case NodeItem():
                    self._nodes(item)
                case EdgeItem():
                    self._edges(item)
                case OutputItem():
                    outputs.append(item)
        self._output(outputs)
        self._late_faults()

    def _report(self, fault: Diagnostic | None) -> None:
        if fault is not None:
            self.result.faults.append(fault)

    # ------------------------------------------------------------------ inputs and nodes

    def _declare(self, names: tuple[Name | Range, ...], base: int) -> list[Member]:
        """New members of the cell; names that are taken or reserved are reported and left out."""
        members = expand(names, self.budget)
        if isinstance(members, Diagnostic):
            self._report(members)
            self.result.unsure = self.undeclared = True
            return []
        new = []
        for member in members:
            fault = reserved(Name(member.id, span=member.span))
            if fault is not None:
                self.refused.add(member.id)
            elif member.id in self.order:
                what = "node" if base else "input"
                fault = e02.defined_twice(f"{what} `{member.id}`", member.span, self.places[member.id])
                self.undeclared = True
            if fault is None:
                self.order[member.id] = base + len(self.order)
                self.places[member.id] = member.span
                new.append(member)
            self._report(fault)
        if len(self.order) > MAX_NODES:
            raise TooLargeError(too_large(members[0].span, "nodes", len(self.order), MAX_NODES))
        return new

    def _nodes(self, item: NodeItem) -> None:
        merge = read_merge(item)
        if isinstance(merge, Diagnostic):
            self._report(merge)
        keep = None if item.keep is None else int(item.keep.lexeme)
        for member in self._declare(item.names, 2 * MAX_NODES):
            if isinstance(merge, Diagnostic):
                self.result.doubtful.add(member.id)
                node = Node(member.id, "sum", False, None, member.span, item.span, item.merge.span)
            else:
                node = Node(member.id, merge.merge, merge.mix_bn, keep, member.span, item.span, merge.span)
            self.result.nodes.append(node)
            if not isinstance(merge, Diagnostic) and merge.after is not None:
                self.result.after[member.id] = merge.after
        if not isinstance(merge, Diagnostic) and item.keep is not None:
            if merge.merge != "sum":
                self._report(e04.keep_without_sum(item.keep.span, merge.merge, merge.span))
            elif not keep:
                self._report(e03.keeps_nothing(item.keep.span))

    # ------------------------------------------------------------------ edges

    def _members(self, names: tuple[Name | Range, ...]) -> tuple[list[Member], bool]:
        """Those of a list that the cell has so far, and whether any other was meant."""
        members = expand(names, self.budget)
        if isinstance(members, Diagnostic):
            self._report(members)
            return [], True
        known = [member for member in members if member.id in self.order]
        spans = set()
        for member in members:
            if member.id not in self.order and member.id not in self.refused and member.span not in spans:
                spans.add(member.span)
                self.unknown.append((member, self._shown(self.order)))
        return known, len(known) < len(members)

    def _shown(self, names: Iterable[str]) -> list[str]:
        """The names that a message about an unknown one may suggest."""
        return list(islice(names, 1000)) if len(self.unknown) < MAX_SUGGESTIONS else []

    def _edges(self, item: EdgeItem) -> None:
        number = len(self.result.edge_items)
        self.result.edge_items.append(item)
        self.plain.append(_is_plain(item))
        targets, lost_target = self._members(item.targets)
        if isinstance(item.sources, All):
            self.budget.take_names(len(self.order), item.span)
            sources, lost_source = [Member(name, item.span, False) for name in self.order], False
        else:
            sources, lost_source = self._members(item.sources)
        self.result.unsure = self.result.unsure or lost_target
        if lost_source:
            self.result.doubtful.update(target.id for target in targets)
        self._draw(number, item, self._unique(sources, targets[:1], False), self._targets(sources, targets))

    def _targets(self, sources: list[Member], targets: list[Member]) -> list[Member]:
        for target in targets:
            if target.id in self.inputs:
                self._report(e03.into_input(target.id, target.span, self.places[target.id]))
        nodes = [target for target in targets if target.id not in self.inputs]
        return self._unique(nodes, sources[:1], True)

    def _unique(self, members: list[Member], other: list[Member], are_targets: bool) -> list[Member]:
        """A list without its repetitions, which are E0304."""
        first: dict[str, Member] = {}
        for member in members:
            seen = first.setdefault(member.id, member)
            if seen is not member and other:
                source, target = (other[0].id, member.id) if are_targets else (member.id, other[0].id)
                self._report(e03.drawn_twice(source, target, member.span, seen.span))
        return list(first.values())

    def _draw(self, number: int, item: EdgeItem, sources: list[Member], targets: list[Member]) -> None:
        written = {member.id: place for place, member in enumerate(as_written(sources, self.order))}
        sources = sorted(sources, key=lambda member: self.order[member.id])
        by_hand = item.span.source.version > 1  # order of declaration is that of ranges and `all` alone
        targets = as_written(targets, self.order) if by_hand else targets
        places = [self.order[member.id] for member in sources]
        ends = [bisect_left(places, self.order[target.id]) for target in targets]
        self.budget.take_edges(sum(ends), item.span)
        listed = max((i + 1 for i, member in enumerate(sources) if member.listed), default=0)
        backward = None
        for target, end in zip(targets, ends, strict=True):
            drawn = sources[:end]
            for source in sorted(drawn, key=lambda member: written[member.id]) if by_hand else drawn:
                self._pair(source.id, target.id, number, written[source.id], item)
            last = (len(sources) if target.listed else listed) - 1
            if last >= end and not isinstance(item.sources, All):
                backward = backward or (item, sources[last].id, target.id)
                self.result.doubtful.add(target.id)
        if backward is None and targets and sources and not any(ends) and not isinstance(item.sources, All):
            backward = (item, sources[-1].id, targets[0].id)
        if backward is not None:
            self.backward.append(backward)

    def _pair(self, source: str, target: str, number: int, place: int, item: EdgeItem) -> None:
        before = self.drawn.setdefault((source, target), [])
        # Whatever stands after a first statement that is not plain is refused, so only the first can be one.
        if before and not (self.plain[before[0]] and self.plain[number]):
            first = self.result.edge_items[before[0]].span
            self._report(e03.drawn_twice(source, target, item.span, first))
            return
        self.result.pairs.append(Pair(source, target, len(before), number, place))
        before.append(number)

    # ------------------------------------------------------------------ output, and what needs the whole cell

    def _output(self, items: list[OutputItem]) -> None:
        name = self.result.declaration.name
        if not items:
            self._report(e03.no_output(name.span, name.id))
        for item in items[1:]:
            self._report(e03.second_output(item.span, name.id, items[0].span))
        for number, item in enumerate(items):
            for value in item.values:
                output = self._value(value, item.span if len(item.values) == 1 else value.span)
                if output is not None and number == 0:
                    self.result.outputs.append(output)

    def _value(self, value: Expr, span: Span) -> Output | None:
        """One of the values of an output; None, and it is reported, where it cannot be one."""
        output = read_output(value, self.budget)
        if isinstance(output, Diagnostic):
            self._report(output)
            return None
        for member in output.members:
            if member.id in self.inputs:
                self._report(e03.output_of_input(member.id, member.span))
            elif member.id not in self.order and member.id not in self.refused:
                nodes = (name for name in self.order if name not in self.inputs)
                self.unknown.append((member, self._shown(nodes)))
        known = [m for m in output.members if m.id in self.order and m.id not in self.inputs]
        if span.source.version > 1:
            known = as_written(known, self.order)
        return Output(output.merge, tuple(member.id for member in known), output.mix_bn, span)

    def _late_faults(self) -> None:
        items = self.result.declaration.items
        has_nodes = any(isinstance(item, NodeItem) for item in items)
        for member, declared in [] if self.undeclared else self.unknown:
            names = declared if has_nodes else []
            cell = self.result.declaration.name.id
            self._report(unknown_member(member, names, self.places.get(member.id), cell))
        for item, source, target in self.backward:
            closing = self.drawn.get((target, source))
            first = self.result.edge_items[closing[0]].span if closing else None
            ends = (self.places[source], self.places[target])
            loop = source == target
            fault = (
                e03.loop(source, item.span) if loop else e03.backward(source, target, item.span, first, ends)
            )
            self._report(fault)


def _is_plain(item: EdgeItem) -> bool:
    """Whether a statement names one source and one target, so that it may draw a twin."""
    if isinstance(item.sources, All):
        return False
    names = (*item.sources, *item.targets)
    return len(item.sources) == len(item.targets) == 1 and all(isinstance(name, Name) for name in names)
