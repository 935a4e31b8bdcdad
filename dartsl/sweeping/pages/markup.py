"""Elements of a page: all text that goes in is escaped, whatever it holds."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

VOID = ("input", "meta", "line", "circle", "path", "rect", "use")


class Markup(str):
    """Text that is markup already; any other text is escaped when it becomes a part of an element."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | int | None) -> Markup:
    """An element. Names of attributes: `class_` is `class`, `aria_label` is `aria-label`; those of None are left out,
    those that are empty stand without a value."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + (f'="{html.escape(str(value))}"' if value != "" else "")
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[str]) -> Markup:
    """Parts one after another."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def items(sentences: Iterable[str]) -> Markup:
    """A list."""
    return element("ul", *(element("li", sentence) for sentence in sentences))


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table that scrolls within itself; the first cell of a row is its head. It can be reached by the keyboard."""
    top = element("tr", *(element("th", cell, scope="col") for cell in head))
    lines = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:]))
        for row in rows
    ]
    whole = element("table", element("caption", caption), element("thead", top), element("tbody", *lines))
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)
