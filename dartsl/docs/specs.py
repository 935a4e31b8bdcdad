"""A page for each spec that comes with dartsl: what it is, its cells drawn, its text, what its network costs."""

from __future__ import annotations

from dataclasses import replace

import dartsl
from dartsl.api.drawing import svg
from dartsl.cli.info import as_text
from dartsl.docs.code import block
from dartsl.docs.live import figure
from dartsl.docs.page import Heading, Page, definitions, link, prose
from dartsl.docs.playground import URL as PLAYGROUND
from dartsl.docs.playground import examples
from dartsl.lang.check.model import Spec
from dartsl.lang.syntax.resources import shipped_specs
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
        *opened(name, url),
        *costs(name),
    ]
    return Page(url, f"{name}: a spec", joined(parts), about)


def opened(name: str, url: str) -> list[Markup]:
    """A link to the playground with this spec, where that has it."""
    if name not in examples():
        return []
    return [element("p", link(f"{PLAYGROUND}#{name}", "Open it in the playground", url))]


def pictured(spec: Spec) -> list[Markup]:
    """Its cells, in the colours of the page; nothing for a spec without cells."""
    drawn = svg(spec)
    return [] if drawn is None else [figure(drawn, f"The cells of {spec.root.source.name}")]


def costs(name: str) -> list[Markup]:
    """What `dartsl info` says of a spec that has a network."""
    found = dartsl.info(name, memory="none")
    if found.network is None:
        return []
    shown = f"$ dartsl info {name} --memory none\n{as_text(found)}"
    return [element("h2", "Its size", id="size"), block(shown, "console")]
