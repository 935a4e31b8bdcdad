"""The report as a page: what is in it, that nothing in it is markup by chance, and that it needs no network."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.pages.markup import VOID, Markup, element
from dartsl.sweeping.pages.page import html
from dartsl.sweeping.pages.plots import ticks
from dartsl.sweeping.results import read_results
from dartsl.sweeping.weighing import weigh


class Page(HTMLParser):
    """Reads a page and fails where an element is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def text(searched: SweepFolder) -> str:
    results = read_results(searched.path)
    return html(weigh(results, times=False), results)


def test_the_page_is_whole_and_names_what_it_shows(text: str) -> None:
    page = Page(text)
    ids = [found["id"] for _, found in page.found if "id" in found]
    assert len(ids) == len(set(ids))
    assert {link["href"] for link in page.all("a")} <= {f"#{id_}" for id_ in ids}
    assert all(image["alt"] for image in page.all("img"))
    assert all(plot["aria-label"] for plot in page.all("svg"))
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    assert len(page.all("input")) == 3  # a slider for each search
    assert len(page.all("table")) == 3  # no times


def test_the_page_fetches_nothing_and_has_no_handlers(text: str) -> None:
    page = Page(text)
    assert page.all("link") == []
    assert all(
        image["src"].startswith("data:image/svg+xml;base64,") for image in page.all("img") if image["src"]
    )
    assert not any(name.startswith("on") for _, found in page.found for name in found)
    assert "http://" not in text
    assert "https://" not in text
    assert len(text) < 1_000_000


def test_the_same_sweep_has_the_same_bytes(text: str, searched: SweepFolder) -> None:
    results = read_results(searched.path)
    assert html(weigh(results, times=False), results) == text
    assert len(Page(html(weigh(results), results)).all("table")) == 4


def test_searches_that_were_sent_without_alphas_have_their_cells(better: SweepFolder) -> None:
    results = read_results(better.path)
    page = Page(html(weigh(results), results))
    assert page.all("input") == []
    assert len(page.all("img")) == 3 + 3 + 4


def test_texts_are_no_markup(better: SweepFolder) -> None:
    evil = "<script>\"'&"
    results = read_results(better.path)
    found = replace(weigh(results), source=evil, command=evil, protocol=(evil,), notes=(evil,))
    page = html(found, results)
    assert len(Page(page).all("script")) == 1
    assert page.count("&lt;script&gt;") >= 5


def test_elements() -> None:
    assert element("p", "a<b", Markup("<i></i>"), class_='x"y', hidden="", id=None) == (
        '<p class="x&quot;y" hidden>a&lt;b<i></i></p>'
    )
    assert element("img", src="a", alt="b") == '<img src="a" alt="b"/>'


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (95, 141, [100, 110, 120, 130, 140]), (3, 3, [3])],
)
def test_ticks(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_colours_of_plots_are_those_of_the_style_sheet() -> None:
    style = (files("dartsl.sweeping.pages") / "report.css").read_text(encoding="utf-8")
    assert len(re.findall(r"--c\d:", style)) == 3 * 6  # light, dark, print


def test_damaged_alphas_cost_their_pictures_alone(searched: SweepFolder, tmp_path: Path) -> None:
    shutil.copytree(searched.path, tmp_path / "sweep")
    alphas = next((tmp_path / "sweep" / "search").rglob("alphas.jsonl"))
    alphas.write_text(alphas.read_text().replace('"alphas"', '"others"'))
    results = read_results(tmp_path / "sweep")
    text = html(weigh(results, times=False), results)
    assert text.count("Not shown: ") == 2  # its cells, and its mixing weights
    assert len(Page(text).all("input")) == 2
