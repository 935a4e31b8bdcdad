"""The whole site: all pages within one frame, the list by which they are searched, and its folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import dartsl
from dartsl.docs.api import api
from dartsl.docs.commands import commands
from dartsl.docs.diagnostics import diagnostics
from dartsl.docs.guide import guide
from dartsl.docs.page import REPOSITORY, Page, relative
from dartsl.docs.playground import ARCHIVE, URL, archive, playground, runtime
from dartsl.docs.specs import specs
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import reason
from dartsl.sweeping.pages.diagrams import style
from dartsl.sweeping.pages.markup import Markup, element

STYLE = "style.css"
ASSETS = (STYLE, "site.js", "playground.js")
INDEX = "search-index.js"
MARK = ".dartsl-site"  # an earlier site has it, and is replaced
REFERENCE = (
    "language.html",
    "commands/index.html",
    "specs/index.html",
    "explain/index.html",
    "api/index.html",
)
USE = (
    "searching",
    "training",
    "sweeping",
    "data",
    "run",
    "exchange",
    "notebook",
    "lsp",
    "editors",
    "editors-vscode",
    "editors-tree-sitter-darts",
)
WORDS = 220  # characters of a text by which it is found
CONTENTS = 3  # headings from which on a page lists them


def build(root: Path, modules: Path | None = None) -> dict[str, bytes]:
    """The files of the site of a checkout, by their places. `modules`, a folder `node_modules`, has Pyodide and Viz.js
    for a site that fetches nothing from elsewhere. Raises UserError, also for a link that leads nowhere."""
    if not (root / "README.md").is_file():
        raise UserError(f"{root} has no README.md", "the site is built from a clone of the repository")
    written, pictures = guide(root)
    by_url = {page.url: page for page in written}
    pages = [*written, *commands(), *diagnostics(root), playground(local=modules is not None)]
    for index, made in (("specs/index.html", specs), ("api/index.html", api)):
        pages.remove(by_url[index])
        pages += made(by_url[index])
    groups = _groups(pages)
    found = {page.url: _framed(page, pages, groups).encode() for page in pages}
    found |= {name: (files(__package__) / "assets" / name).read_bytes() for name in ASSETS}
    found[STYLE] = style().encode() + found[STYLE]
    found |= pictures | ({} if modules is None else runtime(modules))
    return {**found, ARCHIVE: archive(root), INDEX: _search_index(pages).encode(), MARK: b""}


def write(files: Mapping[str, bytes], path: Path) -> None:
    """Write a site, in place of an earlier one. Raises UserError for a folder that holds anything else, or cannot be
    written."""
    if path.exists() and not (path / MARK).exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"{path} exists and is no site that was written before", "name another folder")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        for name, data in files.items():
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _groups(pages: Sequence[Page]) -> dict[str, list[Page]]:
    """The pages that every page lists, by group."""
    known = {page.url: page for page in pages}
    use = [known[url] for name in USE if (url := f"guide/{name}.html") in known]
    inner = [page for page in pages if page.url.startswith("guide/") and page not in use]
    return {
        "": [known["index.html"], known[URL]],
        "Reference": [known[url] for url in REFERENCE],
        "Guides": use,
        "Inside dartsl": inner,
    }


def _framed(page: Page, pages: Sequence[Page], groups: Mapping[str, Sequence[Page]]) -> str:
    """A page as a document."""
    start = page.url
    title = "dartsl" if start == "index.html" else f"{page.title} - dartsl"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="description", content=_words(page.about)),
        element("title", title),
        Markup(f'<link rel="stylesheet" href="{relative(STYLE, start)}"/>'),
        Markup('<link rel="icon" href="data:,"/>'),
        *(element("script", src=relative(name, start), defer="") for name in (INDEX, "site.js")),
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        _top(start),
        element("main", page.body, id="content", tabindex=-1),
        _contents(page),
        _navigation(page, pages, groups),
        element("footer", element("p", f"dartsl {dartsl.__version__}, Apache-2.0. ", _source_link())),
        data_root=relative(".", start),
        class_="wide" if page.wide else None,
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _source_link() -> Markup:
    return element("a", "Source", href=REPOSITORY.partition("/blob")[0])


def _top(start: str) -> Markup:
    """The line above each page: the name, a way to the list of pages where it stands below, and the search."""
    box = element(
        "input",
        type="search",
        id="search-box",
        placeholder="Search  ( / )",
        aria_label="Search",
        autocomplete="off",
    )
    found = element("ul", id="search-found", hidden="", aria_label="Found")
    name = element("a", "dartsl", href=relative("index.html", start), class_="name")
    pages = element("a", "Pages", href="#page-list", class_="menu")
    return element("header", name, pages, element("div", box, found, class_="search", role="search"))


def _contents(page: Page) -> Markup:
    """The headings of a long page."""
    shown = [heading for heading in page.headings if heading.level == 2]
    if len(shown) < CONTENTS:
        return Markup("")
    rows = (element("li", element("a", heading.title, href=f"#{heading.id}")) for heading in shown)
    return element(
        "nav",
        element("p", "On this page"),
        element("ul", *rows),
        class_="contents",
        aria_label="On this page",
    )


def _navigation(page: Page, pages: Sequence[Page], groups: Mapping[str, Sequence[Page]]) -> Markup:
    """The list of pages; below the one that this page belongs to, those that do too."""
    parts = []
    for name, listed in groups.items():
        rows = [_row(each, page, pages) for each in listed]
        parts += [*([element("p", name)] if name else []), element("ul", *rows)]
    return element("nav", *parts, id="page-list", class_="pages", aria_label="Pages")


def _row(listed: Page, page: Page, pages: Sequence[Page]) -> Markup:
    rows = []
    if page.section == listed.url and not listed.url.startswith("guide/"):
        below = [each for each in pages if each.section == listed.url and each != listed]
        rows = (
            [element("ul", *(element("li", _here(each, page, short(each))) for each in below))]
            if below
            else []
        )
    return element("li", _here(listed, page, short(listed)), *rows)


def _here(listed: Page, page: Page, name: str) -> Markup:
    current = "page" if listed.url == page.url else None
    return element("a", name, href=relative(listed.url, page.url), aria_current=current)


def short(page: Page) -> str:
    """What a page is called in the list of pages."""
    if page.url.startswith("explain/"):
        return page.title.partition(":")[0]
    title = page.title.partition(":")[0]
    return "Overview" if page.url == "index.html" else title.removeprefix("dartsl ").removeprefix("dartsl.")


def _search_index(pages: Iterable[Page]) -> str:
    """Every page and heading with its place and first words, as a script, since a page that is opened as a file may
    read nothing else."""
    entries = []
    for page in pages:
        entries.append([page.title, page.url, "", _words(page.about)])
        entries += [
            [each.title, f"{page.url}#{each.id}", page.title, _words(each.text)] for each in page.headings
        ]
    return f"const INDEX = {json.dumps(entries, ensure_ascii=False, separators=(',', ':'))};\n"


def _words(text: str) -> str:
    return " ".join(text.replace("`", "").split())[:WORDS]
