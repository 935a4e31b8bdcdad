"""Pages in headless Chromium, by its own driver; tests that use it are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
IN_A_BROWSER = [
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
const texts = "p, li, td, th, h1, h2, h3, h4, a, caption, summary, dt, dd, code span, svg text";
const ratios = [...document.querySelectorAll(texts)].map((e) => {
  const style = getComputedStyle(e);
  const pair = [light(e.closest("svg") ? style.fill : style.color), light(behind(e))];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
});
return Math.min(...ratios);
"""


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
    viewed(browser, width, scheme)
    browser.get(page.as_uri())


def viewed(browser: webdriver.Chrome, width: int, scheme: str = "light") -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def fetched(browser: webdriver.Chrome) -> list[str]:
    """What has been asked of the network since this was asked last."""
    sent = [entry["message"] for entry in browser.get_log("performance")]
    return [each for each in sent if 'requestWillBeSent"' in each and '"url":"http' in each]
