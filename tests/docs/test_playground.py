"""The playground says what the command line says: by its archive alone, in Python as a browser has it, in a browser."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from dartsl.cli import cli
from dartsl.docs import specs
from dartsl.docs.live import FAILED, NAME, answer
from dartsl.docs.playground import RUNTIME, archive, examples, runtime
from dartsl.docs.site import build, write
from dartsl.graph.render import render
from dartsl.lang.codes.diagnostics import UserError
from tests.browsing import CONTRAST, IN_A_BROWSER, browser, fetched, viewed

__all__ = ["browser"]  # a fixture

ROOT = Path(__file__).parents[2]
MODULES = Path(__file__).parent / "node_modules"
NODE = shutil.which("node")
needs_modules = pytest.mark.skipif(not MODULES.is_dir(), reason="run `npm install` in tests/docs")
# What a browser has not: any package but those of the archive, and programs to start.
BARE = """
import json, subprocess, sys
sys.path.insert(0, sys.argv[1])
subprocess.Popen = None
from dartsl.docs.live import answer
found = []
for question in json.load(open(sys.argv[2])):
    drawn = []
    layout = lambda dot: drawn.append(dot) or '<svg viewBox="0 0 1 1"><g transform=""/></svg>'
    found.append({**json.loads(answer(json.dumps(question), layout)), "dot": drawn[0] if drawn else None})
json.dump(found, open(sys.argv[3], "w"))
"""
FAULTY = sorted((ROOT / "tests" / "bad").glob("*.darts"))
Answers = list[dict[str, Any]]


def questions(text: str, cell: str | None = None) -> list[dict[str, str | None]]:
    return [{"do": what, "text": text, "cell": cell} for what in ("check", "describe", "format")]


def said(folder: Path, text: str, *, cell: str | None = None) -> Answers:
    """What the command line answers to the same questions."""
    (folder / NAME).write_text(text, encoding="utf-8")

    def printed(*words: str) -> str:
        done = CliRunner().invoke(cli, words)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.stdout.rstrip("\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report = printed("check", NAME)
        size = printed("info", NAME, "--memory", "none")
        dot = printed("draw", NAME, *(() if cell is None else ("--cell", cell)))
        return [
            {"report": report},
            {"size": size, "dot": dot},
            {"text": printed("fmt", "-o", "-", NAME)},
        ]


def agree(found: Answers, expected: Answers) -> None:
    assert len(found) == len(expected)
    for each, wanted in zip(found, expected, strict=True):
        assert {name: (each.get(name) or "").rstrip("\n") for name in wanted} == wanted


def test_the_archive_is_enough(tmp_path: Path) -> None:
    """Without torch, numpy and whatever else is installed here."""
    shutil.unpack_archive(zipped(tmp_path), tmp_path / "unpacked")
    chosen = [
        ("digits", "normal"),
        ("mobile", None),
        ("std/cells", None),
    ]
    texts = [(examples()[name].read_text(encoding="utf-8"), cell) for name, cell in chosen]
    asked = [question for text, cell in texts for question in questions(text, cell)]
    given, taken = tmp_path / "questions.json", tmp_path / "answers.json"
    given.write_text(json.dumps(asked), encoding="utf-8")
    command = [sys.executable, "-I", "-S", "-c", BARE, *map(str, (tmp_path / "unpacked", given, taken))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    agree(
        json.loads(taken.read_text()),
        [each for text, cell in texts for each in said(tmp_path, text, cell=cell)],
    )


def test_a_fault_is_told_and_no_traceback_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(what: str, text: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(answer(json.dumps({"do": what, "text": text}), str))
        return found

    assert asked("check", "darts 1\nop a = b\n")["errors"] == 1
    assert asked("format", "darts 1\nop\n")["fault"].startswith("error[E0100]: ")
    assert asked("describe", "darts 1\n")["remark"] == "there is no cell to draw"
    assert asked("check", "darts 1\n\ud800")["errors"] == 1  # half of a character, as a browser may give it
    assert "nothing is beside it" in asked("check", 'darts 1\nimport "./secret"\n')["report"]
    monkeypatch.setattr("dartsl.docs.live.diagnose", lambda source: 1 / 0)
    assert asked("check", "darts 1\n") == {"fault": f"{FAILED} (ZeroDivisionError)"}


def test_every_network_is_counted_and_a_cell_chosen() -> None:
    text = examples()["digits"].read_text(encoding="utf-8").replace("network digits", "network first")
    text += "\nnetwork second(C = 4, classes = 10) {\n  input image(1, 8, 8)\n  stem  conv(3, out = C) > bn\n"
    text += "  stage normal width C\n  head  global_avg_pool > linear(classes)\n}\n"
    drawn: list[str] = []

    def layout(dot: str) -> str:
        drawn.append(dot)
        return render(dot, "svg").decode()

    found = json.loads(answer(json.dumps({"do": "describe", "text": text, "cell": "reduction"}), layout))
    assert [line for line in found["size"].splitlines() if line.startswith("network")] == [
        "network first(C = 8, n = 1, classes = 10), 7 layers",
        "network second(C = 4, classes = 10), 3 layers",
    ]
    assert found["cells"] == ["normal", "reduction"]
    assert "normal" not in drawn[0]
    assert "reduction" in found["figure"]
    assert 'aria-label="The cell reduction"' in found["figure"]


def test_a_runtime_of_its_own_is_verified(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pyodide\.mjs is not there"):
        runtime(tmp_path)
    (tmp_path / "pyodide").mkdir()
    (tmp_path / "pyodide" / "pyodide.mjs").write_text("another", encoding="utf-8")
    with pytest.raises(UserError, match=r"is not that of pyodide@[\d.]+$"):
        runtime(tmp_path)
    wanted = json.loads((MODULES.parent / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert {f"{name}@{version}" for name, version in wanted.items()} == {
        name[: name.index("/", name.index("@", 1))] for name in RUNTIME
    }


def zipped(folder: Path) -> Path:
    path = folder / "playground.zip"
    path.write_bytes(archive(ROOT))
    return path


@pytest.mark.slow
@needs_modules
@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_every_spec_in_a_browsers_python(tmp_path: Path) -> None:
    """The shipped ones as the command line has them; faulty ones as Python has them here."""
    texts = [path.read_text(encoding="utf-8") for path in examples().values()]
    faulty = [{"do": "check", "text": path.read_text(encoding="utf-8", errors="replace")} for path in FAULTY]
    asked = [question for text in texts for question in questions(text)]
    given, taken = tmp_path / "questions.json", tmp_path / "answers.json"
    given.write_text(json.dumps([*asked, *faulty]), encoding="utf-8")
    command = [
        str(NODE),
        str(MODULES.parent / "playground.mjs"),
        *map(str, (MODULES, zipped(tmp_path), given, taken)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert (done.returncode, done.stderr[-2000:]) == (0, "")
    found = json.loads(taken.read_text(encoding="utf-8"))
    agree(found[: len(asked)], [each for text in texts for each in said(tmp_path, text)])
    for each in found[: len(asked)]:
        assert ("<use" in each.get("figure", "")) == (each["dot"] is not None)
    for question, each in zip(faulty, found[len(asked) :], strict=True):
        assert each == {**json.loads(answer(json.dumps(question), str)), "dot": None}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that fetches nothing from elsewhere."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    with pytest.MonkeyPatch.context() as patch:
        for part in ("pictured", "costs"):
            patch.setattr(specs, part, lambda spec: [])
        write(build(ROOT, MODULES), folder)
    return folder


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """Its address."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@needs_modules
class TestInABrowser:
    pytestmark = IN_A_BROWSER

    def test_a_text_is_checked_as_it_is_typed(self, browser: webdriver.Chrome, served: str) -> None:
        def shown(name: str, words: str) -> str:
            """What a part of the page says once it says certain words and nothing is at work."""
            part = browser.find_element(By.ID, f"play-{name}")
            state = browser.find_element(By.ID, "play-state")
            WebDriverWait(browser, 300).until(lambda _: words in part.text and state.text == "")
            return part.text

        fetched(browser)
        viewed(browser, 1400)
        browser.get(f"{served}playground.html#zoo/darts_v2")
        assert browser.find_element(By.ID, "play-state").text == "Loading Python ..."
        assert "3,349,342" in shown("size", "parameters")
        assert shown("report", "mine.darts") == "mine.darts: 0 errors, 0 warnings, 16 edges"
        assert len(browser.find_elements(By.CSS_SELECTOR, "#play-drawing .diagram")) == 1
        Select(browser.find_element(By.ID, "play-cell")).select_by_visible_text("reduction")
        text = browser.find_element(By.ID, "play-text")
        text.send_keys("\n\n   op  other=rel")
        assert "did you mean `relu`?" in shown("report", "1 error")
        assert browser.find_elements(By.CSS_SELECTOR, "#play-drawing.stale .diagram")
        text.send_keys("u")
        assert shown("report", "0 errors").endswith(" 16 edges")
        assert not browser.find_elements(By.CSS_SELECTOR, ".stale")
        assert Select(browser.find_element(By.ID, "play-cell")).first_selected_option.text == "reduction"
        browser.find_element(By.ID, "play-format").click()
        formatted = "\n\nop other = relu\n"
        WebDriverWait(browser, 60).until(lambda _: str(text.get_property("value")).endswith(formatted))
        Select(browser.find_element(By.ID, "play-example")).select_by_visible_text("lstm")
        assert "cell lstm" in shown("size", "cell lstm")
        for width in (375, 1400):
            for scheme in ("light", "dark"):
                viewed(browser, width, scheme)
                assert browser.execute_script("return document.documentElement.scrollWidth") <= width
                assert browser.execute_script(CONTRAST) >= 4.5, (width, scheme)
        assert browser.get_log("browser") == []
        assert [each for each in fetched(browser) if served not in each] == []

    def test_a_file_that_is_another_is_refused(
        self, browser: webdriver.Chrome, site: Path, served: str
    ) -> None:
        wasm = next(site.rglob("*.wasm"))
        wasm.write_bytes(wasm.read_bytes() + b" ")
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        browser.get(f"{served}playground.html?again")
        state = browser.find_element(By.ID, "play-state")
        WebDriverWait(browser, 60).until(lambda _: "could not be loaded" in state.text)
        assert any("digest" in entry["message"] for entry in browser.get_log("browser"))
