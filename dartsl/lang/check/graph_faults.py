"""Texts of the faults of a cell's graph (E03xx, and `keep` and `none` without `sum`)."""

from __future__ import annotations

from dartsl.lang.check.model import Node
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.syntax.ast import Name, Number


def _listed(names: list[str]) -> str:
    shown = [f"`{name}`" for name in names[:8]]
    if len(names) > 8:
        return ", ".join(shown) + f" and {len(names) - 8} more"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}"


def backward(
    source: str, target: str, span: Span, closing: Span | None, ends: tuple[Span, Span]
) -> Diagnostic:
    """E0301. `closing` is the statement that feeds `source` from `target`, `ends` are their declarations."""
    if source == target:
        return Diagnostic(
            "E0301",
            f"the edge `{source} -> {target}` begins and ends at the same node",
            Label(span, f"`{source}` cannot feed itself"),
            help="remove it: data flows from inputs and nodes to nodes declared after them",
        )
    label = Label(span, f"`{source}` is declared after `{target}`")
    help = f"data flows in the order nodes are declared; reverse the arrow, or declare `{source}` first"
    title = f"the edge `{source} -> {target}` runs backwards"
    if closing is not None:
        before = (Label(closing, f"`{target}` feeds `{source}` here"),)
        return Diagnostic("E0301", title + " and closes a cycle", label, before, help)
    declared = (
        Label(ends[1], f"`{target}` is declared here"),
        Label(ends[0], f"`{source}` is declared here"),
    )
    return Diagnostic("E0301", title, label, declared if ends[0] != ends[1] else declared[:1], help)


def unfed(places: list[tuple[Span, list[str]]], has_inputs: bool) -> Diagnostic:
    """E0302 for the nodes of a cell, by the places that declare them."""
    names = [name for _, some in places for name in some]
    several = len(names) > 1
    first, *others = (Label(span, "no edge ends here") for span, _ in places[:8])
    help = f"add `edge all -> {', '.join(names[:8])} : ...`, or remove {'them' if several else 'it'}"
    if not has_inputs:
        help = "the cell has no input: add `input c0, c1 : preprocess` at its top"
    title = f"nothing feeds node{'s' * several} {_listed(names)}"
    return Diagnostic("E0302", title, first, tuple(others), help)


def dead(names: list[str], span: Span, label: str) -> Diagnostic:
    """W0303 for the inputs or nodes that one place declares."""
    verb = "reaches" if len(names) == 1 else "reach"
    return Diagnostic("W0303", f"{_listed(names)} never {verb} the output", Label(span, label))


def drawn_twice(source: str, target: str, again: Span, first: Span) -> Diagnostic:
    """E0304."""
    return Diagnostic(
        "E0304",
        f"the edge `{source} -> {target}` is drawn twice",
        Label(again, "drawn again here"),
        (Label(first, "first drawn here"),),
        "to offer more operations on one edge, join them with `|`",
    )


def keeps_too_many(node: Node, incoming: int) -> Diagnostic:
    """E0305: `keep` above the number of edges."""
    edges = "1 edge ends" if incoming == 1 else f"{incoming} edges end"
    return Diagnostic(
        "E0305",
        f"node `{node.name}` cannot keep {node.keep} edge{'s' * (node.keep != 1)}",
        Label(node.item_span, f"only {edges} at `{node.name}`"),
        help=f"write `keep {incoming}`, which keeps all of them, or less; or add edges",
    )


def keeps_by_chance(node: Node, incoming: int) -> Diagnostic:
    """E0305: `keep` below the number of edges, with nothing to rank them by."""
    return Diagnostic(
        "E0305",
        f"node `{node.name}` cannot keep {node.keep} of {incoming} edges",
        Label(node.item_span, f"no edge into `{node.name}` offers a choice, so nothing ranks them"),
        help="remove `keep`, or offer a choice on the edges",
    )


def bad_keep(keep: Number, merge: str, merge_span: Span) -> Diagnostic | None:
    """`keep` where there is no `sum` (E0407), and `keep 0` (E0305)."""
    if merge != "sum":
        label = Label(keep.span, "only a `sum` can leave edges out")
        merged = (Label(merge_span, f"the edges are merged by `{merge}`"),)
        return Diagnostic("E0407", "`keep` needs a `sum`", label, merged, "remove `keep`, or merge by `sum`")
    if int(keep.lexeme) == 0:
        label = Label(keep.span, "at least one edge must survive")
        return Diagnostic("E0305", "a node cannot keep 0 edges", label, help="write `keep 1` or more")
    return None


def none_without_sum(none: Span, node: Node) -> Diagnostic:
    """E0407 for `none` on an edge into another merge."""
    merged = (Label(node.merge_span or node.span, f"`{node.name}` is merged by `{node.merge}`"),)
    label = Label(none, "only a `sum` can do without an edge")
    help = f"leave `none` out, or merge `{node.name}` by `sum`"
    return Diagnostic("E0407", f"`none` cannot be offered on an edge into `{node.name}`", label, merged, help)


def nothing_to_choose(none: Span) -> Diagnostic:
    """E0403: an edge that offers `none` alone, beside other edges."""
    return Diagnostic(
        "E0403",
        "this edge has nothing to choose",
        Label(none, "`none` alone removes the edge"),
        help="delete the edge, or offer it an operation",
    )


def into_input(name: str, span: Span, declared: Span) -> Diagnostic:
    """E0306."""
    return Diagnostic(
        "E0306",
        f"no edge can end at the input `{name}`",
        Label(span, "edges end at nodes"),
        (Label(declared, f"`{name}` is declared as an input here"),),
        f"leave `{name}` out of the targets; what prepares an input is written with it: `input {name} : preprocess`",
    )


def output_count(cell: Name, items: list[Span]) -> list[Diagnostic]:
    """E0307 for a cell without an output, and for each output after the first."""
    if not items:
        help = "end it with a node, `output n3`, or a merge of nodes, `output concat(n0..n3)`"
        return [
            Diagnostic(
                "E0307",
                f"cell `{cell.id}` has no output",
                Label(cell.span, "an `output` is needed"),
                help=help,
            )
        ]
    title = f"cell `{cell.id}` has more than one output"
    first = (Label(items[0], "the first one is here"),)
    help = "to give several nodes, merge them: `output concat(n0..n3)`"
    return [
        Diagnostic("E0307", title, Label(span, "one output is accepted"), first, help) for span in items[1:]
    ]


def output_of_input(name: str, span: Span) -> Diagnostic:
    """E0307 for an output that names an input."""
    help = "to pass an input on, draw an edge from it to a node: `edge x -> n : identity`"
    return Diagnostic(
        "E0307", f"the input `{name}` cannot be an output", Label(span, "a node is needed"), help=help
    )
