"""The report as a page: what is in it, that nothing in it is markup by chance, and that it needs no network."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

import dartsl
from dartsl.graph.draw import draw
from dartsl.graph.render import render
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.loader import decode
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.pages.cells import frames
from dartsl.sweeping.pages.diagrams import Diagrams, diagram
from dartsl.sweeping.pages.markup import VOID, Markup, element
from dartsl.sweeping.pages.page import html
from dartsl.sweeping.pages.plots import Series, colour, levels, strips, ticks
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


def shown(page: Page) -> list[str | None]:
    """The diagrams of a page, by what they take from those that it stores."""
    return [use["href"] for use in page.all("use")]


@pytest.fixture(scope="module")
def text(searched: SweepFolder) -> str:
    results = read_results(searched.path)
    return html(weigh(results, times=False), results)


def test_the_page_is_whole_and_names_what_it_shows(text: str) -> None:
    page = Page(text)
    ids = [found["id"] for _, found in page.found if "id" in found]
    assert len(ids) == len(set(ids))
    assert {link["href"] for link in page.all("a")} <= {f"#{id_}" for id_ in ids}
    assert all(plot.get("aria-label") or plot.get("aria-hidden") for plot in page.all("svg"))
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    assert len(page.all("input")) == 3  # a slider for each search
    assert len(page.all("table")) == 3  # no times


def test_the_page_fetches_nothing_and_has_no_handlers(text: str) -> None:
    page = Page(text)
    assert page.all("link") == []
    assert page.all("img") == []
    assert all(str(use["href"]).startswith("#") for use in page.all("use"))
    assert not any(name.startswith("on") for _, found in page.found for name in found)
    assert "http://" not in text
    assert "https://" not in text


def test_the_same_sweep_has_the_same_bytes(text: str, searched: SweepFolder) -> None:
    results = read_results(searched.path)
    assert html(weigh(results, times=False), results) == text
    assert len(Page(html(weigh(results), results)).all("table")) == 4


def test_searches_that_were_sent_without_alphas_have_their_cells(better: SweepFolder) -> None:
    results = read_results(better.path)
    page = Page(html(weigh(results), results))
    assert page.all("input") == []
    assert len(shown(page)) == 3 + 3 + 4


def test_texts_are_no_markup(better: SweepFolder) -> None:
    evil = "<script>\"'&"
    results = read_results(better.path)
    found = replace(weigh(results), source=evil, command=evil, protocol=(evil,), notes=(evil,))
    page = html(found, results)
    assert len(Page(page).all("script")) == 1
    assert page.count("&lt;script&gt;") >= 5


def test_frames_have_each_text_once_and_its_number_at_each_epoch(searched: SweepFolder) -> None:
    found = frames(searched.path / "search/darts/1")
    assert found.epochs == ((1, 0), (2, 1), (3, 2), (4, 1))
    first, second = ["sep_conv(3)", "skip_connect"], ["skip_connect", "avg_pool_3x3"]  # of a cell's edges
    assert [re.findall(r"-> p : (\S+)", text) for text in found.texts] == [
        first + first,
        second + first,  # cell `pair` changes after epoch 2
        second + second,  # and cell `other` after epoch 3
    ]


def test_frames_of_a_search_before_its_first_epoch_are_refused(searched: SweepFolder, tmp_path: Path) -> None:
    run = shutil.copytree(searched.path / "search/darts/0", tmp_path / "run")
    (run / "alphas.jsonl").write_text("")
    with pytest.raises(UserError, match="no epoch yet"):
        frames(run)


def test_elements() -> None:
    assert element("p", "a<b", Markup("<i></i>"), class_='x"y', hidden="", id=None) == (
        '<p class="x&quot;y" hidden>a&lt;b<i></i></p>'
    )
    assert element("use", href="#a") == '<use href="#a"/>'


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (95, 141, [100, 110, 120, 130, 140]), (3, 3, [3])],
)
def test_ticks(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_ticks_have_no_decimals_that_are_all_zero() -> None:
    series = [Series("a", colour(0), ((0.1, 0.0), (0.4, 0.0)), ("x", "y"))]
    drawn = strips(series, "axis", "label", lambda value: f"{100 * value:.2f}")
    assert re.findall(r">([\d.]+)</text>", drawn) == ["10", "20", "30", "40"]
    drawn = strips(series, "axis", "label", lambda value: f"{value:.3f}")
    assert re.findall(r">([\d.]+)</text>", drawn) == ["0.1", "0.2", "0.3", "0.4"]


def test_points_at_one_place_stand_above_one_another() -> None:
    assert levels([10, 50, 12, 11, 50, 90]) == [0, 0, 1, -1, 1, 0]
    assert levels([1] * 7) == [0, 1, -1, 2, -2, 0, 0]


def test_a_diagram_has_what_graphviz_has_drawn_in_few_bytes() -> None:
    (text,) = dartsl.sample("digits")
    diagrams = Diagrams()
    parts = diagrams.of(text).parts
    picture = render(draw(check(decode("found.darts", text.encode(), None)).cells.values()), "svg").decode()
    assert [parts.count(f'class="{kind}"') for kind in ("input", "node", "output", "label")] == [4, 8, 2, 16]
    assert re.findall(r">([^<>]+)</text>", parts) == re.findall(r">([^<>]+)</text>", picture)
    assert parts.count('class="head"') + parts.count('class="faint head"') == 24  # an arrow an edge
    assert "Graphviz" not in parts
    assert 3 * len(parts) < len(picture)
    left, top, width, height = diagrams.of(text).box
    places = [float(x) for x in re.findall(r' x="(-?[\d.]+)"', parts)]
    assert left <= min(places) <= max(places) <= left + width
    places = [float(y) for y in re.findall(r' y="(-?[\d.]+)"', parts)]
    assert top <= min(places) <= max(places) <= top + height


def test_equal_cells_are_stored_once() -> None:
    texts = dartsl.sample("digits", count=2)
    diagrams = Diagrams()
    first = diagrams.of(texts[0])
    assert diagrams.of("# another comment\n" + texts[0]) is first
    assert diagrams.of(texts[1]).id != first.id
    assert diagrams.stored().count("<g ") == 2
    assert 'href="#d0"' in first.shown("words")


def test_what_graphviz_never_draws_is_refused() -> None:
    for damaged in (b"<svg", b"<svg/>", b'<svg viewBox="0 0 1"/>'):
        with pytest.raises(UserError, match="cannot be read"):
            diagram("d0", damaged)


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
