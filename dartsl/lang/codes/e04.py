"""E04xx: operations, their arguments, and what is allowed where."""

from __future__ import annotations

from dartsl.lang.codes.diagnostics import Code, Diagnostic, Label
from dartsl.lang.codes.source import Span

CODES = {
    "E0401": Code(
        "arguments that do not fit",
        """A call gives a value to every parameter that has no default, by place or by name; named
arguments follow the positional ones. The report shows the declaration. An operation whose
parameters all have defaults is used without brackets. A merge takes the operations that it
merges.""",
        """sep_conv              # no: k is missing
sep_conv(3)           # yes
conv(3, dilation = 2) # yes""",
    ),
    "E0402": Code(
        "a value of the wrong kind",
        """Every expression is an operation, a number, a string or a boolean. The kind of an
operation's parameter is that of its default, or follows from the use that the body makes of it.
`*` and `/` are arithmetic on numbers, and repetition and stride on operations; a repetition has
the operation on the left.""",
        """edge a -> p : 3            # no
edge a -> p : 2*conv(3)    # no
edge a -> p : conv(3)*2    # yes""",
    ),
    "E0403": Code(
        "an edge that offers nothing",
        """An edge whose only candidate is `none` is no edge: delete it. One such edge is accepted
into a node that nothing else feeds; the node is zero then, which is how a found cell says that
`none` won all its edges.""",
        """edge a -> q : none
edge p -> q : identity   # the edge above can go""",
    ),
    "E0404": Code(
        "something is offered twice",
        """The candidates of an edge, `ops` included, must differ: the same operation twice would
share its weight between two alphas. Operations are the same when their names are and their
arguments, defaults filled in and constants computed. Another name makes another candidate. The
arms of a `match` must differ too.""",
        """edge c0 -> n0 : sep_conv(3) | sep_conv(k = 3)   # no
edge c0 -> n0 : sep_conv(3) | sep_conv_3x3      # accepted: another name""",
    ),
    "E0405": Code(
        "a number out of range",
        """Kernels are odd, so that an operation keeps the middle of the image in place; the one even form is a pool
with k = stride (from `darts 2` on also a `conv`, of patches). Kernels, dilations, repetitions and strides are whole
numbers from 1; a dropout is the part that is set to zero, from 0 to less than 1. Numbers with an exponent stay
within 1e40.""",
        """conv(4)        # no
max_pool(2)/2  # yes
conv(3)*0      # no""",
    ),
    "E0406": Code(
        "a choice where it cannot be searched",
        """In `darts 1` alphas belong to edges, so choices are allowed only at the top of an edge's operation and in
the `ops` that it names.

From `darts 2` on a choice is also all that a node offers after its merge, or a layer of a stage, and the argument
of a call in what an edge, a node, a layer or an `ops` offers: `f(a | b)` is `f(a) | f(b)`. The name of an `ops`
stands by itself there, never as an argument.

Inside a chain, an op's body, a stem or a head choices are reserved for a later version. Offer whole operations.""",
        """edge  a -> p : relu > (conv(3) | conv(5))        # no
edge  a -> p : relu > conv(3) | relu > conv(5)   # yes
edge  a -> p : relu > conv(3 | 5)                # from darts 2 on: the same
node  p : sum > (relu | tanh)                    # from darts 2 on
stage (conv(3) | conv(5)) > relu width C         # from darts 2 on""",
    ),
    "E0407": Code(
        "`none` or `keep` where it has no meaning",
        """`none` takes an edge away, and `keep` says how many edges stay: only a `sum` can do
without an edge. `none` is a candidate of its own, never a part of an operation; it takes the
stride of its edge by itself.""",
        """node r : concat
edge a -> r : none | relu   # no
node s : sum keep 1
edge a -> s : none | relu   # yes""",
    ),
    "E0408": Code(
        "`mix_bn` outside a cell's edges",
        """`mix_bn` is a batch norm while its network has choices to search, and nothing once it
is decided. It is allowed in an edge's operation, and after the merge of a node or an output. Stems,
heads, layers and the operations of inputs are never searched: use `bn` there. From `darts 2` on layers can be
searched, and have it, too.""",
        """stem max_pool_3x3               # no: it holds a mix_bn
stem max_pool(3) > bn           # yes
node n0 : sum > mix_bn          # yes""",
    ),
    "E0409": Code(
        "`C`, `Cin` or `stride` where nobody asks for one",
        """`C` and `stride` are the width and the stride that the body of an operation is asked
for, and from `darts 2` on `Cin` is the width that reaches it; edges and inputs are such bodies. In
a network, `C` is its parameter, if it has one of that name, and a stride is written as a number.""",
        """network tiny {
  stem conv(3, out = C)     # no: tiny has no parameter C
}
network tiny(C = 8) {
  stem conv(3, out = C)/2   # yes
}""",
    ),
    "E0410": Code(
        "a stride where there can be none",
        """`/` applies to a name, a call, or a repetition (whose first element strides).
Convolutions, pools, `none`, `noise`, operations that do something with their `stride`, and cells
can stride; `relu`, `bn`, `linear`, merges, chains and choices cannot. In a chain, write it after
the step that strides.""",
        """(relu > conv(3))/2    # no
relu > conv(3)/2      # yes""",
    ),
    "E0411": Code(
        "an operation without an implementation",
        """`extern op` declares the signature of an operation that is written in Python. Its
implementation is found in an installed package (entry points of the group `dartsl.primitives`) or
in a file that you name with `--plugin FILE.py`. A spec never names code by itself. Checking,
drawing and formatting need none.""",
        """extern op deform_conv(k)   # dartsl compile SPEC --plugin my_ops.py""",
    ),
    "E0412": Code(
        "an implementation that breaks its contract",
        """An implementation is a function `name(in_channels, out_channels, stride, affine, **args)` with the name
of the operation, and returns a torch module whose output has out_channels channels and ceil(H/stride) by
ceil(W/stride) pixels; of vectors (B, C) it gives vectors, of a sequence (T, B, C) a sequence. An `extern op` gives
C channels, or those that its parameter `out` says: `out = Cin` keeps what reaches it. It is tried before the
network is lowered, and by `dartsl check SPEC --plugin FILE.py`.""",
        """def my_conv(in_channels, out_channels, stride, affine, k):   # for: extern op my_conv(k)
    return nn.Conv2d(in_channels, out_channels, k, stride, k // 2)""",
    ),
    "E0413": Code(
        "a matrix that cannot be shared",
        """With share = "target", the matrix of a `linear` belongs to the node that its edge leads to: one for each
place in the operation's body, whatever the arguments and whichever edge. So it is allowed only on the edges of a cell
that `scan` runs, and what arrives there over different edges must have the same width.""",
        """op gate(act) = lerp(
  identity,
  linear(bias = false, share = "target") > act,
  linear(bias = false, share = "target") > sigmoid,
)""",
    ),
    "E0414": Code(
        "a cell that cannot stand as an operation",
        """From `darts 2` on a cell may stand on an edge or after a merge, as a candidate or within one, and in the
choice of a layer. It has one input, one output and no open parameters; a cell with parameters is given its
arguments under a name of its own. Bodies of operations, inputs, stems and heads are never searched, and a cell that
`scan` runs goes step by step: cells cannot stand there.""",
        """edge x -> a : motif | sum(identity, motif)   # yes
op   twice = motif > motif                   # no: write it on the edge

cell mine = block(conv(3) | identity)
edge a -> b : mine                           # yes, and not block(conv(3) | identity)""",
    ),
}


# ------------------------------------------------------------------------ faults


def nothing_to_choose(none: Span) -> Diagnostic:
    """E0403: an edge that offers `none` alone, beside other edges."""
    label = Label(none, "`none` alone removes the edge")
    help = "delete the edge, or offer it an operation"
    return Diagnostic("E0403", "this edge has nothing to choose", label, help=help)


def keep_without_sum(keep: Span, merge: str, merged: Span) -> Diagnostic:
    """E0407."""
    label = Label(keep, "only a `sum` can leave edges out")
    other = (Label(merged, f"the edges are merged by `{merge}`"),)
    return Diagnostic("E0407", "`keep` needs a `sum`", label, other, "remove `keep`, or merge by `sum`")


def none_without_sum(none: Span, node: str, merge: str, merged: Span) -> Diagnostic:
    """E0407 for `none` on an edge into another merge."""
    other = (Label(merged, f"`{node}` is merged by `{merge}`"),)
    label = Label(none, "only a `sum` can do without an edge")
    help = f"leave `none` out, or merge `{node}` by `sum`"
    return Diagnostic("E0407", f"`none` cannot be offered on an edge into `{node}`", label, other, help)


def offered_twice(again: Span, candidate: str, first: Span) -> Diagnostic:
    """E0404 for a candidate."""
    before = (Label(first, "already offered here"),)
    return Diagnostic(
        "E0404", f"`{candidate}` is offered twice", Label(again, "again here"), before, "remove one of them"
    )


def second_arm(again: Span, arm: str, first: Span) -> Diagnostic:
    """E0404 for an arm, such as "stride 2"."""
    before = (Label(first, "this arm is taken"),)
    return Diagnostic("E0404", f"{arm} has two arms", Label(again, "again here"), before)


def choice_at(span: Span, where: str, label: str, help: str | None, *others: Label) -> Diagnostic:
    """E0406 for a choice that is not at the top of an edge or in `ops`."""
    return Diagnostic("E0406", f"a choice is not allowed {where}", Label(span, label), others, help)


def choice_as_op(span: Span, name: str) -> Diagnostic:
    """E0406 for an `op` that is a choice and nothing else."""
    label = Label(span, "an `op` is one operation, and this is a choice of several")
    return Diagnostic(
        "E0406", f"`{name}` is a choice", label, help=f"declare it with `ops`: `ops {name} = ...`"
    )


def none_at(span: Span, where: str, label: str, help: str | None) -> Diagnostic:
    """E0407 for `none` that is not a candidate of its own."""
    return Diagnostic("E0407", f"`none` cannot {where}", Label(span, label), help=help)


def mix_bn_at(span: Span, where: str) -> Diagnostic:
    """E0408 for `mix_bn` outside an edge's operation."""
    return _mix_bn(span, f"`mix_bn` cannot be used {where}")


def mix_bn_in(span: Span, operation: str, where: str, found: Span) -> Diagnostic:
    """E0408 for an operation that holds a `mix_bn` outside an edge's operation."""
    title = f"`{operation}` cannot be used {where}: it contains a `mix_bn`"
    return _mix_bn(span, title, Label(found, "here"))


def _mix_bn(span: Span, title: str, *others: Label) -> Diagnostic:
    label = Label(span, "`mix_bn` is allowed on an edge, and after the merge of a node or an output")
    return Diagnostic("E0408", title, label, others, "outside cells, use `bn`")


def unasked(span: Span, name: str, where: str, label: str, help: str, group: str) -> Diagnostic:
    """E0409 for `C`, `Cin`, `stride` or `shape` where nobody asks for one."""
    return Diagnostic("E0409", f"`{name}` is not known {where}", Label(span, label), help=help, group=group)


def strideless(span: Span, what: str, help: str | None) -> Diagnostic:
    """E0410 for a `/` after something that it does not apply to."""
    label = Label(span, "`/` applies to a name, a call or a repetition")
    return Diagnostic("E0410", f"{what} cannot be given a stride", label, help=help)


def second_stride(span: Span, help: str | None) -> Diagnostic:
    """E0410 for a `/` after a `/`."""
    label = Label(span, "`/` applies to a name, a call or a repetition")
    return Diagnostic("E0410", "a stride cannot be given twice", label, help=help)


def cannot_stride(span: Span, label: str, help: str | None, *others: Label) -> Diagnostic:
    """E0410: a `/` after an operation that cannot stride."""
    text = " ".join(span.text.split())
    text = text if len(text) <= 40 else text[:37] + "..."
    return Diagnostic("E0410", f"`{text}` cannot take a stride", Label(span, label), others, help)


def no_owner(span: Span) -> Diagnostic:
    """E0413 for `share` where no node has a matrix."""
    label = Label(span, "no node of a recurrent cell owns a matrix here")
    help = "share a matrix on the edges of a cell that `scan` runs"
    return Diagnostic("E0413", "a matrix cannot be shared here", label, help=help)


def unlike_shares(node: str, share: str, one: Label, other: Label) -> Diagnostic:
    """E0413 for operations into one node that share a matrix and want it in different shapes, as the labels say."""
    help = "give what arrives the same width, or leave `share` out"
    return Diagnostic("E0413", f"operations into `{node}` cannot share `{share}`", one, (other,), help)


def cell_at(span: Span, cell: str, where: str, help: str, place: str) -> Diagnostic:
    """E0414 for a cell where no cell can stand; `place` is the kind of place, of which one report is enough."""
    label, title = Label(span, f"`{cell}` is a cell"), f"the cell `{cell}` cannot stand {where}"
    return Diagnostic("E0414", title, label, help=help, group=f"cell {place}")


def cell_as_operation(cell: str, label: Label, others: tuple[Label, ...], help: str) -> Diagnostic:
    """E0414 for a cell that is no operation, as the label says."""
    title = f"the cell `{cell}` cannot stand as an operation"
    return Diagnostic("E0414", title, label, others, help, f"cell {cell} {help}")
