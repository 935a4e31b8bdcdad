"""E03xx: the graphs of cells, and the structure of cells and networks."""

from __future__ import annotations

from dartsl.lang.codes.code import Code

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
merge. Everything else that a cell computes belongs on its edges.""",
        """output n3
output concat(n0..n3)
output mean(n0, n1) > mix_bn""",
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
may follow it. Operations belong on edges.""",
        """node n0 : relu           # no
node n0 : sum            # yes
node n1 : sum > mix_bn   # yes""",
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
