"""A page of the site, and how one names another."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dartsl.lang.codes.table import CODES
from dartsl.sweeping.pages.markup import Markup, element, joined

REPOSITORY = "https://github.com/dartsl/dartsl/blob/main/"


@dataclass(frozen=True)
class Heading:
    """A heading of a page, and the words below it, by which it is found."""

    level: int
    id: str
    title: str
    text: str = ""


@dataclass(frozen=True)
class Page:
    """What a page says; `url` is its place in the site, such as `explain/E0101.html`, `about` a sentence on it. A
    `wide` one takes all the room that there is."""

    url: str
    title: str
    body: Markup
    about: str = ""
    headings: tuple[Heading, ...] = ()
    wide: bool = False

    @property
    def section(self) -> str:
        """The page above it: of `commands/search.html` it is `commands/index.html`."""
        folder, slash, _ = self.url.partition("/")
        return f"{folder}/index.html" if slash else self.url


def relative(url: str, start: str) -> str:
    """How the page `start` names the page `url`."""
    return os.path.relpath(url, os.path.dirname(start) or ".").replace(os.sep, "/")


def link(url: str, text: str, start: str) -> Markup:
    """A link from the page `start`."""
    return element("a", text, href=relative(url, start))


def prose(text: str, start: str) -> Markup:
    """Words with `code` in them, codes of diagnostics as links to their pages; no other markup."""
    parts = re.split(r"`([^`]+)`", " ".join(text.split()))
    return joined(
        element("code", part) if number % 2 else coded(part, start) for number, part in enumerate(parts)
    )


def coded(text: str, start: str) -> Markup:
    """Text in which the codes of diagnostics are links to their pages."""
    parts = re.split(r"\b([EW]\d{4})\b", text)
    return joined(
        link(f"explain/{part}.html", part, start) if number % 2 and part in CODES else part
        for number, part in enumerate(parts)
    )


def definitions(rows: Iterable[tuple[Markup, Markup, str | None]]) -> Markup:
    """Terms, each with what it means, and with the id of its place or None."""
    parts = (part for term, text, id_ in rows for part in (element("dt", term, id=id_), element("dd", text)))
    return element("dl", *parts)
