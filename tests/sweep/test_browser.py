"""The report in a browser: headless Chromium, by its own driver. Nothing is fetched, all is reached by the keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with its driver is installed"),
]
# The lowest contrast of a text with the background that it stands on, by WCAG 2.
CONTRAST = """
const light = (rgb) => {
  const [r, g, b] = rgb.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  for (let box = e; e.matches(".inside") && box; box = box.previousElementSibling) {
    if (box.localName === "rect") return getComputedStyle(box).fill;
  }
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (!colour.endsWith(", 0)")) return colour;
  }
  return "rgb(255, 255, 255)";
};
const texts = "p, li, td, th, h1, h2, h3, h4, a, caption, summary, dt, dd, svg text";
const ratios = [...document.querySelectorAll(texts)].map((e) => {
  const style = getComputedStyle(e);
  const pair = [light(e.closest("svg") ? style.fill : style.color), light(behind(e))];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
});
return Math.min(...ratios);
"""


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


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for each in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


def opened(browser: webdriver.Chrome, page: Path, width: int = 1100, scheme: str = "light") -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.as_uri())


def test_nothing_is_fetched_and_nothing_fails(browser: webdriver.Chrome, page: Path) -> None:
    browser.get_log("performance")
    opened(browser, page)
    assert browser.get_log("browser") == []
    sent = [
        entry["message"]
        for entry in browser.get_log("performance")
        if 'requestWillBeSent"' in entry["message"]
    ]
    assert not any('"url":"http' in message for message in sent)


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
