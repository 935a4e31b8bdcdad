"""The playground: a page on which a spec is checked, counted and drawn as one types, by dartsl in the browser."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from dartsl.docs.page import Page, link
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.limits import MAX_BYTES
from dartsl.lang.syntax.loader import PRELUDES
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.sweeping.pages.markup import Markup, element, joined

URL = "playground.html"
ARCHIVE = "playground.zip"
FIRST = "digits"  # the spec that it opens with
CDN = "https://cdn.jsdelivr.net/npm/"
LOCAL = "runtime/"  # where a site has what others fetch from there
# Python and Graphviz for browsers: npm packages, each file with its digest, which the browser verifies.
RUNTIME = {
    "pyodide@314.0.7/pyodide.mjs": "sha384-Lp79fMwxa4n2BLtugpUAoQMlbxIdg8iCUiP1r3h7nJLkQjwlXT1JzZTeHVL+f4Dg",
    "pyodide@314.0.7/pyodide.asm.mjs": "sha384-/2281iaC0Iimw0B3Kagy1DBfZcJG3W4KYW+EmOqhsdY3fR9BJ88FE2Zt6y0KQKpa",
    "pyodide@314.0.7/pyodide.asm.wasm": "sha384-y++qrQ72KPA1fTjLIuGMP+jppgGxjbLCgfdb0zMrnNnQVhxRUXTOTF6rTxNzllSu",
    "pyodide@314.0.7/python_stdlib.zip": "sha384-xW3A5jmenkrPXbsgrIaB1FCJh9OuLT7FRMagsJMgtlhVc19k/mSy3+7nMaF/d767",
    "pyodide@314.0.7/pyodide-lock.json": "sha384-o8SQQvpVlZnOl04+3dFTJipKxul9GbViVusA379wlOrfHSgxbzt0yPiqCTxOiYES",
    "@viz-js/viz@3.31.0/dist/viz.js": "sha384-1K1CIg5RxaUbqpwmMN9nDsPTCO5QMIP2wKBsI5ycbs8Nv74aLuM14Jqo+ayxLE21",
}
NEEDED = ("click", "lark", "networkx", "pydot", "pyparsing")  # distributions, all in Python
SOURCES = (".py", ".lark")


def playground(local: bool) -> Page:
    """The page. `local`: Python and Graphviz lie in the site, and are not fetched from a CDN."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in examples().items()}
    runtime = json.dumps({"base": LOCAL if local else CDN, "files": RUNTIME, "archive": ARCHIVE})
    source = "this site" if local else "this site and from jsDelivr"
    about = "Check, count and draw a spec as you type it, in the browser."
    intro = element(
        "p",
        "What ",
        link("commands/check.html", "dartsl check", URL),
        ", ",
        link("commands/info.html", "dartsl info", URL),
        " and ",
        link("commands/draw.html", "dartsl draw", URL),
        " say of a spec, as you type it. dartsl itself runs here, in your browser, and no text leaves it. "
        f"At first 9 MB are fetched from {source}: Python (Pyodide), Graphviz (Viz.js) and dartsl. The ",
        link("language.html", "language", URL),
        " has a page of its own.",
    )
    body = [
        element("h1", "Playground"),
        intro,
        element("noscript", element("p", "This page needs JavaScript.")),
        element("p", id="play-state", role="status"),
        element("div", _editor(texts), _answers(), id="playground", data_runtime=runtime),
        element("script", src="playground.js", defer=""),
    ]
    return Page(URL, "Playground", joined(body), about, wide=True)


def examples() -> dict[str, Path]:
    """The shipped specs to start from; a copy of a prelude would define all of it twice."""
    return {name: path for name, path in shipped_specs().items() if name not in PRELUDES.values()}


def _editor(texts: dict[str, str]) -> Markup:
    options = (  # a spec has its name as its id: playground.html#digits opens it
        element("option", name, id=name, data_text=text, selected="" if name == FIRST else None)
        for name, text in texts.items()
    )
    start = element("label", "Start from ", element("select", *options, id="play-example"))
    box = element(
        "textarea",
        "\n" + texts[FIRST],  # the first line end in it is none of its text's
        id="play-text",
        aria_label="Spec",
        maxlength=MAX_BYTES,
        spellcheck="false",
        autocapitalize="off",
        autocomplete="off",
        wrap="off",
    )
    return element("section", element("p", start, element("button", "Format", id="play-format")), box)


def _answers() -> Markup:
    whole = element("option", "all cells", value="")
    return element(
        "section",
        element("pre", id="play-report", tabindex=0, aria_label="What dartsl check prints"),
        element("p", element("label", "Draw ", element("select", whole, id="play-cell"))),
        element("div", id="play-drawing"),
        element("pre", id="play-size", tabindex=0, aria_label="What dartsl info prints"),
    )


def archive(root: Path) -> bytes:
    """What Python imports in the browser: dartsl of a checkout, its specs and grammars, and the packages that it needs,
    with their licences."""
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as zipped:
        for name, path in (*_own_files(root), *_needed_files()):
            zipped.writestr(
                ZipInfo(name), path.read_bytes(), ZIP_DEFLATED
            )  # of no date, so that equals are equal
    return stream.getvalue()


def _own_files(root: Path) -> Iterator[tuple[str, Path]]:
    for pattern in ("dartsl/**/*.py", "specs/**/*.darts", "grammars/*.lark", "LICENSE"):
        for path in sorted(root.glob(pattern)):
            if "node_modules" not in path.parts:
                yield path.relative_to(root).as_posix(), path


def _needed_files() -> Iterator[tuple[str, Path]]:
    for each in NEEDED:
        for file in distribution(each).files or ():
            wanted = file.suffix in SOURCES and "tests" not in file.parts
            if wanted or "licenses" in file.parts:
                yield file.as_posix(), Path(str(file.locate()))


def runtime(modules: Path) -> dict[str, bytes]:
    """The files of RUNTIME for a site of its own, from a folder `node_modules`. Raises UserError where one is not there
    or is another."""
    found = {}
    for name, digest in RUNTIME.items():
        path = modules / re.sub(r"(?<=.)@[\d.]+/", "/", name)
        package = name.rpartition("@")[0] + "@" + name.rpartition("@")[2].partition("/")[0]
        if not path.is_file():
            raise UserError(f"{path} is not there", f"`npm install {package}`")
        data = path.read_bytes()
        if digest != "sha384-" + base64.b64encode(hashlib.sha384(data).digest()).decode():
            raise UserError(f"{path} is not that of {package}", f"`npm install {package}`")
        found[LOCAL + name] = data
    return found
