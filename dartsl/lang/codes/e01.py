"""E01xx: syntax."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.codes.diagnostics import Code, Diagnostic, Label
from dartsl.lang.codes.source import Span

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


# ------------------------------------------------------------------------ faults


def unexpected(span: Span, what: str, expected: str, help: str | None) -> Diagnostic:
    """E0100 for a token that does not fit, or the end of the file (`what`)."""
    return Diagnostic("E0100", f"unexpected {what}", Label(span, expected), help=help)


def incomplete(end: Span, statement: str, expected: str, help: str | None) -> Diagnostic:
    """E0100 for a statement at whose end something is missing."""
    return Diagnostic("E0100", f"this `{statement}` is not complete", Label(end, expected), help=help)


def slip(span: Span, title: str, label: str, help: str | None, group: str) -> Diagnostic:
    """E0100 for what newcomers write by mistake; `group` tells the mistakes apart."""
    return Diagnostic("E0100", title, Label(span, label), help=help, group=group)


def keyword(span: Span, word: str) -> Diagnostic:
    """E0101: a keyword stands where a name has to."""
    help = f"choose another name, for example `{word}_`"
    label = Label(span, "cannot be used as a name")
    return Diagnostic("E0101", f"`{word}` is a keyword", label, help=help, group=f"keyword {word}")


def unknown_version(span: Span, version: str, known: Sequence[int]) -> Diagnostic:
    """E0102: `version`, as it is shown, is none of those that there are, the latest of which comes last."""
    label = Label(span, f"this dartsl reads versions {' and '.join(map(str, known))}")
    title = f"version {version} of the language is unknown"
    return Diagnostic("E0102", title, label, help=f"write `darts {known[-1]}`")


def no_header(span: Span, version: int, label: str, help: str | None) -> Diagnostic:
    """E0102: a file does not start with its version."""
    help = help or f"the first line of a file is `darts {version}`, the version of its language"
    return Diagnostic("E0102", f"`darts {version}` is missing", Label(span, label), help=help)


def too_strange(span: Span, limit: int) -> Diagnostic:
    """E0103: so many characters are not part of the language that the text is read no further."""
    label = Label(span, "the file is not read from here on")
    title = f"more than {limit:,} characters are not part of the language"
    return Diagnostic("E0103", title, label, help="is this a .darts file?")


def unclosed_string(span: Span, help: str | None) -> Diagnostic:
    """E0103."""
    return Diagnostic("E0103", "this string is not closed", Label(span, 'no `"` ends it'), help=help)


def strange(span: Span, what: str, label: str, help: str | None, group: str) -> Diagnostic:
    """E0103: text (`what`, as it is shown) that is no word or sign."""
    return Diagnostic(
        "E0103", f"{what} is not part of the language", Label(span, label), help=help, group=group
    )


def too_deep(span: Span, levels: int) -> Diagnostic:
    """E0104."""
    label = Label(span, f"more than {levels} levels")
    return Diagnostic("E0104", "nested too deep", label, help="give a part of it a name with `op`")


def too_large_number(span: Span, number: str, largest: int, digits: int) -> Diagnostic:
    """E0105."""
    label = Label(span, f"numbers are at most {largest:,}, and {digits} characters long")
    return Diagnostic("E0105", f"the number {number} is too large", label)


def not_utf8(span: Span, byte: int) -> Diagnostic:
    """E0106."""
    label = Label(span, f"byte 0x{byte:02x}")
    return Diagnostic("E0106", "this file is not UTF-8", label, help="save it with the encoding UTF-8")


def not_understood(comment: Span) -> Diagnostic:
    """W0107: a comment that allows, but no code."""
    help = "write `# dartsl: allow W0303`, with one code or several separated by commas"
    return Diagnostic("W0107", "this comment allows nothing", Label(comment, "not understood"), help=help)


def not_allowed(span: Span, code: str) -> Diagnostic:
    """W0107: an error is allowed."""
    label = Label(span, "this is an error")
    return Diagnostic("W0107", f"`{code}` cannot be allowed", label, help="only warnings can be allowed")


def no_code(span: Span, code: str, near: str | None) -> Diagnostic:
    """W0107: a code that there is not, which may have been meant for `near`."""
    help = f"did you mean `{near}`? " if near else ""
    help += "`dartsl explain` lists all codes"
    return Diagnostic("W0107", f"there is no code `{code}`", Label(span, "unknown"), help=help)


def silences_nothing(span: Span, code: str) -> Diagnostic:
    """W0107."""
    label = Label(span, "there is no such warning here")
    return Diagnostic("W0107", f"this allow of `{code}` silences nothing", label, help="remove it")
