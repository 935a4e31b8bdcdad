"""A page for each code of a diagnostic, from what `dartsl explain` says."""

from __future__ import annotations

from dartsl.docs.code import block
from dartsl.docs.page import Page, definitions, link, prose
from dartsl.lang.codes.table import CODES
from dartsl.sweeping.pages.markup import Markup, element, joined

INDEX = "explain/index.html"
ABOUT = (
    "What `dartsl check` reports, by code. E is an error; W is a warning, which never stops a command, and which a "
    "comment silences: `# dartsl: allow W0303`. `dartsl explain CODE` shows the same on a terminal."
)
FAMILIES = {
    "01": "Syntax",
    "02": "Names and imports",
    "03": "Cells",
    "04": "Operations",
    "05": "Shapes",
    "06": "Networks and settings",
}


def diagnostics() -> list[Page]:
    """The list of all codes, then their pages."""
    known = sorted(CODES, key=lambda code: (code[1:], code[0]))
    parts = [element("h1", "Diagnostics"), element("p", prose(ABOUT, INDEX))]
    for family, name in FAMILIES.items():
        codes = [code for code in known if code[1:3] == family]
        rows = [
            (link(f"explain/{code}.html", code, INDEX), prose(CODES[code].title, INDEX), None)
            for code in codes
        ]
        parts += [element("h2", name, id=f"e{family}"), definitions(rows)]
    index = Page(INDEX, "Diagnostics", joined(parts), ABOUT.replace("`", ""))
    return [index, *map(_explained, known)]


def _explained(code: str) -> Page:
    known, url = CODES[code], f"explain/{code}.html"
    kind = "warning" if code.startswith("W") else "error"
    parts: list[Markup] = [
        element("p", f"{kind} {code}", class_=f"kicker {kind}"),
        element("h1", prose(known.title[:1].upper() + known.title[1:], url)),
        *(element("p", prose(part, url)) for part in known.explanation.split("\n\n")),
    ]
    if known.example:
        parts.append(block(known.example.strip("\n"), "darts"))
    if kind == "warning":
        parts.append(
            element("p", prose(f"A comment at the place silences it: `# dartsl: allow {code}`.", url))
        )
    return Page(url, f"{code}: {known.title.replace('`', '')}", joined(parts), known.explanation[:200])
