"""The documentation site in a browser, as the command writes it: narrow and wide, light and dark, searched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browsing import CONTRAST, IN_A_BROWSER, browser, fetched, opened

__all__ = ["browser"]  # a fixture
ROOT = Path(__file__).parents[2]
pytestmark = IN_A_BROWSER
PAGES = (
    "index.html",
    "language.html",
    "guide/searching.html",
    "commands/search.html",
    "explain/E0201.html",
    "specs/zoo/darts_v2.html",
    "api/Run.html",
    "playground.html",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-W", "error", "-m", "dartsl.docs", "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("wrote ")
    return path


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read(browser: webdriver.Chrome, site: Path, name: str) -> None:
    fetched(browser)
    for width in (375, 1400):
        for scheme in ("light", "dark"):
            opened(browser, site / name, width, scheme)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert browser.execute_script(CONTRAST) >= 4.5, (width, scheme)
    assert browser.get_log("browser") == []
    assert fetched(browser) == []


def test_the_search_leads_to_a_page(browser: webdriver.Chrome, site: Path) -> None:
    opened(browser, site / "explain" / "E0201.html", 375)
    browser.find_element(By.TAG_NAME, "body").send_keys("/")
    box = browser.switch_to.active_element
    box.send_keys("xyzzy")
    assert browser.find_element(By.ID, "search-found").text == "Nothing found."
    box.clear()
    box.send_keys("e0301")
    found = browser.find_elements(By.CSS_SELECTOR, "#search-found a")
    assert found[0].text.startswith("E0301: ")
    box.send_keys(Keys.ENTER)
    assert browser.current_url == (site / "explain" / "E0301.html").as_uri()


def test_pages_are_in_reach(browser: webdriver.Chrome, site: Path) -> None:
    """On a narrow screen by a link to the list below the page; on a wide one they stand beside it."""
    opened(browser, site / "commands" / "search.html", 375)
    browser.find_element(By.LINK_TEXT, "Pages").click()
    assert browser.current_url.endswith("#page-list")
    opened(browser, site / "explain" / "E0612.html", 1400)
    here = browser.find_element(By.CSS_SELECTOR, ".pages [aria-current]")
    assert here.text == "E0612"
    assert 0 < here.rect["y"] < 800
