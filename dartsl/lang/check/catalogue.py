"""Operations and `ops` of a spec, checked in the order in which they use each other (E0208)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from dartsl.lang.check.constants import names
from dartsl.lang.check.kinds import ExprKind, Local, Scope
from dartsl.lang.check.misplaced import choice_as_op
from dartsl.lang.check.model import REACHING, Operation
from dartsl.lang.check.offers import Offers
from dartsl.lang.check.resolve import Symbols
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes import e02
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import Budget
from dartsl.lang.syntax.ast import Choice, ExternDecl, Name, OpDecl, OpsDecl

OperationDecl = OpDecl | ExternDecl | OpsDecl
Uses = Mapping[str, Mapping[str, Name]]  # who uses whom: for each pair the name that makes the first use


def read_operations(symbols: Symbols, offers: Offers, budget: Budget) -> dict[str, Operation]:
    """Check every operation and `ops`; fills the signatures and choices of `offers`.

    Raises TooLargeError where `ops` hold too many candidates.
    """
    declared = {n: d for n, d in symbols.names.items() if isinstance(d, OpDecl | ExternDecl | OpsDecl)}
    calls = {name: _calls(declaration, declared, symbols) for name, declaration in declared.items()}
    order, loops = ordered(calls)
    looped = {name for part in loops for name in part}
    for name in [*order, *(n for n in declared if n in looped)]:
        declaration = declared[name]
        if isinstance(declaration, OpsDecl):
            offer = offers.read(declaration.body, Scope("edge"))
            budget.take_candidates(len(offer.options), declaration.span)
            if name not in looped:
                offers.choices[name] = offer
        else:
            before = len(offers.checker.faults)
            signature, sound = _check_operation(declaration, symbols, offers)
            if len(offers.checker.faults) > before:
                offers.faulty.add(name)
            if name not in looped:
                offers.checker.signatures[name] = signature
                if sound:  # the arguments of an unsound default cannot be distinguished
                    offers.identities.declare(name, declaration.parameters)
    offers.checker.faults += [recursion(part, calls) for part in loops]
    return {
        name: Operation(
            name, d.parameters, d.body if isinstance(d, OpDecl) else None, d.name.span, symbols.builtin(d)
        )
        for name, d in declared.items()
        if not isinstance(d, OpsDecl)
    }


def _check_operation(
    declaration: OpDecl | ExternDecl, symbols: Symbols, offers: Offers
) -> tuple[Signature, bool]:
    """The signature of an operation, and whether its defaults are sound."""
    checker = offers.checker
    sound = True
    extern = isinstance(declaration, ExternDecl)
    builtin = symbols.builtin(declaration)
    unset = (ExprKind.NUMBER if builtin else ExprKind.LITERAL) if extern else ExprKind.ANY
    known: dict[str, Local] = {}
    reaching = {REACHING: Local(declaration.name, ExprKind.NUMBER)} if extern and not builtin else {}
    mix_bn = None
    for parameter in declaration.parameters:
        kind = unset
        if parameter.default is not None:
            scope = Scope("default", reaching | known)
            kind = checker.kind_of(parameter.default, scope)
            sound &= checker.check(parameter.default, ExprKind.LITERAL if extern else ExprKind.ANY, scope)
            mix_bn = mix_bn or scope.mix_bn
        known.setdefault(parameter.name.id, Local(parameter.name, kind))
    if isinstance(declaration, OpDecl):
        scope = Scope("op", known)
        if isinstance(declaration.body, Choice) and not declaration.parameters:
            checker.report(choice_as_op(declaration, declaration.body))
        else:
            checker.check(declaration.body, ExprKind.OPERATION, scope)
        mix_bn = mix_bn or scope.mix_bn
    kinds = {name: local.kind for name, local in known.items()}
    name = declaration.name
    return Signature(name.id, declaration.parameters, name.span, kinds, builtin, mix_bn), sound


def _calls(
    declaration: OperationDecl, declared: dict[str, OperationDecl], symbols: Symbols
) -> dict[str, Name]:
    """What a declaration uses; each with the name that makes the first use."""
    calls: dict[str, Name] = {}
    for used in _uses(declaration):
        if used.id in declared and symbols.find(used) is not None:
            calls.setdefault(used.id, used)
    return calls


def _uses(declaration: OperationDecl) -> Iterable[Name]:
    parameters = () if isinstance(declaration, OpsDecl) else declaration.parameters
    own = {p.name.id for p in parameters}
    body = [] if isinstance(declaration, ExternDecl) else names(declaration.body)
    defaults = [name for p in parameters if p.default is not None for name in names(p.default)]
    return [name for name in [*defaults, *body] if name.id not in own]


def ordered(uses: Uses) -> tuple[list[str], list[set[str]]]:
    """The names that are in no loop, each after those it uses, and the loops: sets of names."""
    try:
        return list(TopologicalSorter(uses).static_order()), []
    except CycleError:
        pass
    import networkx as nx  # takes longer to import than most specs to check, and loops are rare

    graph = nx.DiGraph((user, used) for user, names in uses.items() for used in names)
    parts = list(nx.strongly_connected_components(graph))
    loops = [part for part in parts if len(part) > 1 or any(name in uses[name] for name in part)]
    looped = {name for part in loops for name in part}
    rest = {name: [n for n in names if n not in looped] for name, names in uses.items() if name not in looped}
    return list(TopologicalSorter(rest).static_order()), loops


def recursion(part: set[str], uses: Uses) -> Diagnostic:
    """E0208 for one loop among declarations that use each other; it starts at the one declared first."""
    import networkx as nx

    start = next(name for name in uses if name in part)
    graph = nx.DiGraph((user, used) for user in part for used in uses[user] if used in part)
    found = [uses[user][used] for user, used in nx.find_cycle(graph, start)]
    return e02.recursion([(use.span, use.id) for use in found])
