"""A page for each code of a diagnostic, from what `dartsl explain` says."""

from __future__ import annotations

from pathlib import Path

from dartsl.docs.code import block
from dartsl.docs.page import Page, definitions, link, prose
from dartsl.lang.codes.table import CODES
from dartsl.sweeping.pages.markup import Markup, element, joined

REPORTS = "tests/bad"  # mistakes, each beside what `dartsl check` prints of it
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


def diagnostics(root: Path) -> list[Page]:
    """The list of all codes, then their pages; a clone's tests have the report that each shows."""
    known = sorted(CODES, key=lambda code: (code[1:], code[0]))
    parts = [element("h1", "Diagnostics"), element("p", prose(ABOUT, INDEX))]
    for family, name in FAMILIES.items():
        codes = [code for code in known if code[1:3] == family]
        rows = [
            (link(f"explain/{code}.html", code, INDEX), prose(CODES[code].title, INDEX), None)
            for code in codes
        ]
        parts += [element("h2", name, id=f"e{family}"), definitions(rows)]
    index = Page(INDEX, "Diagnostics", joined(parts), ABOUT)
    return [index, *(_explained(code, root / REPORTS) for code in known)]


def _explained(code: str, reports: Path) -> Page:
    known, url = CODES[code], f"explain/{code}.html"
    kind = "warning" if code.startswith("W") else "error"
    parts: list[Markup] = [
        element("p", f"{kind} {code}", class_=f"kicker {kind}"),
        element("h1", prose(known.title[:1].upper() + known.title[1:], url)),
        *(element("p", prose(part, url)) for part in known.explanation.split("\n\n")),
    ]
    if known.example:
        parts.append(block(known.example.strip("\n"), "darts"))
    report = reported(code, reports)
    if report:
        parts += [element("h2", "How it is reported", id="report"), block(report)]
    if kind == "warning":
        parts.append(
            element("p", prose(f"A comment at the place silences it: `# dartsl: allow {code}`.", url))
        )
    return Page(url, f"{code}: {known.title.replace('`', '')}", joined(parts), known.explanation)


def reported(code: str, reports: Path) -> str:
    """The first report of a code in the file that was written to show it; empty where there is none."""
    for path in sorted(reports.glob(f"{code}_*.txt")):
        for text in path.read_text(encoding="utf-8").split("\n\n"):
            if f"[{code}]: " in text and f"--> {path.stem}." in text:
                return text
    return ""
