"""Every diagnostic code, by family. A code has one meaning, for ever."""

from __future__ import annotations

from difflib import get_close_matches
from textwrap import fill

from dartsl.lang.codes import e01, e02, e03, e04, e05, e06
from dartsl.lang.codes.diagnostics import Code, UserError

__all__ = ["CODES", "Code", "explain", "page"]

# Where the documentation is, which `python -m dartsl.docs` writes; it has a page a code.
SITE = "https://dartsl.github.io/dartsl/"

CODES: dict[str, Code] = {}
for _family in (e01, e02, e03, e04, e05, e06):
    CODES |= _family.CODES


def explain(code: str) -> str:
    """What a code means: title, paragraphs, example. Raises UserError (exit code 2) on an unknown code."""
    known = CODES.get(code.upper())
    if known is None:
        near = get_close_matches(code.upper(), CODES, n=1)
        help = f"did you mean {near[0]}?" if near else "`dartsl explain` lists them all"
        raise UserError(f"there is no code `{code}`", help, exit_code=2)
    paragraphs = [fill(part, 88) for part in known.explanation.split("\n\n")]
    text = "\n\n".join((f"{code.upper()}: {known.title}", *paragraphs)) + "\n"
    if not known.example:
        return text
    lines = (f"    {line}".rstrip() for line in known.example.strip("\n").splitlines())
    return text + "\n" + "\n".join(lines) + "\n"


def page(code: str) -> str:
    """The address of the page that says what `explain` does, such as `.../explain/E0101.html`."""
    return f"{SITE}explain/{code.upper()}.html"
