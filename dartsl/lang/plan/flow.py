"""What a network's output depends on: whether a value is zero, a constant, or changes with the input.

`none` gives zeros and `noise` numbers of its own, whatever comes in; all else passes on what it gets, some of it with
something added (the bias of `linear`, the shift of `bn`, the sigmoid of zero). Weights are taken as they come: that a
sum might cancel is not considered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from dartsl.lang.codes import e05
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.terms import CellLayer, CellTerm, Merge, Plan, Scan, Step, Term, TermLayer
from dartsl.lang.plan.terms import Sequence as Chain

CONSTANT_OUTPUT = "W0510"


class Level(IntEnum):
    """What is known of a value. A higher level at an input never gives a lower one after it."""

    ZERO = 0
    CONSTANT = 1  # the same for every input, or noise
    DEPENDENT = 2


ZERO, CONSTANT, DEPENDENT = Level
Flow = tuple[Level, Level, Level]  # what an operation makes of each level

PASSES: Flow = (ZERO, CONSTANT, DEPENDENT)
ADDS: Flow = (CONSTANT, CONSTANT, DEPENDENT)
# Of zeros they give zeros; a plugin may add something, as do `sigmoid`, and `linear` and `bn` with parameters for it.
KEEP_ZERO = frozenset(
    [
        *("identity", "relu", "tanh", "shift", "mix_bn", "locked_dropout", "dropout"),
        *("relu6", "silu", "gelu", "hard_swish"),
        *("conv", "conv_across", "conv_down", "dwconv", "max_pool", "avg_pool", "global_avg_pool"),
    ]
)


def flow_of(term: Term, *, decided: bool) -> Flow:
    """What a term makes of each level; `decided` where no choice is left, so that every `bn` learns a shift."""
    if isinstance(term, Chain):
        levels: Sequence[Level] = PASSES
        for part in term.terms:
            flow = flow_of(part, decided=decided)
            levels = [flow[level] for level in levels]
        return (levels[0], levels[1], levels[2])
    if isinstance(term, Merge):
        branches = [flow_of(branch, decided=decided) for branch in term.branches]
        zero, constant, dependent = (merged(term.kind, levels) for levels in zip(*branches, strict=True))
        return (zero, constant, dependent)
    if isinstance(term, CellTerm):
        flows = _flows_of(term.use, decided)
        zero, constant, dependent = (_cell_levels(term.use, flows, [level])[0] for level in Level)
        return (zero, constant, dependent)
    return _step_flow(term, decided)


def _step_flow(step: Step, decided: bool) -> Flow:
    arguments = dict(step.arguments)
    if step.primitive == "none" or (step.primitive == "shift" and _shifted_out(step)):
        return (ZERO, ZERO, ZERO)
    if step.primitive == "noise":
        return (CONSTANT, CONSTANT, CONSTANT)
    if step.primitive == "bn":
        return ADDS if decided or arguments["affine"] else PASSES
    if step.primitive == "linear":
        return ADDS if arguments["bias"] else PASSES
    return PASSES if step.primitive in KEEP_ZERO else ADDS


def _shifted_out(step: Step) -> bool:
    """Whether nothing of the image is left in it."""
    moved = (abs(int(step.argument("dy"))), abs(int(step.argument("dx"))))
    return any(by >= length for by, length in zip(moved, step.input.size, strict=True))


def merged(kind: str, levels: Sequence[Level]) -> Level:
    """What a merge gives of what it merges, in order."""
    if kind == "product" and ZERO in levels:
        return ZERO
    if kind == "lerp":  # x + t * (y - x)
        x, y, t = levels
        return x if t == ZERO or (x, y) == (ZERO, ZERO) else max(levels)
    return max(levels)


def layer_levels(plan: Plan) -> Mapping[str, Level]:
    """What each layer gives. An edge that offers a choice gives a mix of all its candidates."""
    levels = {plan.input.word: DEPENDENT}
    known: dict[tuple[int, tuple[Level, ...]], Level] = {}  # equal uses of a cell have the very same terms
    for layer in plan.layers:
        given = tuple(levels[name] for name in layer.reads)
        if isinstance(layer, TermLayer):
            levels[layer.name] = flow_of(layer.term, decided=plan.decided)[given[0]]
            continue
        key = (id(layer.edges), given)
        if key not in known:
            known[key] = _layer_level(layer, given, plan.decided)
        levels[layer.name] = known[key]
    return levels


def _layer_level(layer: CellLayer, given: Sequence[Level], decided: bool) -> Level:
    """Of a cell, or of one that runs along a sequence: the last of its outputs, the first carries being zero."""
    flows = _flows_of(layer, decided)
    if layer.scan is None:
        return _cell_levels(layer, flows, given)[0]
    carries = dict.fromkeys(layer.scan.carries, ZERO)
    for _ in range(steps_to_rise(layer.scan)):
        read = [carries.get(item.name, given[0]) for item in layer.cell.inputs]
        carries = dict(zip(carries, _cell_levels(layer, flows, read), strict=True))
    return carries[layer.scan.carries[0]]


def steps_to_rise(scan: Scan) -> int:
    """The steps after which no carry changes its level any more: each step can only raise them."""
    return len(scan.carries) * (len(Level) - 1) + 1


_Flows = tuple[list[Flow], list[list[Flow]]]  # of what prepares each input, and of each edge's candidates


def _flows_of(layer: CellLayer, decided: bool) -> _Flows:
    return (
        [PASSES if term is None else flow_of(term, decided=decided) for term in layer.inputs],
        [[flow_of(term, decided=decided) for term in terms] for terms in layer.edges],
    )


def _cell_levels(layer: CellLayer, flows: _Flows, given: Sequence[Level]) -> list[Level]:
    """Those of all outputs of a cell."""
    cell = layer.cell
    levels = {item.name: flow[level] for item, flow, level in zip(cell.inputs, flows[0], given, strict=True)}
    offered = {id(edge): found for edge, found in zip(cell.edges, flows[1], strict=True)}
    for node in cell.nodes:
        brought = [
            max(flow[levels[edge.source]] for flow in offered[id(edge)]) for edge in cell.incoming(node.name)
        ]
        levels[node.name] = merged(node.merge, brought)
    return [merged(each.merge or "sum", [levels[name] for name in each.nodes]) for each in cell.outputs]


def constant(plan: Plan) -> Diagnostic | None:
    """W0510 for a network whose output does not depend on its input."""
    levels = layer_levels(plan)
    if levels[plan.layers[-1].name] == DEPENDENT:
        return None
    network = plan.network
    last = next(  # where the input's way ends
        layer
        for layer in reversed(plan.layers)
        if levels[layer.name] != DEPENDENT and any(levels[name] == DEPENDENT for name in layer.reads)
    )
    where = last.cell.output.span if isinstance(last, CellLayer) else _span(last.term)
    return e05.constant_output(network.span, network.name, where, last.name)


def _span(term: Term) -> Span:
    while not isinstance(term, Step):
        if isinstance(term, CellTerm):
            return term.span
        term = term.terms[0] if isinstance(term, Chain) else term.branches[0]
    return term.span
