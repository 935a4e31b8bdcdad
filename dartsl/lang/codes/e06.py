"""E06xx: networks and settings."""

from __future__ import annotations

from dartsl.lang.codes.diagnostics import Code, Diagnostic, Label
from dartsl.lang.codes.source import Span

CODES = {
    "E0601": Code(
        "a file without a network",
        """Cells and operations can be checked, formatted, drawn and compared as they are; to
compile or search, there must be a network that uses the cells. An imported file's
network counts when `--network` names it.""",
        """network tiny(C = 8, n = 1) {
  input image(1, 28, 28)
  stem  conv(3) > bn
  stage normal*n width C
  head  global_avg_pool > linear(10)
}""",
    ),
    "E0602": Code(
        "an unknown setting",
        """`search { }` and `train { }` hold the settings of the commands of those names, each in
its own block. `dartsl search --help` lists them; every setting is an option too.""",
        """search { epoch = 10 }    # no
search { epochs = 10 }   # yes""",
    ),
    "E0603": Code(
        "a bad value for a setting",
        """Settings are literals: numbers, strings in double quotes, `true`, `false`, and lists of
these; some take a schedule over the epochs as well. The label says what would be accepted.""",
        """search { epochs = 2.5 }   # no
search { order = "3" }    # no: one of 1, 2, exact
search { temperature = linear(10, 0.1) }   # yes: 10 in the first epoch, 0.1 in the last""",
    ),
    "E0604": Code(
        "a second settings block",
        """A file has at most one `search { }` and one `train { }`, and only those of the root
file are read. Move the settings into one block.""",
        """search { epochs = 10 }
search { lr = 0.1 }   # no""",
    ),
    "E0605": Code(
        "a network parameter without a number",
        """The parameters of a network are numbers with defaults, so that every network can be
built as it is; a default may use parameters to the left of it. `--set C=36` replaces one when
a command runs.""",
        """network cifar10(C, n = 2)        # no
network cifar10(C = 16, n = 2)   # yes""",
    ),
    "E0606": Code(
        "what cannot be a layer",
        """A stage is a chain of layers: cells and operations, repeated with `*` and strided with
`/`. A cell with parameters must be given its arguments first, under a name of its own; choices
belong on the edges of cells (from `darts 2` on a layer may offer one, too); stems and heads are
operations, never cells.""",
        """stage dag(my_ops) width C   # no

cell normal = dag(my_ops)
stage normal width C        # yes""",
    ),
    "E0607": Code(
        "a part of recurrent cells at a wrong place",
        """`tokens` is the input of a network of text, `scan` a layer of its stages, and `highway` the
merge of a node in a cell that a scan runs. A cell with a highway cannot be a layer of a network of
images, and one with several outputs (`darts 2`) no layer by itself.""",
        """input tokens(35)
stage scan(recurrent, carry = "h") width H
node  s0 : highway   # of the cell `recurrent`""",
    ),
    "E0608": Code(
        "a carry that is no input of the cell",
        """`scan` runs a cell along a sequence. The carry is the input of the cell that takes the
cell's output at the element before; the other input takes the element. It is named in double
quotes. In `darts 2` there may be several, separated by commas.""",
        """cell recurrent { input x, h ... }
stage scan(recurrent, carry = "state") width H   # no
stage scan(recurrent, carry = "h") width H       # yes
stage scan(lstm, carry = "h, c") width H         # yes, where `lstm` has an input `c` too""",
    ),
    "E0609": Code(
        "a cell of images in a network of text, or the reverse",
        """A network of images uses a cell as a layer by its name; a network of text runs it along
the sequence with `scan`. An image is no sequence to run along, and a sequence is no map.

In `darts 2` a cell may be a layer of a network of text: its operations take whole sequences.""",
        """input image(3, 32, 32)
stage scan(recurrent, carry = "h") width H   # no
input tokens(35)
stage scan(recurrent, carry = "h") width H   # yes""",
    ),
    "E0610": Code(
        "a cell that cannot run along a sequence",
        """A cell that `scan` runs has exactly two inputs, the element and the carry, and takes them
as they are. What prepares the element belongs in the network, before the scan, or on the
edges.

In `darts 2` a cell may have several carries. Its outputs are then the next ones, in the order in which
`carry` names them.""",
        """input x, h              # yes
input x, h, c           # no, unless `carry = "h, c"`, and `output h2, c2` gives both
input x : linear, h     # no""",
    ),
    "E0611": Code(
        "an edge that no skip connection fits beside",
        """With `auxiliary_skip` a search adds a skip connection to every edge that offers a choice: the identity, or
a factorised reduction where the edge has stride 2. It keeps the width, so the edge must, and a factorised reduction
needs an even one.""",
        """node n : concat        # twice as wide as the cell
edge n -> m : none | conv(1)   # no skip connection leads from 2*C to C channels""",
    ),
    "E0612": Code(
        "settings that do not go together",
        """Most parts of a search combine, and some exclude each other: one would fail, or do nothing. The
settings are looked at over what `method` stands for and the defaults, since a spec is searched as it
is; options on the command line are judged with the spec's settings once both are known. A method that
is for another kind of network is refused here, too, and in a file of `darts 2` a setting that is for none of its
networks. So are a few settings of a training, and a `loss` that is another
in `search {}` than in `train {}`: it counts for both.""",
        """search { penalty = "kl" }   # no: it is of Dirichlet distributions, in place of the decay
search {
  relaxation   = "dirichlet"
  penalty      = "kl"
  alphas_decay = 0   # yes
}""",
    ),
    "E0613": Code(
        "an edge that partial channels do not fit",
        """With `partial = K` a search, or a stage of one, gives the first of K equal parts of an edge's channels to
its candidates, which are built for that width; the others pass by. So K must divide the width, which the edge and all
its candidates must keep, and the stride must be 1 or 2. A cell that runs along a sequence has no maps to spare.""",
        """stage normal width 16     # partial = 4: candidates have 4 channels
stage normal width 18     # no: 18 channels are not 4 equal parts""",
    ),
}


# ------------------------------------------------------------------------ faults


def no_default(parameter: Span, name: str) -> Diagnostic:
    """E0605 for a parameter of a network without a default."""
    help = "`--set` can replace the default when a command runs"
    title = f"the network parameter `{name}` has no default"
    return Diagnostic("E0605", title, Label(parameter, f"write `{name} = 16`"), help=help, group="no default")


def bad_default(default: Span, name: str, meant: str) -> Diagnostic:
    """E0605 for a default that is no number; `meant` is one that it may have been meant for."""
    title = f"the default of `{name}` must be a number"
    return Diagnostic(
        "E0605", title, Label(default, "this is not a number"), help=f"write a number: `{name} = {meant}`"
    )


def no_value(parameter: Span, name: str) -> Diagnostic:
    """E0605 for a parameter of a network without a default, where its value is needed."""
    return Diagnostic("E0605", f"the parameter `{name}` has no value", Label(parameter, "give it a default"))


def no_number(code: str, span: Span) -> Diagnostic:
    """E0605, or another code by the place, for what stands where a number is expected."""
    return Diagnostic(code, "expected a number", Label(span, "this is not a number"))


def cell_at_end(span: Span, cell: str, place: str) -> Diagnostic:
    """E0606 for a cell as stem or head."""
    title = f"the cell `{cell}` cannot be part of a {place}"
    return Diagnostic(
        "E0606", title, Label(span, f"a {place} is an operation"), help="cells are layers of a `stage`"
    )


def choice_as_layer(span: Span, *declared: Label) -> Diagnostic:
    """E0606 for a choice in a stage."""
    label = Label(span, "choices belong on the edges of a cell")
    help = "to chain layers, write `a > b`; to search over them, make a cell with an edge that offers them"
    if span.source.version == 1:
        help += "; layers that offer a choice need `darts 2` at the top of the file"
    return Diagnostic("E0606", "a choice cannot be a layer", label, declared, help)


def open_cell(span: Span, cell: str, parameters: str, declared: Label) -> Diagnostic:
    """E0606 for a cell whose parameters are open."""
    help = f"write `cell mine = {cell}({parameters})`, and use `mine` here"
    title = f"the cell `{cell}` has parameters, so it cannot be a layer"
    return Diagnostic("E0606", title, Label(span, "name it first"), (declared,), help, f"open {cell}")


def misplaced(span: Span, name: str, meaning: str, help: str) -> Diagnostic:
    """E0607 for a part of recurrent cells at a wrong place."""
    return Diagnostic(
        "E0607", f"`{name}` cannot be used here", Label(span, f"`{name}` is {meaning}"), help=help
    )


def no_carry(carry: Span, cell: str, name: str, declared: Span, help: str) -> Diagnostic:
    """E0608 for a carry that is no input of the cell."""
    label = Label(carry, "what the cell gives is to enter here at the next element")
    other = (Label(declared, "declared here"),)
    return Diagnostic("E0608", f"the cell `{cell}` has no input `{name}`", label, other, help)


def second_carry(carry: Span, name: str, declared: Span, help: str) -> Diagnostic:
    """E0608 for a carry that is named twice."""
    label = Label(carry, "each carry is an input of its own")
    return Diagnostic("E0608", f"`{name}` is named twice", label, (Label(declared, "declared here"),), help)


def scan_of_images(span: Span) -> Diagnostic:
    """E0609 for a `scan` in a network of images."""
    label = Label(span, "there is no sequence to run along")
    help = "write `input tokens(length)`, or use the cell as a layer by its name"
    return Diagnostic("E0609", "a cell cannot run along an image", label, help=help)


def cell_of_images(span: Span, cell: str) -> Diagnostic:
    """E0609 for a cell as a layer of its own in a network of text."""
    title = f"the cell `{cell}` cannot be a layer of a network of text by itself"
    label = Label(span, "cells run along the sequence here")
    return Diagnostic("E0609", title, label, help=f'write `scan({cell}, carry = "...")`')


def cannot_run(span: Span, cell: str, label: str, help: str, *others: Label) -> Diagnostic:
    """E0610 for a cell that cannot run along a sequence; the label says why."""
    return Diagnostic(
        "E0610", f"the cell `{cell}` cannot run along a sequence", Label(span, label), others, help
    )


def no_network(header: Span, help: str) -> Diagnostic:
    """E0601."""
    return Diagnostic(
        "E0601", "this file has no network", Label(header, "a network is needed to build anything"), help=help
    )


def bad_stages(span: Span, setting: str, label: str, help: str | None = None, *others: Label) -> Diagnostic:
    """E0603 for the stages of a search."""
    return Diagnostic("E0603", f"bad value for the setting `{setting}`", Label(span, label), others, help)


def further_outputs(span: Span, cell: str, outputs: int, further: Span, help: str) -> Diagnostic:
    """E0607 for a cell with several outputs as a layer by itself."""
    title = f"the cell `{cell}` has {outputs} outputs, so it cannot be a layer by itself"
    other = (Label(further, "each but the first is a carry alone"),)
    return Diagnostic("E0607", title, Label(span, "it has no carries here"), other, help)


def recurrent_layer(span: Span, cell: str, highways: tuple[Label, ...]) -> Diagnostic:
    """E0607 for a cell with a highway as a layer of a network of images."""
    title = f"the recurrent cell `{cell}` cannot be a layer of images"
    return Diagnostic(
        "E0607", title, Label(span, "it has no carry here"), highways, "a network of text runs it with `scan`"
    )


def no_skip(edge: Span, name: str, where: str) -> Diagnostic:
    """E0611 for an edge that no skip connection can stand beside."""
    help = "set `auxiliary_skip = false`, or let the edge keep its width, with stride 1 or 2"
    return Diagnostic("E0611", f"no skip connection fits beside {name}", Label(edge, where), help=help)


def no_parts(edge: Span, name: str, label: str, help: str, group: str) -> Diagnostic:
    """E0613 for an edge that cannot run on a part of its channels."""
    return Diagnostic(
        "E0613", f"partial channels do not fit {name}", Label(edge, label), help=help, group=group
    )
