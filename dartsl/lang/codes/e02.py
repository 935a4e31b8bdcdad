"""E02xx: names and imports."""

from __future__ import annotations

from dartsl.lang.codes.code import Code

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
