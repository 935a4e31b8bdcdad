"""The documentation site: a page for everything, and no dead link. Pictures and figures of specs are left to the
browser's test, which builds all."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import dartsl
from dartsl.cli.app import COMMANDS
from dartsl.docs import specs
from dartsl.docs.markdown import html, slug
from dartsl.docs.page import REPOSITORY
from dartsl.docs.site import INDEX, MARK, build, write
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.table import CODES, SITE, page

ROOT = Path(__file__).parents[2]
Site = dict[str, bytes]


@pytest.fixture(scope="module")
def site() -> Site:
    with pytest.MonkeyPatch.context() as patch:
        for part in ("pictured", "costs"):
            patch.setattr(specs, part, lambda spec: [])
        return build(ROOT)


class Parts(HTMLParser):
    """What a page links to, the ids in it, and its title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            if name == "id" and value is not None:
                self.ids.append(value)


def test_everything_has_its_page(site: Site) -> None:
    missing = [f"commands/{name}.html" for name in COMMANDS]
    missing += [page(code).removeprefix(SITE) for code in CODES]
    missing += [f"specs/{name}.html" for name in dartsl.shipped_specs()]
    missing += [f"api/{name}.html" for name in dartsl.__all__ if name != "__version__"]
    missing += [
        "index.html",
        "language.html",
        "explain/index.html",
        "guide/searching.html",
        "guide/docs.html",
    ]
    assert [name for name in missing if name not in site] == []


def test_every_link_leads_somewhere(site: Site) -> None:
    """Within the site to a page and to what has that id on it; into the repository to a file."""
    pages = {name: Parts(data.decode()) for name, data in site.items() if name.endswith(".html")}
    dead = []
    for name, parts in pages.items():
        if len(set(parts.ids)) < len(parts.ids):
            dead.append(f"{name}: an id twice")
        for link in parts.links:
            if link.startswith(REPOSITORY):
                good = (ROOT / link.removeprefix(REPOSITORY)).exists()
            elif "://" in link or link.startswith("data:"):
                good = True
            else:
                path, _, place = unquote(link).partition("#")
                target = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
                good = target in site and (not place or place in pages[target].ids)
            if not good:
                dead.append(f"{name}: {link}")
    assert dead == []


def test_what_is_searched_is_there(site: Site) -> None:
    entries = json.loads(site[INDEX].decode().removeprefix("const INDEX = ").rstrip(";\n"))
    found = {title: url for title, url, _, _ in entries}
    assert found["dartsl search"] == "commands/search.html"
    assert found["Expressions"] == "language.html#expressions"
    assert found["--partial"].startswith("commands/")
    assert found["alphas"] == "api/Run.html#alphas"
    assert all(url.partition("#")[0] in site for url in found.values())


def test_an_option_a_code_and_a_parameter_are_described(site: Site) -> None:
    assert (
        '<dt id="--epochs"><code>--epochs INTEGER</code></dt><dd>Passes over'
        in site["commands/search.html"].decode()
    )
    explained = site["explain/E0201.html"].decode()
    assert "<title>E0201: a name that is not known where it is used - dartsl</title>" in explained
    assert '<span class="k">edge</span>' in explained
    assert "E0201]: unknown operation `Attention`\n --&gt; E0201_later.darts:3:8\n" in explained
    search = site["api/search.html"].decode()
    assert "<dt><code>init_alphas</code></dt>" not in search
    assert "<dt><code>out</code></dt><dd>the run&#x27;s folder; by default <code>runs/</code>" in search
    assert 'options of <a href="../commands/search.html">dartsl search</a>' in search


def test_a_spec_is_drawn_and_counted() -> None:
    (figure,) = specs.pictured(dartsl.check("zoo/darts_v2"))
    assert "sep_conv_3x3" in figure
    assert 'href="#cells"' in figure
    heading, block = specs.costs("zoo/rnn_v2")
    assert "Its size" in heading
    assert "parameters" in block
    assert specs.pictured(dartsl.check("std/cnn")) == specs.costs("std/cnn") == []


def test_markdown() -> None:
    text = html(
        "# A & b\n\n## Twice\n\nsee E0201 and `dartsl fmt`, [E0202](x)\n\n## Twice\n",
        "guide/x.html",
        str.upper,
    )
    assert [heading.id for heading in text.headings] == ["a--b", "twice", "twice-1"]
    assert '<a href="../explain/E0201.html">E0201</a>' in text.body
    assert '<a href="../commands/fmt.html"><code>dartsl fmt</code></a>' in text.body
    assert '<a href="X">E0202</a>' in text.body
    assert slug("`keep` and 1.5, now") == "keep-and-15-now"


def test_a_link_to_nothing_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A\n\n[b](nowhere.md)\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"README\.md has a link to `nowhere\.md`"):
        build(tmp_path)
    with pytest.raises(UserError, match=r"has no README\.md"):
        build(tmp_path / "elsewhere")


def test_a_site_replaces_a_site_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "site"
    write({"a/old.html": b"", MARK: b""}, path)
    write({"a/new.html": b"new", MARK: b""}, path)
    assert sorted(each.name for each in path.rglob("*.html")) == ["new.html"]
    (path / MARK).unlink()
    with pytest.raises(UserError, match="no site"):
        write({MARK: b""}, path)
    assert [each.name for each in tmp_path.iterdir()] == ["site"]
    with pytest.raises(UserError, match="cannot write"):
        write({MARK: b""}, path / "a" / "new.html" / "site")
