"""A file of an earlier version of the language as one of the latest, with the same meaning (`dartsl fmt --upgrade`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dartsl.lang.check import scans
from dartsl.lang.check.constants import names
from dartsl.lang.check.matched import matched
from dartsl.lang.check.model import Cell, Edge, Node, Spec
from dartsl.lang.check.relisted import Relister
from dartsl.lang.check.resolve import LATER
from dartsl.lang.checker import diagnose
from dartsl.lang.codes import e02
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, UserError
from dartsl.lang.codes.source import HEADER, Source, Span
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.parts import parts_of
from dartsl.lang.plan.skips import is_skip
from dartsl.lang.plan.terms import CellLayer, Merge, Scan, Sequence, Step, Term
from dartsl.lang.records.primitives import owner
from dartsl.lang.syntax.ast import Binary, Call, CellDecl, Chain, Declaration, Expr, File, Name, Number
from dartsl.lang.syntax.grammar import VERSIONS
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file

LATEST = VERSIONS[-1]
NAMES = ("E0202", "E0203")  # codes of names that the latest version defines or keeps for itself


def upgraded(source: Source) -> str:
    """The text of a file in the latest version of the language, as it is written; comments are kept.

    Raises SpecError where it is no sound syntax, and for all that the latest version refuses in it and its own does
    not, such as names that it keeps for itself; UserError where it would give something another meaning.
    """
    file = parse(source)
    header = HEADER.match(source.text)
    if file.version == LATEST:
        return print_file(file)
    assert header is not None  # else there is no sound syntax
    start, end = header.span(1)
    # Of the same length, so that every fault is found at its place in the file.
    newer = replace(source, text=f"{source.text[:start]}{LATEST:0{end - start}}{source.text[end:]}")
    old = diagnose(source)
    known = {_place(fault) for fault in old.errors}
    found = diagnose(newer)
    faults = [fault for fault in found.errors if _place(fault) not in known]
    if faults:
        of_names = [fault for fault in faults if fault.code in NAMES]
        raise SpecError([*map(_of_upgrade, of_names)] or faults)  # what else is wrong may follow from them
    if found.spec is not None:
        _require_same_dropout(found.spec)
    text = print_file(_relisted(file))
    if old.spec is not None:
        _require_same_order(old.spec, diagnose(replace(source, text=text)).spec)
    return text


def _place(fault: Diagnostic) -> tuple[str, str, int]:
    span = fault.primary.span
    return fault.code, span.source.name, span.start


def _of_upgrade(fault: Diagnostic) -> Diagnostic:
    """A fault of names as one of an upgrade: what is defined twice in the latest version is one of its operations."""
    here = fault.primary.span
    if fault.code != "E0202" or here.text not in LATER:
        return fault
    return e02.defined_by_later(here.text, here, fault.secondary[0].span, LATEST)


def _relisted(file: File) -> File:
    """The tree in the latest version. Raises UserError for an open cell that has no text there."""
    declarations: list[Declaration] = []
    for declaration in file.declarations:
        if isinstance(declaration, CellDecl):
            lists = Relister(declaration)
            declaration = lists.cell()
            if declaration.parameters and lists.unkept:  # nobody knows whether its edges are searched
                raise _other_order(file.source, declaration.name.id, lists.unkept[0])
        declarations.append(declaration)
    return replace(file, version=LATEST, declarations=tuple(declarations))


def _require_same_order(old: Spec, new: Spec | None) -> None:
    """Raise UserError where rows of alphas, or what a node or an output merges, would stand in another order."""
    for name, cell in old.cells.items():
        if new is None or _orders(cell) != _orders(new.cells[name]):
            raise _other_order(old.root.source, name, cell.span)


def _orders(cell: Cell) -> object:
    rows = [(edge.source, edge.target, edge.twin, edge.candidates) for edge in cell.searched_edges]
    merged = [[(edge.source, edge.twin) for edge in cell.incoming(node.name)] for node in cell.nodes]
    return rows, merged, cell.outputs


def _other_order(source: Source, cell: str, span: Span) -> UserError:
    return UserError(
        f"{source.name}:{span.position[0]}: the cell `{cell}` would have another order in `darts {LATEST}`, where "
        "lists stand as they are written and ranges as they are declared",
        help="write its sources in order of declaration, and ranges where their names are declared counting up",
    )


def _require_same_dropout(spec: Spec) -> None:
    """Raise UserError where a dropout of a `scan` would act in more places than before, or may with `--set`."""
    for network in spec.networks.values():
        stages = (replace(stage, layers=_dropping(stage.layers)) for stage in network.stages)
        for layer in plan(spec, replace(network, stages=tuple(stages)), {}).layers:
            if isinstance(layer, CellLayer) and layer.scan is not None and _drops_more(layer, layer.scan):
                raise UserError(
                    f"{spec.root.source.name} would mean something else in `darts {LATEST}`: there the dropouts of "
                    f"`scan({layer.cell.name}, ...)` also act where the element or the carry enters a `linear` without "
                    "`share`",
                    help="leave it in its version, take the dropouts away, or share the matrix",
                )


def _dropping(layers: Expr) -> Expr:
    """Layers of a stage, in which each dropout that hangs on parameters is above 0."""
    match layers:
        case Chain(steps):
            return replace(layers, steps=tuple(map(_dropping, steps)))
        case Binary(_, left):
            return replace(layers, left=_dropping(left))
        case Call(Name("scan"), arguments):
            given = matched(scans.NAMES, layers).given
            open = [given[name] for name in scans.DROPOUTS if name in given and names(given[name].value)]
            some = Number("0.5", span=layers.span)
            return replace(
                layers, arguments=tuple(replace(a, value=some) if a in open else a for a in arguments)
            )
    return layers


def _drops_more(layer: CellLayer, scan: Scan) -> bool:
    """Whether the element or the carry enters a matrix of its own under a dropout, in the cell or in one that its
    search may find: what `Loop.entering` of dartsl/graph/recurrent.py does, known before there is a graph."""
    cell, carry = layer.cell, scan.carries[0]
    rates = {item.name: scan.dropout_h if item.name == carry else scan.dropout_x for item in cell.inputs}
    masked = {name for name, rate in rates.items() if scan.linears and rate > 0}
    terms = {id(edge): offered for edge, offered in zip(cell.edges, layer.edges, strict=True)}
    for node in cell.nodes:
        edges = cell.incoming(node.name)
        for edge in edges:
            found = [_entering(term, edge.source in masked) for term in terms[id(edge)]]
            if any(enters for enters, _ in found):
                return True
            if any(stays for _, stays in found) and (
                node.merge == "concat" or _may_be_alone(edge, edges, node)
            ):
                masked.add(node.name)
    return False


def _entering(term: Term, masked: bool) -> tuple[bool, bool]:
    """Whether what is `masked` enters a matrix within a term, and whether it leaves the term as it is, or joined."""
    if isinstance(term, Step):
        enters = owner(term.primitive).has("matrix") and not term.share
        return masked and enters, masked and is_skip(term)
    enters = False
    if isinstance(term, Sequence):
        for part in term.terms:
            within, masked = _entering(part, masked)
            enters = enters or within
        return enters, masked
    found = [_entering(part, masked) for part in parts_of(term)]
    joined = isinstance(term, Merge) and (term.kind == "concat" or len(found) == 1)
    return any(enters for enters, _ in found), joined and any(stays for _, stays in found)


def _may_be_alone(edge: Edge, edges: Iterable[Edge], node: Node) -> bool:
    """Whether an edge is the only one into its node, or may be once a search has chosen."""
    others = [each for each in edges if each is not edge]
    may_go = all(any(candidate.is_none for candidate in other.candidates) for other in others)
    return node.keep == 1 or (node.keep is None and may_go)
