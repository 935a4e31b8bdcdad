"""The report in a browser: headless Chromium, by its own driver. Nothing is fetched, all is reached by the keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.pages.page import html
from dartsl.sweeping.results import read_results
from dartsl.sweeping.weighing import weigh

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browsing import CONTRAST, IN_A_BROWSER, browser, fetched, opened

__all__ = ["browser"]  # a fixture
pytestmark = IN_A_BROWSER

# What is written to the clipboard, which a page that is opened as a file may be refused.
COPIES = """
window.copied = [];
Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied.push(text); }}});
"""
# Each element that gets the focus, with its text and its outline.
FOCUSED = """
window.focused = [];
document.addEventListener("focusin", ({target}) => {
  window.focused.push([target.localName, target.textContent, getComputedStyle(target).outlineStyle]);
});
"""


@pytest.fixture(scope="module")
def page(searched: SweepFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = read_results(searched.path)
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html(weigh(results), results), encoding="utf-8")
    return path


def test_nothing_is_fetched_and_nothing_fails(browser: webdriver.Chrome, page: Path) -> None:
    fetched(browser)
    opened(browser, page)
    assert browser.get_log("browser") == []
    assert fetched(browser) == []


@pytest.mark.parametrize("width", [360, 375, 768])
def test_a_narrow_page_does_not_scroll_sideways(browser: webdriver.Chrome, page: Path, width: int) -> None:
    opened(browser, page, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(browser: webdriver.Chrome, page: Path, scheme: str) -> None:
    opened(browser, page, scheme=scheme)
    assert browser.execute_script(CONTRAST) >= 4.5


def test_the_slider_goes_by_arrow_keys(browser: webdriver.Chrome, page: Path) -> None:
    """One cell changes after epoch 2, the other after epoch 3 and back: what is shown is what is announced."""
    opened(browser, page)
    figure = browser.find_element(By.CSS_SELECTOR, "figure[data-epochs]")
    assert figure.get_attribute("data-epochs") == "1:0 2:1 3:2 4:1"
    slider, output = (figure.find_element(By.TAG_NAME, tag) for tag in ("input", "output"))

    def seen() -> tuple[str, list[str]]:
        diagrams = figure.find_elements(By.CLASS_NAME, "diagram")
        words = [each.get_attribute("aria-label") for each in diagrams if each.is_displayed()]
        assert slider.get_attribute("aria-valuetext") == output.text
        return output.text, [word.partition(", as derived ")[2] for word in words]

    assert seen() == ("after epoch 4 of 4", ["after epochs 2, 4"])
    slider.send_keys(Keys.ARROW_LEFT)
    assert seen() == ("after epoch 3 of 4", ["after epoch 3"])
    slider.send_keys(Keys.ARROW_LEFT)
    assert seen() == ("after epoch 2 of 4", ["after epochs 2, 4"])
    slider.send_keys(Keys.HOME)
    assert seen() == ("after epoch 1 of 4", ["after epoch 1"])


def test_the_button_copies_the_command(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page)
    browser.execute_script(COPIES)
    browser.find_element(By.CSS_SELECTOR, "button[data-copies]").send_keys(Keys.ENTER)
    command = browser.find_element(By.ID, "command").text
    assert command.startswith("dartsl sweep ")
    assert browser.execute_script("return window.copied") == [command]
    assert browser.find_element(By.CSS_SELECTOR, "[role=status]").text == "Copied."


def test_the_keyboard_reaches_the_skip_link_first_and_all_controls(
    browser: webdriver.Chrome, page: Path
) -> None:
    opened(browser, page)
    browser.execute_script(FOCUSED)
    ActionChains(browser).send_keys(Keys.TAB * 80).perform()
    seen = browser.execute_script("return window.focused")
    assert seen[0][:2] == ["a", "Skip to the content"]
    assert all(outline != "none" for _, _, outline in seen)
    tags = [tag for tag, _, _ in seen]
    first_round = tags[: tags.index("button") + 1]  # it is the last control
    assert first_round.count("input") == 3
    assert "summary" in first_round
