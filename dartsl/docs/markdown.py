"""Markdown to HTML: headings that can be linked to, links within the site, code in colours, tables that scroll."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

import dartsl
from dartsl.cli.app import COMMANDS
from dartsl.docs.code import block
from dartsl.docs.page import Heading, coded, link
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.sweeping.pages.markup import Markup, element

Env = MutableMapping[str, Any]


@dataclass(frozen=True)
class Text:
    """A text as HTML, with its headings; the first of them is its title."""

    body: Markup
    headings: tuple[Heading, ...]


def html(text: str, url: str, target: Callable[[str], str]) -> Text:
    """The HTML of a text for the page `url`; `target` turns what a link or picture names into what it is there."""
    reader = MarkdownIt("commonmark", renderer_cls=_Renderer).enable("table")
    tokens = reader.parse(text)
    for token in (each for whole in tokens for each in (whole.children or ())):
        for name in {"href", "src"} & token.attrs.keys():
            token.attrs[name] = target(str(token.attrs[name]))
    headings = _named(tokens)
    return Text(Markup(reader.renderer.render(tokens, reader.options, {"url": url})), headings)


def slug(title: str, taken: Sequence[str] = ()) -> str:
    """The id of a heading, as GitHub makes it."""
    base = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    number = sum(re.fullmatch(rf"{re.escape(base)}(-\d+)?", each) is not None for each in taken)
    return f"{base}-{number}" if number else base


def _named(tokens: list[Token]) -> tuple[Heading, ...]:
    """Give headings their ids. The headings, each with the words below it."""
    found: list[Heading] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            title = _plain(tokens[place + 1])
            token.attrs["id"] = slug(title, [heading.id for heading in found])
            found.append(
                Heading(int(token.tag[1:]), str(token.attrs["id"]), title, _below(tokens, place + 3))
            )
    return tuple(found)


def _below(tokens: list[Token], start: int) -> str:
    """The words after a heading, up to the next one."""
    words = []
    for token in tokens[start:]:
        if token.type == "heading_open":
            break
        if token.type == "inline":
            words.append(_plain(token))
    return " ".join(words)


def _plain(token: Token) -> str:
    return "".join(
        " " if child.type == "softbreak" else child.content
        for child in token.children or ()
        if child.type != "image"
    )


class _Renderer(RendererHTML):
    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Env) -> str:
        return block(tokens[idx].content, tokens[idx].info.strip() or "text")

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Env) -> str:
        return block(tokens[idx].content)

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Env) -> str:
        return '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Env) -> str:
        return "</table></div>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Env) -> str:
        """The end of a heading, with a link to itself, to be copied."""
        place, tag = tokens[idx - 2].attrs["id"], tokens[idx].tag
        itself = element("a", "#", href=f"#{place}", class_="here", aria_label="Link to this section")
        return f"</{tag}>\n" if tag == "h1" else f" {itself}</{tag}>\n"

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Env) -> str:
        if _within_link(tokens, idx):
            return super().text(tokens, idx, options, env)
        return coded(tokens[idx].content, env["url"])

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Env) -> str:
        """Code; that which names something with a page of its own is a link to it."""
        code = element("code", tokens[idx].content)
        found = None if _within_link(tokens, idx) else named(tokens[idx].content, env["url"])
        return code if found is None else link(found, code, env["url"])


def named(code: str, url: str) -> str | None:
    """The page of what code on the page `url` names: a command, a function, and where specs are listed a spec."""
    words = re.match(r"dartsl([ .])(\w+)", code)
    if words and words[1] == " " and words[2] in COMMANDS:
        return f"commands/{words[2]}.html"
    if words and words[1] == "." and words[2] in dartsl.__all__:
        return f"api/{words[2]}.html"
    return f"specs/{code}.html" if url == "specs/index.html" and code in shipped_specs() else None


def _within_link(tokens: Sequence[Token], idx: int) -> bool:
    kinds = [token.type for token in tokens[:idx]]
    return kinds.count("link_open") > kinds.count("link_close")
