"""A page for each name that `import dartsl` gives: its signature and its docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dartsl
from dartsl.docs.code import block
from dartsl.docs.page import Heading, Page, definitions, link, prose
from dartsl.sweeping.pages.markup import Markup, element, joined

STARS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
WIDTH = 88  # of a signature in one line
DEFINED = re.compile(r"(\w[\w, ]*?) {2,}(\S.*)")  # a name and what it means, as in the docstrings here
SETTINGS = {"SearchSettings": "search", "TrainSettings": "train"}  # the command whose options they are


def api(index: Page) -> list[Page]:
    """The page on all of them, to which their list is added, then one for each."""
    pages = [_page(name) for name in dartsl.__all__ if name != "__version__"]
    rows = [(link(page.url, page.title, index.url), prose(page.about, index.url), None) for page in pages]
    heading = Heading(2, "all", "All functions and classes")
    body = joined([index.body, element("h2", heading.title, id=heading.id), definitions(rows)])
    return [replace(index, body=body, headings=(*index.headings, heading)), *pages]


def _page(name: str) -> Page:
    what, url = getattr(dartsl, name), f"api/{name}.html"
    parts = [
        element("h1", f"dartsl.{name}"),
        block(signature(f"dartsl.{name}", what), "python"),
        *_said(what, url),
    ]
    members = list(_members(what)) if inspect.isclass(what) else []
    for member, value in members:
        parts.append(element("h2", element("code", member), id=member))
        if callable(value):
            parts.append(block(signature(member, value), "python"))
        parts += _said(value, url)
    found = tuple(Heading(2, member, member, _first(value)) for member, value in members)
    return Page(url, f"dartsl.{name}", joined(parts), _first(what), found)


def _members(what: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, in the order in which they are written."""
    for name, value in vars(what).items():
        documented = inspect.isfunction(value) or isinstance(value, property) or hasattr(value, "attrname")
        if not name.startswith("_") and documented and value.__doc__:
            yield name, value


def signature(name: str, what: Any) -> str:
    """As it is written, in one line where that is short, else with a line for each parameter."""
    if inspect.isclass(what) and what.__init__ in (Exception.__init__, object.__init__):
        return f"class {name}({what.__bases__[0].__name__})"
    found = inspect.signature(what)
    taken = [
        each for each in found.parameters.values() if each.name != "self" and not each.name.startswith("_")
    ]
    shown, kinds = [_parameter(each) for each in taken], [each.kind for each in taken]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        shown.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    gives = "" if inspect.isclass(what) else f" -> {_annotation(found.return_annotation)}"
    line = f"{name}({', '.join(shown)}){gives}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {each}," for each in shown), f"){gives}"])


def _parameter(parameter: inspect.Parameter) -> str:
    text = STARS.get(parameter.kind.name, "") + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {_annotation(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    return f"{text} = {parameter.default!r}"


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _first(what: Any) -> str:
    """The first paragraph of a docstring."""
    return " ".join((inspect.getdoc(what) or "").partition("\n\n")[0].split())


def _said(what: Any, url: str) -> list[Markup]:
    """What a docstring says, and where the settings among the parameters are described."""
    parts = [said for part in (inspect.getdoc(what) or "").split("\n\n") for said in _paragraph(part, url)]
    for settings, command in SETTINGS.items():
        if callable(what) and not inspect.isclass(what) and settings in str(inspect.signature(what)):
            page = link(f"commands/{command}.html", f"dartsl {command}", url)
            parts.append(element("p", "The settings are the options of ", page, "."))
    return parts


def _paragraph(text: str, url: str) -> Iterator[Markup]:
    """Words, a list of definitions, an example, or words with such a list after them."""
    lines = text.split("\n")
    if lines[0].lstrip().startswith(">>>"):
        yield block(inspect.cleandoc(text), "pycon")
        return
    start = next((n for n, line in enumerate(lines) if DEFINED.fullmatch(line)), len(lines))
    if start:
        yield element("p", prose("\n".join(lines[:start]), url))
    if start < len(lines):
        yield definitions(
            (element("code", name), prose(meaning, url), None) for name, meaning in _defined(lines[start:])
        )


def _defined(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Names with what they mean; what follows on indented lines belongs to the one above."""
    found: list[tuple[str, str]] = []
    for line in lines:
        fits = DEFINED.fullmatch(line)
        if fits:
            found.append((fits[1], fits[2]))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    yield from found
