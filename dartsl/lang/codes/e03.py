"""E03xx: the graphs of cells, and the structure of cells and networks."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.codes.diagnostics import Code, Diagnostic, Label
from dartsl.lang.codes.source import Span

CODES = {
    "E0301": Code(
        "an edge runs backwards",
        """Data flows from inputs to nodes, and from a node to nodes declared below it, so a cell
cannot hold a cycle. Between two ranges, and with `all`, pairs that do not run forward are left
out; any other such pair is an error. Reverse the arrow, or declare the nodes in another order.""",
        """node n0..n2 : sum
edge n2 -> n0     : identity   # no
edge n0..n2 -> n0..n2 : relu   # yes: n0 -> n1, n0 -> n2 and n1 -> n2""",
    ),
    "E0302": Code(
        "no edge ends at a node",
        """A node is the merge of the edges that end at it, so there must be one. A node that is
meant to be zero says so with one edge that offers `none` alone.""",
        """edge c0 -> n0 : none   # a zero node, where nothing else feeds n0""",
    ),
    "W0303": Code(
        "an input or a node never reaches the output",
        """Nothing flows from it to the output of its cell: what it computes is thrown away, and
alphas on its edges learn nothing. An edge that offers `none` alone lets nothing through. Draw an
edge from it, name it in the output, or remove it. In cells that a search found, such nodes are
normal.""",
        """node   n0, n1 : sum
edge   all -> n0..n1 : relu
output concat(n0, n1)   # without n1, it would be computed for nothing""",
    ),
    "E0304": Code(
        "an edge is drawn twice",
        """Two statements that each name one source and one target draw twin edges, with alphas
and weights of their own. Where `all`, a range or a list is used, drawing a pair again is
an error. To offer more operations on one edge, join them with `|`.""",
        """edge all -> n0 : relu
edge c0  -> n0 : tanh   # no: `all` has drawn c0 -> n0

edge c0 -> n1 : relu
edge c0 -> n1 : tanh    # yes: twin edges""",
    ),
    "E0305": Code(
        "a node cannot keep that many edges",
        """`keep k` says how many of the edges into a node survive discretisation. There must be
at least k of them, and k must be at least 1. Where k is below their number, at least one of them
must offer a choice: the search ranks edges by the weights of their candidates.""",
        """node n0 : sum keep 2
edge c0 -> n0 : relu | tanh
edge c1 -> n0 : relu | tanh   # without this edge, n0 could not keep 2""",
    ),
    "E0306": Code(
        "an edge ends at an input",
        """What an input holds comes from earlier layers of the network, so no edge can end at it.
The operation that prepares an input is written after it: `input c0, c1 : preprocess`.""",
        """input c0, c1
edge  c0 -> c1 : relu   # no
node  n0 : sum
edge  c0 -> n0 : relu   # yes""",
    ),
    "E0307": Code(
        "a cell needs one output",
        """The output of a cell is one node, or one merge of nodes; only `mix_bn` may follow a
merge. Everything else that a cell computes belongs on its edges.

In `darts 2` a cell that `scan` runs with several carries gives the next one of each, in order, separated
by commas.""",
        """output n3
output concat(n0..n3)
output mean(n0, n1) > mix_bn
output h2, c2   # of scan(lstm, carry = "h, c")""",
    ),
    "E0308": Code(
        "a network needs an input, stems, stages and a head",
        """A network has one `input image(channels, height, width)` or `input tokens(length)` (in `darts 2`
also `vector(features)` or `series(channels, length)`), then at least one `stem`,
then at least one `stage`, then one `head`, in this order.""",
        """network tiny(C = 8) {
  input image(1, 28, 28)
  stem  conv(3) > bn
  stage normal*2 width C
  head  global_avg_pool > linear(10)
}""",
    ),
    "E0309": Code(
        "a node needs a merge",
        """After the `:` of a node comes the merge of the edges that end at it: `sum`, `concat`,
`mean`, `product` or `lerp` (in recurrent cells also `highway`), without arguments; only `mix_bn`
may follow it. Operations belong on edges.

From `darts 2` on operations may follow the merge, as a chain or as one choice in brackets.""",
        """node n0 : relu           # no
node n0 : sum            # yes
node n1 : sum > mix_bn   # yes
node n2 : sum > (relu | conv(3) > bn)   # from darts 2 on""",
    ),
    "E0311": Code(
        "a highway that does not merge the inputs of its cell",
        """`highway` is the first step of a recurrent cell: [c, t] = [x, h] W and then
h + sigmoid(c) * (tanh(t) - h), with x the element and h the carry. One `identity` edge leads to it from each of the
cell's two inputs, and nothing else.""",
        """node s0 : highway
edge x, h -> s0 : identity""",
    ),
    "E0310": Code(
        "too large to build",
        """Ranges, `all` and repetitions let a short text ask for more than a machine can hold.
Everything is counted before it is built, and refused above a bound that is far beyond any cell or
network in use.""",
        """node n0..n999999 : sum   # no""",
    ),
}


# ------------------------------------------------------------------------ faults


def backward(
    source: str, target: str, edge: Span, closing: Span | None, ends: tuple[Span, Span]
) -> Diagnostic:
    """E0301. `closing` is the statement that feeds `source` from `target`, `ends` are their declarations."""
    title = f"the edge `{source} -> {target}` runs backwards"
    label = Label(edge, f"`{source}` is declared after `{target}`")
    help = f"data flows in the order nodes are declared; reverse the arrow, or declare `{source}` first"
    if closing is not None:
        before = (Label(closing, f"`{target}` feeds `{source}` here"),)
        return Diagnostic("E0301", title + " and closes a cycle", label, before, help)
    first, last = ends
    declared = (Label(last, f"`{target}` is declared here"), Label(first, f"`{source}` is declared here"))
    return Diagnostic("E0301", title, label, declared if first != last else declared[:1], help)


def loop(node: str, edge: Span) -> Diagnostic:
    """E0301 for an edge from a node to itself."""
    title = f"the edge `{node} -> {node}` begins and ends at the same node"
    help = "remove it: data flows from inputs and nodes to nodes declared after them"
    return Diagnostic("E0301", title, Label(edge, f"`{node}` cannot feed itself"), help=help)


def unfed(places: Sequence[tuple[Span, list[str]]], has_inputs: bool) -> Diagnostic:
    """E0302 for the nodes of a cell, by the places that declare them."""
    names = [name for _, some in places for name in some]
    several = len(names) > 1
    first, *others = (Label(span, "no edge ends here") for span, _ in places[:8])
    help = f"add `edge all -> {', '.join(names[:8])} : ...`, or remove {'them' if several else 'it'}"
    if not has_inputs:
        help = "the cell has no input: add `input c0, c1 : preprocess` at its top"
    title = f"nothing feeds node{'s' * several} {_listed(names)}"
    return Diagnostic("E0302", title, first, tuple(others), help)


def dead(names: Sequence[str], span: Span, label: str) -> Diagnostic:
    """W0303 for the inputs or nodes that one place declares."""
    verb = "reaches" if len(names) == 1 else "reach"
    return Diagnostic("W0303", f"{_listed(names)} never {verb} the output", Label(span, label))


def drawn_twice(source: str, target: str, again: Span, first: Span) -> Diagnostic:
    """E0304."""
    title = f"the edge `{source} -> {target}` is drawn twice"
    before = (Label(first, "first drawn here"),)
    help = "to offer more operations on one edge, join them with `|`"
    return Diagnostic("E0304", title, Label(again, "drawn again here"), before, help)


def keeps_too_many(item: Span, node: str, keep: int, incoming: int) -> Diagnostic:
    """E0305: `keep` above the number of edges."""
    edges = "1 edge ends" if incoming == 1 else f"{incoming} edges end"
    title = f"node `{node}` cannot keep {keep} edge{'s' * (keep != 1)}"
    help = f"write `keep {incoming}`, which keeps all of them, or less; or add edges"
    return Diagnostic("E0305", title, Label(item, f"only {edges} at `{node}`"), help=help)


def keeps_by_chance(item: Span, node: str, keep: int, incoming: int) -> Diagnostic:
    """E0305: `keep` below the number of edges, with nothing to rank them by."""
    title = f"node `{node}` cannot keep {keep} of {incoming} edges"
    label = Label(item, f"no edge into `{node}` offers a choice, so nothing ranks them")
    return Diagnostic("E0305", title, label, help="remove `keep`, or offer a choice on the edges")


def keeps_nothing(keep: Span) -> Diagnostic:
    """E0305: `keep 0`."""
    label = Label(keep, "at least one edge must survive")
    return Diagnostic("E0305", "a node cannot keep 0 edges", label, help="write `keep 1` or more")


def into_input(name: str, span: Span, declared: Span) -> Diagnostic:
    """E0306."""
    title = f"no edge can end at the input `{name}`"
    before = (Label(declared, f"`{name}` is declared as an input here"),)
    help = f"leave `{name}` out of the targets; what prepares an input is written with it: `input {name} : preprocess`"
    return Diagnostic("E0306", title, Label(span, "edges end at nodes"), before, help)


def no_output(cell: Span, name: str) -> Diagnostic:
    """E0307 for a cell without an output."""
    help = "end it with a node, `output n3`, or a merge of nodes, `output concat(n0..n3)`"
    return Diagnostic(
        "E0307", f"cell `{name}` has no output", Label(cell, "an `output` is needed"), help=help
    )


def second_output(again: Span, cell: str, first: Span) -> Diagnostic:
    """E0307 for another `output` of a cell."""
    before = (Label(first, "the first one is here"),)
    help = "to give several nodes, merge them: `output concat(n0..n3)`"
    title = f"cell `{cell}` has more than one output"
    return Diagnostic("E0307", title, Label(again, "one output is accepted"), before, help)


def output_of_input(name: str, span: Span) -> Diagnostic:
    """E0307 for an output that names an input."""
    help = "to pass an input on, draw an edge from it to a node: `edge x -> n : identity`"
    return Diagnostic(
        "E0307", f"the input `{name}` cannot be an output", Label(span, "a node is needed"), help=help
    )


def bad_output(span: Span, label: str, help: str) -> Diagnostic:
    """E0307 for an output that is neither a node nor a merge."""
    return Diagnostic("E0307", "this cannot be the output of a cell", Label(span, label), help=help)


def output_of_no_node(span: Span, help: str) -> Diagnostic:
    """E0307 for an argument of the merge of an output."""
    return Diagnostic("E0307", "an output merges nodes", Label(span, "not a node"), help=help)


def output_of_nothing(span: Span, merge: str, help: str) -> Diagnostic:
    """E0307 for the merge of an output that has no arguments."""
    label = Label(span, f"`{merge}` needs the nodes that it merges")
    return Diagnostic("E0307", "this output merges nothing", label, help=help)


def after_output(span: Span, help: str) -> Diagnostic:
    """E0307 for steps after the merge of an output."""
    title = "only `mix_bn` may follow the merge of an output"
    return Diagnostic("E0307", title, Label(span, "not accepted here"), help=help)


def after_merge(span: Span) -> Diagnostic:
    """E0309 for steps after the merge of a node."""
    title = "only `mix_bn` may follow the merge of a node"
    help = "operations belong on edges"
    if span.source.version == 1:
        help += "; here they need `darts 2` at the top of the file"
    return Diagnostic("E0309", title, Label(span, "not accepted here"), help=help)


def merge_arguments(span: Span, merge: str) -> Diagnostic:
    """E0309 for arguments of the merge of a node."""
    label = Label(span, f"write `{merge}` alone; the edges say what it merges")
    return Diagnostic("E0309", "the merge of a node takes no arguments", label)


def no_merge(span: Span, help: str) -> Diagnostic:
    """E0309 for a node without a merge."""
    return Diagnostic("E0309", "a node needs a merge", Label(span, "this is not a merge"), help=help)


def missing_items(network: Span, name: str, items: Sequence[str], order: str, help: str) -> Diagnostic:
    """E0308 for the items that a network must have and has not; `order` says which there are."""
    title = f"network `{name}` has no {' and no '.join(items)}"
    return Diagnostic("E0308", title, Label(network, order), help=help)


def second_item(again: Span, network: str, item: str, first: Span) -> Diagnostic:
    """E0308 for a second input or head."""
    before = (Label(first, "the first one is here"),)
    title = f"network `{network}` has more than one {item}"
    return Diagnostic("E0308", title, Label(again, f"one {item} is accepted"), before)


def out_of_order(span: Span, item: str, latest: str, before: Span, help: str) -> Diagnostic:
    """E0308 for an item after one that must follow it."""
    first = (Label(before, f"after this {latest}"),)
    group = f"after {latest} {before.start}"
    title = f"a `{item}` cannot follow a `{latest}`"
    return Diagnostic("E0308", title, Label(span, "move this up"), first, help, group)


def no_input(span: Span, known: str, label: str, help: str | None) -> Diagnostic:
    """E0308 for the `input` of a network that is none of those there are."""
    return Diagnostic("E0308", f"the input of a network must be {known}", Label(span, label), help=help)


def bad_highway(span: Span, node: str, edges: Sequence[Label], help: str) -> Diagnostic:
    """E0311 for a `highway` that merges anything but the cell's two inputs, as they are."""
    title = f"`{node}` does not merge the element and the carry"
    return Diagnostic(
        "E0311", title, Label(span, "a `highway` merges both inputs of its cell"), tuple(edges), help
    )


def too_nested(span: Span, depth: int) -> Diagnostic:
    """E0310 for operations within one another."""
    return Diagnostic("E0310", "operations nest too deep", Label(span, f"{depth} deep here"))


def cells_too_nested(span: Span, depth: int) -> Diagnostic:
    """E0310 for cells within one another."""
    return Diagnostic("E0310", "cells stand within one another too deep", Label(span, f"{depth} deep here"))


def _listed(names: Sequence[str]) -> str:
    shown = [f"`{name}`" for name in names[:8]]
    if len(names) > 8:
        return ", ".join(shown) + f" and {len(names) - 8} more"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}"
