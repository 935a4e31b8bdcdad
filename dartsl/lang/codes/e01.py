"""E01xx: syntax."""

from __future__ import annotations

from dartsl.lang.codes.code import Code

CODES = {
    "E0100": Code(
        "something is not allowed where it is written",
        """The text is not what the grammar expects here; the label says what would be accepted. Most
often an operator or a comma is missing, a bracket is not closed, or a keyword is misspelt.
Operations are chained with `>` and offered with `|`; `->` only draws edges. The rest of the
statement is skipped, and reading continues at the next keyword, so that all mistakes of a file
are reported at once.""",
        """op f(k) = relu conv(k)      # no: `>` is missing
op f(k) = relu > conv(k)    # yes""",
    ),
    "E0101": Code(
        "a keyword cannot be a name",
        """Keywords have one meaning everywhere in a file, so that no item needs a separator: `all`,
`cell`, `edge`, `extern`, `false`, `head`, `import`, `input`, `keep`, `match`, `network`,
`node`, `op`, `ops`, `output`, `search`, `stage`, `stem`, `train`, `true` and `width`. Choose
another name.""",
        """node head : sum     # no
node head_ : sum    # yes""",
    ),
    "E0102": Code(
        "the version of the language is missing or unknown",
        """A file starts with `darts` and the version of the language that it is written in; only
comments may come before it. There are `darts 1` and `darts 2`. The version is read before anything else, and a
file keeps its meaning when later versions add to the language.""",
        """darts 1

import "std/cnn\"""",
    ),
    "E0103": Code(
        "a character that means nothing, or a string without an end",
        """Outside comments and strings the language knows ASCII letters, digits, `_` and the signs `( )
{ } [ ] = : , | > * / + - -> => ..`. Strings are written in double quotes and end on the line
where they begin. A number with a fraction has digits on both sides of its dot.""",
        """input image(3, 32, 32);   # no: nothing separates items
search { lr = .5 }        # no: write 0.5""",
    ),
    "E0104": Code(
        "nested too deep",
        """Brackets, and operators inside one another, may be nested 100 deep, far deeper than anybody
writes by hand. Give a part of the expression a name with `op`.""",
        """op part = relu > conv(3) > bn
op whole = part > part""",
    ),
    "E0105": Code(
        "a number that is too large",
        """Numbers reach 1,000,000,000 and are at most 40 characters long; an exponent has at most two
digits.""",
        """network n(C = 16000000000) { ... }   # no""",
    ),
    "E0106": Code(
        "a file that is not UTF-8",
        """Specs are read as UTF-8, with or without a byte-order mark. Another encoding was used, or the
file is not text. Save it again as UTF-8.""",
    ),
    "W0107": Code(
        "a comment that allows nothing",
        """`# dartsl: allow W0303` silences a warning: in the whole file if it comes before the first
import or declaration, in the next statement if it is on a line of its own, and otherwise in the
statement on its left. Several codes are separated by commas; words
after them may say why. Only warnings can be allowed. A comment that names an unknown code or
an error, or that silences nothing, is reported.""",
        """node n4 : sum   # dartsl: allow W0303   (a spare node)
node n5 : sum   # dartsl: allow E0302   (no: an error)""",
    ),
}
