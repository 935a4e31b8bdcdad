"""What shows only when the operations of a cell's edges are known: unfed and dead nodes, `keep`, `none`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dartsl.lang.check.offers import Offer
from dartsl.lang.check.outline import Outline
from dartsl.lang.codes import e03, e04
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Span


def cell_faults(shape: Outline, offers: Sequence[Offer]) -> list[Diagnostic]:
    """Faults of a cell; warnings where nothing else is wrong with it. `offers` runs along `shape.edge_items`."""
    degrees: dict[str, int] = defaultdict(int)
    choosy: set[str] = set()
    for pair in shape.pairs:
        degrees[pair.target] += 1
        offer = offers[pair.item]
        if offer.is_choice or not offer.sound or offer.only_none:
            choosy.add(pair.target)
    faults = _none(shape, offers, degrees)
    if shape.unsure:
        return faults
    fed = [node for node in shape.nodes if node.name not in shape.doubtful]
    unfed = [(node.name, node.span) for node in fed if not degrees[node.name]]
    if unfed:
        return [*faults, e03.unfed(_grouped(unfed), bool(shape.inputs))]
    for node in fed:
        incoming = degrees[node.name]
        if node.merge != "sum" or not node.keep or not incoming:
            continue
        if node.keep > incoming:
            faults.append(e03.keeps_too_many(node.item_span, node.name, node.keep, incoming))
        elif node.keep < incoming and node.name not in choosy:
            faults.append(e03.keeps_by_chance(node.item_span, node.name, node.keep, incoming))
    certain = not (faults or shape.faults) and all(offer.sound for offer in offers)
    return _dead(shape, offers) if certain else faults


def _none(shape: Outline, offers: Sequence[Offer], degrees: dict[str, int]) -> list[Diagnostic]:
    """E0403 and E0407 for edges that offer `none`."""
    faults = []
    nodes = {node.name: node for node in shape.nodes}
    nones = [next((o for o in offer.options if o.candidate.is_none), None) for offer in offers]
    for pair in shape.pairs:
        none, target = nones[pair.item], nodes[pair.target]
        if none is None:
            continue
        if target.merge != "sum":
            merged = target.merge_span or target.span
            faults.append(e04.none_without_sum(none.at, target.name, target.merge, merged))
        elif offers[pair.item].only_none is not None and degrees[pair.target] > 1:
            faults.append(e04.nothing_to_choose(none.at))
    return faults


def _dead(shape: Outline, offers: Sequence[Offer]) -> list[Diagnostic]:
    """W0303 for inputs and nodes from which nothing flows to the output (`none` lets nothing through)."""
    if not shape.outputs:
        return []
    sources: dict[str, list[str]] = defaultdict(list)
    alive = {name for output in shape.outputs for name in output.nodes}
    used = set(alive)
    for pair in shape.pairs:
        if offers[pair.item].only_none is None:
            sources[pair.target].append(pair.source)
            used.add(pair.source)
    todo = list(alive)
    while todo:
        for source in sources[todo.pop()]:
            if source not in alive:
                alive.add(source)
                todo.append(source)
    dead = [(given.name, given.span) for given in shape.inputs if given.name not in alive]
    faults = []
    for span, names in _grouped(dead):
        unused = not used.intersection(names)
        label = "this input is never used" if unused else "nothing that it feeds is used"
        faults.append(e03.dead(names, span, label))
    idle = [(node.name, node.span) for node in shape.nodes if node.name not in alive]
    return faults + [e03.dead(names, span, "computed, then thrown away") for span, names in _grouped(idle)]


def _grouped(names: Iterable[tuple[str, Span]]) -> list[tuple[Span, list[str]]]:
    """Names by the piece of syntax that declares them (a range declares several)."""
    groups: dict[tuple[int, int], tuple[Span, list[str]]] = {}
    for name, span in names:
        groups.setdefault((span.start, span.end), (span, []))[1].append(name)
    return list(groups.values())
