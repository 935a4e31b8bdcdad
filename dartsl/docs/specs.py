"""A page for each spec that comes with dartsl: what it is, its cells drawn, its text, what its network costs."""

from __future__ import annotations

from dataclasses import replace

import dartsl
from dartsl.api.drawing import svg
from dartsl.cli.info import as_text
from dartsl.docs.code import block
from dartsl.docs.page import Heading, Page, definitions, link, prose
from dartsl.lang.check.model import Spec
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.sweeping.pages.diagrams import POINT, diagram
from dartsl.sweeping.pages.markup import Markup, element, joined


def specs(index: Page) -> list[Page]:
    """The page on all of them, to which their list is added, then one for each."""
    about = dartsl.shipped_specs()
    heading = Heading(2, "all", "All specs")
    rows = [(link(_url(name), name, index.url), prose(text, index.url), None) for name, text in about.items()]
    body = joined([index.body, element("h2", heading.title, id=heading.id), definitions(rows)])
    whole = replace(index, body=body, headings=(*index.headings, heading))
    return [whole, *(_page(name, text) for name, text in about.items())]


def _url(name: str) -> str:
    return f"specs/{name}.html"


def _page(name: str, about: str) -> Page:
    url = _url(name)
    text = shipped_specs()[name].read_text(encoding="utf-8")
    parts = [
        element("h1", name),
        element("p", prose(about, url)),
        *pictured(dartsl.check(name)),
        element("h2", "The spec", id="text"),
        block(text, "darts"),
        *costs(name),
    ]
    return Page(url, f"{name}: a spec", joined(parts), about)


def pictured(spec: Spec) -> list[Markup]:
    """Its cells, in the colours of the page; nothing for a spec without cells."""
    drawn = svg(spec)
    if drawn is None:
        return []
    found = diagram("cells", drawn.encode())
    stored = element(
        "svg", element("defs", found.stored()), class_="stored", aria_hidden="true", width=0, height=0
    )
    shown = found.shown(f"The cells of {spec.root.source.name}")
    width = f"--width: {round(found.box[2] * POINT)}px"  # below a part of which nothing could be read
    paper = element("div", shown, class_="paper", style=width, tabindex=0, role="region", aria_label="Cells")
    return [stored, element("figure", paper)]


def costs(name: str) -> list[Markup]:
    """What `dartsl info` says of a spec that has a network."""
    found = dartsl.info(name, memory="none")
    if found.network is None:
        return []
    shown = f"$ dartsl info {name} --memory none\n{as_text(found)}"
    return [element("h2", "Its size", id="size"), block(shown, "console")]
