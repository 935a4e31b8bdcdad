"""E05xx: strides, widths and sizes."""

from __future__ import annotations

from dataclasses import replace

from dartsl.lang.codes.diagnostics import Code, Diagnostic, Label
from dartsl.lang.codes.source import Span

CODES = {
    "E0501": Code(
        "an operation does not give the stride that is asked of it",
        """In `cell/2`, every edge that leaves an input has stride 2, and an input that reads a larger image than the
newest one is asked for the stride between them. The operation there must give exactly that stride: write
`/stride` after its first step that strides, or choose with `match stride { 1 => ..., 2 => ... }`. In an
operation's body, a single name or call is asked for the body's stride; in a chain, only a written `/` strides.
An input without an operation can only be read with stride 1.""",
        """op plain(k) = relu > conv(k) > bn          # always stride 1
op right(k) = relu > conv(k)/stride > bn   # the stride that is asked for""",
    ),
    "E0502": Code(
        "a width is not the one asked for, or widths differ where they must agree",
        """An operation on an edge, on an input or in a stage is asked for C channels, the width of its stage, and must
give them. A convolution gives C channels unless `out = ...` says otherwise; what has no width of its own,
such as `relu` and pools, keeps the one that reaches it. Into a `concat` another width is only a warning
(W0502). In a recurrent cell an operation may also keep its input's width, or write its own as `out`; the
output must have that of the carry. `sum`, `mean`, `product` and `lerp` work channel by channel, so all that
they merge must have the same width; so must all candidates of one edge, since the search mixes them. A cell
that no network uses is checked with C as a symbol, so that the message may say C/2.""",
        """op half(k) = relu > conv(k, out = C/2) > bn   # C/2 channels where C are asked for
op q = concat(conv(1, out = C/2) > sep_conv(3), conv(1, out = C/2))   # sep_conv gives C""",
    ),
    "W0502": Code(
        "an operation into a `concat` does not give the width asked of it",
        """Every operation on an edge is asked for C channels, the width of the cell. A `concat` takes any width, so
another one is no error there, but it makes the node, and perhaps the cell's output, wider or narrower than edges of
C channels would.""",
        """node n : concat
edge a, b -> n : conv(1, out = C/2)   # n has C channels, where edges of C channels make it 2*C""",
    ),
    "E0503": Code(
        "a width that is no whole number",
        """Widths are exact fractions of the network's parameters, and a network can be built only where each of them is
a whole number of at least 1. `conv(1, out = C/4)` needs a C that 4 divides: choose other parameters, or other
fractions. `factorized_reduce` of std/cnn halves C.""",
        """network n(C = 9) { ... }   # factorized_reduce would have 9/2 channels""",
    ),
    "E0504": Code(
        "the image, or the series, is too small to be strided",
        """A stride above 1 needs at least two pixels, or samples, on its axis. Each `/2` halves the image (rounding
up), so an image of 8x8 is 1x1 after three of them, and a fourth has nothing left to halve. Use larger images or
fewer reductions.""",
        """input image(1, 4, 4)   # with three stages of reduction/2""",
    ),
    "E0505": Code(
        "a merge with a wrong number of inputs",
        """`lerp(x, y, t)` is x + t * (y - x) and has exactly three inputs, in this order, `highway` the
element and the carry. `sum`, `concat`, `mean` and `product` take any number from one.""",
        """op blend = lerp(identity, relu)   # t is missing""",
    ),
    "E0506": Code(
        "sizes differ in a merge",
        """All branches of a merge in an operation work on the same input and must come to the same size: give them the
same strides. A 1x1 image (after `global_avg_pool`) is the exception: it is broadcast over the others.""",
        """op two = sum(conv(3)/2, conv(1))   # one branch strides, the other does not""",
    ),
    "E0507": Code(
        "a primitive on the wrong kind of tensor",
        """Convolutions, pools and shifts work on a map (channels, height, width); `linear` works on a vector, on a
map of 1x1, or on each vector of a sequence. `global_avg_pool` makes a map of 1x1 of any map. A stem gives a map, a
head a vector with one entry per class. In a network of text, `embedding` makes a sequence of vectors of the tokens;
all that follows works on sequences, and inside a cell that `scan` runs on vectors.

From `darts 2` on convolutions, pools and shifts work along a series too, and `conv` and `dwconv` along a sequence,
where nothing sees later elements. Vectors, of a table for example, take `linear`, norms, dropout and functions.
`attention` and `position_embedding` work on maps, series and sequences.""",
        """head linear(10)   # of a map: write global_avg_pool > linear(10)""",
    ),
    "E0508": Code(
        "a matrix that cannot be tied",
        """With tie = "stem", a `linear` of the head computes with the matrix of the embedding, and owns no more than
its bias. There must be exactly one embedding, with as many words as the `linear` has outputs, and as wide as what
reaches it. Nothing but the head can be tied.""",
        """stem  embedding(vocab, out = 300)
stage scan(recurrent, carry = "h") width 200
head  linear(vocab, tie = "stem")   # no: 200 channels reach it""",
    ),
    "E0509": Code(
        "a head of another vocabulary than the embedding's",
        """A network of text predicts how likely each word of its vocabulary comes next, so its head has as many
outputs as its embedding has words. With fewer, some words could never be predicted; with more, some outputs would
have no word. Write the same number in both, or a parameter of the network, so that `--set` changes both.""",
        """network text(H = 48, vocab = 8) {
  input tokens(15)
  stem  embedding(vocab, out = H)
  stage scan(recurrent, carry = "h") width H
  head  linear(vocab)   # not linear(9)
}""",
    ),
    "W0510": Code(
        "a network whose output does not depend on its input",
        """Nothing of the input reaches the output: every way there leads through `none`, which gives zeros, or through
`noise`, or into a product with zeros. Such a network can be trained, and learns no more than how frequent each
class is. A search may find one where `none` wins too many edges; unless `derive` is argmax, `dartsl search` then
changes the choices that cost least.""",
        """cell block {
  input  x
  node   n : sum
  edge   x -> n : none   # the output is zero
  output n
}""",
    ),
}


# ------------------------------------------------------------------------ faults

MAY_BE_MEANT = "a `concat` takes any width; where this one is meant, write `# dartsl: allow W0502`"


def no_arm(span: Span, operation: str, asked: int, arms: Span, known: str) -> Diagnostic:
    """E0501 for an operation whose `match stride` has no arm for the stride; `known` are those it has."""
    title = f"`{operation}` cannot be used with stride {asked}"
    label = Label(span, f"asked for stride {asked}, has no arm for it")
    help = f"use it with stride {known}, or give the `match stride` an arm for {asked}"
    knows = (Label(arms, "the strides that it knows"),)
    return Diagnostic("E0501", title, label, knows, help, group=f"no arm for stride {asked}")


def other_stride(span: Span, operation: str, asked: int, gives: str, help: str | None) -> Diagnostic:
    """E0501 for an operation that gives another stride than the one asked of it."""
    title = f"`{operation}` cannot be used with stride {asked}"
    return Diagnostic("E0501", title, Label(span, f"asked for stride {asked}, gives {gives}"), help=help)


def other_width(
    span: Span, operation: str, asked: str, gives: str, steps: tuple[Label, ...], help: str
) -> Diagnostic:
    """E0502 for an operation that gives another width than the one asked; `steps` decide it."""
    title = f"`{operation}` does not give the width asked of it"
    return Diagnostic("E0502", title, Label(span, f"asked for {asked}, gives {gives}"), steps, help)


def raw_input(item: Span, name: str, asked: str, has: str, keeps: Label) -> Diagnostic:
    """E0502 for an input that nothing prepares, whose width an operation keeps."""
    title = f"the input `{name}` does not have the width asked for"
    help = f"give it an operation with C channels: `input {name} : preprocess` (of std/cnn)"
    return Diagnostic("E0502", title, Label(item, f"asked for {asked}, has {has}"), (keeps,), help)


def as_warning(fault: Diagnostic) -> Diagnostic:
    """W0502: an E0502 on an edge into a `concat`."""
    return replace(fault, code="W0502", help=MAY_BE_MEANT)


def unlike_widths(what: str, one: Label, *others: Label) -> Diagnostic:
    """E0502 for widths that must agree, as the labels say."""
    return Diagnostic("E0502", f"{what} do not have the same width", one, others)


def bad_width(span: Span, what: str, value: str, needed: str, help: str | None) -> Diagnostic:
    """E0503 for a width that a network asks for."""
    return Diagnostic("E0503", f"{what} cannot be {value}", Label(span, f"this must be {needed}"), help=help)


def too_small(span: Span, title: str, label: str, help: str, *others: Label) -> Diagnostic:
    """E0504 for an image, or a series, that cannot be halved."""
    return Diagnostic("E0504", title, Label(span, label), others, help)


def arity(
    merge: str, wanted: str, count: int, label: Label, others: tuple[Label, ...], help: str | None
) -> Diagnostic:
    """E0505 for a merge that cannot take so many inputs."""
    return Diagnostic("E0505", f"`{merge}` merges {wanted}, not {count}", label, others, help)


def unlike_sizes(merge: str, one: Label, other: Label) -> Diagnostic:
    """E0506 for branches, as the labels say."""
    title = f"the branches of `{merge}` do not have the same size"
    return Diagnostic("E0506", title, one, (other,), "give the branches the same strides")


def cannot_apply(span: Span, operation: str, what: str, label: str, help: str | None = None) -> Diagnostic:
    """E0507 for an operation that cannot take what reaches it."""
    return Diagnostic("E0507", f"`{operation}` cannot be applied to {what}", Label(span, label), help=help)


def cannot_stride_over(span: Span, operation: str, what: str) -> Diagnostic:
    """E0507 for an operation that strides where there is no size."""
    label = Label(span, f"{what} arrives here, which has no size to be strided")
    return Diagnostic("E0507", f"`{operation}` cannot stride over {what}", label)


def nothing_to_tie(span: Span) -> Diagnostic:
    """E0508 for `tie` outside a head."""
    label = Label(span, "only the head can take the embedding's matrix")
    return Diagnostic("E0508", "a matrix cannot be tied here", label)


def cannot_tie(span: Span, label: str, others: tuple[Label, ...], help: str | None = None) -> Diagnostic:
    """E0508 for a head that the embedding's matrix does not fit."""
    return Diagnostic(
        "E0508", "the head cannot take the embedding's matrix", Label(span, label), others, help
    )


def other_vocabulary(head: Span, outputs: str, embedding: Span, words: str) -> Diagnostic:
    """E0509."""
    title = "the head and the embedding do not have the same vocabulary"
    other = (Label(embedding, f"this knows {words} words"),)
    help = "a head has an output for each word: write the same number, or one parameter, in both"
    return Diagnostic("E0509", title, Label(head, f"this gives {outputs} outputs"), other, help)


def cannot_prepare(item: Span, name: str, between: str) -> Diagnostic:
    """E0501 for an input of a cell for which no stride is the right one."""
    label = Label(item, f"between what it reads and the newest layer: {between}")
    return Diagnostic("E0501", f"the input `{name}` cannot be prepared", label)


def needs_stride(item: Span, name: str, asked: int, help: str, group: str) -> Diagnostic:
    """E0501 for an input of a cell that nothing prepares, and that is larger than the others."""
    label = Label(item, f"what it reads is {asked} times as large as the output of the newest layer")
    title = f"the input `{name}` needs an operation with stride {asked}"
    return Diagnostic("E0501", title, label, help=help, group=group)


def no_next_carry(output: Span, cell: str, carry: str, gives: str, has: str) -> Diagnostic:
    """E0502 for an output of a recurrent cell that is not as wide as the carry that it is next."""
    title = f"the output of `{cell}` cannot be its next `{carry}`"
    return Diagnostic("E0502", title, Label(output, f"this gives {gives}, and the carry has {has}"))


def must_give(span: Span, what: str, wanted: str, gives: str, help: str | None) -> Diagnostic:
    """E0507 for a stem or a head that gives something else than it has to."""
    return Diagnostic("E0507", f"{what} must give {wanted}", Label(span, f"this gives {gives}"), help=help)


def constant_output(network: Span, name: str, last: Span, layer: str) -> Diagnostic:
    """W0510; the input's way ends in a layer, at `last`."""
    return Diagnostic(
        "W0510",
        f"the output of network `{name}` does not depend on its input",
        Label(network, "nothing of the input is left at its end"),
        (Label(last, f"the input ends here, in {layer}"),),
        "every way from the input to the output leads through `none` or `noise`",
    )
