"""E02xx: names and imports."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.codes.diagnostics import Code, Diagnostic, Label
from dartsl.lang.codes.source import Span

CODES = {
    "E0201": Code(
        "a name that is not known where it is used",
        """Operations, `ops` and cells are found in the file itself, in what it imports, and in
what those files import; nodes belong to their cell and must be declared before the edges that
name them; parameters belong to their declaration. The help line says which name was probably
meant and where it is defined, or which names there are.""",
        """edge c0 -> n0 : sep_cnov(3)   # no
edge c0 -> n0 : sep_conv(3)   # yes, with import "std/cnn\"""",
    ),
    "E0202": Code(
        "a name is defined twice",
        """Operations, extern operations, `ops` and cells share one namespace, over all files of a
spec; networks have another; inputs and nodes share one in each cell; parameters have one in each
declaration, settings one in each block. The first definition counts. Rename one of them.""",
        """import "std/cnn"
op sep_conv(k) = relu > conv(k)      # no: std/cnn defines it
op my_sep_conv(k) = relu > conv(k)   # yes""",
    ),
    "E0203": Code(
        "a name that the language keeps for itself",
        """The merges `sum`, `concat`, `mean`, `product`, `lerp` and `highway`, then `scan`,
`image` and `tokens`, and the numbers `C` (the width asked for) and `stride` (the stride asked
for) are known everywhere, so nothing else can be called so. A network may have a parameter
`C`: it is the width that `--set C=36` replaces.

`darts 2` keeps `Cin`, `shape`, `vector` and `series` as well, and `layer0`, `layer1` and so on as
names of cells: layers that offer a choice are called so. A file of `darts 1` may use these, and
the operations that `darts 2` added, as names of its own; a file of `darts 2` cannot import it then.""",
        """node sum : sum     # no
node total : sum   # yes""",
    ),
    "E0204": Code(
        "an import that names no file",
        """`import "std/cnn"` finds a shipped spec by its name, `import "./mine"` the file
mine.darts beside the importing one. The ending `.darts` is omitted. Names that only the missing
file could define are not reported.""",
        """import "./darts_v2"   # the file darts_v2.darts beside this one""",
    ),
    "E0205": Code(
        "imports run in a circle",
        """A file sees everything that it imports, so two files that import each other would each
have to be read first. Move what both need into a third file, and import that one from both.
A file may be reached by several imports: it is read once.""",
        """import "./b"   # in a.darts, while b.darts says import "./a\"""",
    ),
    "E0206": Code(
        "a bad range",
        """`p2..p5` stands for p2, p3, p4 and p5: two names with the same beginning, each ending
in a number, the first number not above the second. Numbers that start with 0 must be equally long
(`n08..n10`). Ranges can be used wherever nodes or inputs are named.""",
        """node n0..m3 : sum   # no: n and m differ
node n0..n3 : sum   # yes""",
    ),
    "E0207": Code(
        "an import leaves the folder of the spec",
        """A spec may import from the library and from the folder of its root file, with the
folders below it. Absolute paths and paths that climb above the root file's folder are refused, so
that a spec from somebody else cannot read other files.""",
        """import "../other/cells"   # no, where `..` is above the root file
import "./cells"          # yes""",
    ),
    "E0208": Code(
        "a definition that uses itself",
        """Operations, `ops` and cells are expanded where they are used, so none may use
itself, directly or through others. Repetition is written `x*n`.""",
        """op deep(k) = conv(k) > deep(k)   # no
op deep(k) = conv(k)*4           # yes""",
    ),
    "E0209": Code(
        "an import of a later version of the language",
        """Each file is read by the version that its own header names. A file of `darts 2` may import
files of `darts 1`, and never the reverse: what version 2 added has no meaning in version 1. Write
the later version at the top of the importing file.""",
        """darts 2              # not `darts 1`: std/blocks is written in `darts 2`
import "std/blocks\"""",
    ),
}


# ------------------------------------------------------------------------ faults

NOWHERE = "not defined here or in any import"


def unknown(
    span: Span, what: str, name: str, label: str = NOWHERE, help: str | None = None, group: str = ""
) -> Diagnostic:
    """E0201 for a name that means nothing; `what` should have it, for example "operation"."""
    return Diagnostic("E0201", f"unknown {what} `{name}`", Label(span, label), help=help, group=group)


def declared_below(span: Span, node: str, declared: Span, cell: str) -> Diagnostic:
    """E0201 for a node that is named before it is declared."""
    return Diagnostic(
        "E0201",
        f"unknown node `{node}`",
        Label(span, "declared only below"),
        (Label(declared, f"`{node}` is declared here"),),
        "declare a node above the edges that name it",
        group=f"below {cell}",
    )


def defined_twice(what: str, again: Span, first: Span, *, here: str = "defined") -> Diagnostic:
    """E0202. `what` names the thing, for example "operation `f`"."""
    return Diagnostic(
        "E0202",
        f"{what} is {here} twice",
        Label(again, f"{here} again here"),
        (Label(first, f"first {here} here"),),
        "rename one of them" if here == "defined" else "remove one of them",
    )


def defined_by_later(name: str, here: Span, later: Span, version: int) -> Diagnostic:
    """E0202 for an operation of a file that is to be upgraded to a version which has one of its name."""
    return Diagnostic(
        "E0202",
        f"`darts {version}` has an operation `{name}` of its own",
        Label(here, "the file has another, and stays as it is"),
        (Label(later, f"that of `darts {version}`"),),
        f"first rename yours, for example to `{name}_`, or delete it where it computes the same",
    )


def inputs_as_parameters(names: Sequence[Span], first: str, cell: str) -> Diagnostic:
    """E0202 for parameters of a cell that nothing uses, and that have the names of its inputs; `first` is one."""
    label, *others = (Label(name, "the name of an input, and not used") for name in names)
    title = f"`{first}` is a parameter and an input of the cell `{cell}`"
    help = f"inputs are declared by `input` alone: write `cell {cell} {{`"
    return Diagnostic("E0202", title, label, tuple(others), help)


def reserved(span: Span, name: str, meaning: str) -> Diagnostic:
    """E0203 where a declaration takes a name that the language keeps for itself."""
    label = Label(span, f"`{name}` is {meaning}")
    help = f"choose another name, for example `{name}_`"
    return Diagnostic("E0203", f"`{name}` is reserved", label, help=help)


def called_as_a_layer(span: Span, cell: str) -> Diagnostic:
    """E0203 for a cell with the name that a layer has."""
    label = Label(span, "layers that offer a choice are called so")
    help = f"choose another name, for example `{cell}_`"
    return Diagnostic("E0203", f"a cell cannot be called `{cell}`", label, help=help)


def reserved_later(
    path: Span, name: str, declared: Span, where: str, meaning: str, version: int
) -> Diagnostic:
    """E0203 where an import brings in a name that the version of the importing file keeps for itself."""
    return Diagnostic(
        "E0203",
        f"`{name}` is reserved in `darts {version}`",
        Label(path, f"brings it in from {where}"),
        (Label(declared, f"in `darts {version}`, `{name}` is {meaning}"),),
        f"rename it there, for example to `{name}_`",
    )


def not_found(path: Span, name: str, label: str, help: str | None) -> Diagnostic:
    """E0204 for an import of `name`, as it is shown."""
    return Diagnostic("E0204", f'import "{name}" is not found', Label(path, label), help=help)


def circle(path: Span, label: str, via: Sequence[Span]) -> Diagnostic:
    """E0205: an import of a file whose own imports are being read."""
    labels = tuple(Label(each, "which is imported here") for each in via)
    help = "move what the files share to one of their own, and import that"
    return Diagnostic("E0205", "imports run in a circle", Label(path, label), labels, help)


def no_range(span: Span, first: str, last: str, label: str, help: str | None = None) -> Diagnostic:
    """E0206."""
    help = help or "a range counts up from one name to another with the same beginning, such as `n0..n3`"
    return Diagnostic("E0206", f"`{first}..{last}` is not a range", Label(span, label), help=help)


def outside(path: Span, label: str) -> Diagnostic:
    """E0207."""
    title = "an import cannot leave the folder of the spec"
    help = "import from the library (`std/cnn`) or from the root file's folder (`./mine`)"
    return Diagnostic("E0207", title, Label(path, label), help=help)


def recursion(uses: Sequence[tuple[Span, str]]) -> Diagnostic:
    """E0208 for a loop: where each declaration of it uses the next, and that one's name."""
    (span, first), *others = uses
    label = Label(span, f"`{first}` is used here" if others else "uses itself here")
    labels = tuple(Label(place, f"`{name}` is used here") for place, name in others[:8])
    help = "a definition must end in what is defined without it"
    return Diagnostic("E0208", f"`{uses[-1][1]}` is defined by itself", label, labels, help)


def later_version(path: Span, name: str, version: int, own: int) -> Diagnostic:
    """E0209: the file `name` is of a later version than the one that imports it, whose is `own`."""
    label = Label(path, f"{name} is written in `darts {version}`")
    title = f"`darts {own}` cannot import `darts {version}`"
    return Diagnostic("E0209", title, label, help=f"write `darts {version}` at the top of this file")
