"""DOT text to a picture, by whichever Graphviz is there; no system package is needed for SVG and PNG."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from dartsl.lang.codes.diagnostics import UserError

FORMATS = ("svg", "png", "pdf", "dot")
PNG_DPI, PRINT_DPI = 144, 300
TIME_LIMIT = 120  # seconds
MOST_LINES = (
    2_500  # with more edges in it than that, no picture is done within the limit, nor could it be read
)
INSTALL = "`pip install graphviz-pure`, or Graphviz (https://graphviz.org/download) with `dot` on the PATH"


def picture_format(path: Path, formats: Sequence[str] = FORMATS) -> str:
    """The format that a file's name asks for. Raises UserError where it is none of `formats`."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in formats:
        raise UserError(
            f"cannot draw into `{path.name}`: its name ends in none of .{', .'.join(formats)}",
            "name the picture, for example, cell.svg",
            exit_code=2,
        )
    return kind


def programs() -> Iterator[str]:
    """The layout programs there are: that of the `graphviz-pure` wheel first, then a system `dot`."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")), None):
        found = shutil.which("graphviz-pure", path=str(folder) if folder is not None else None)
        if found is not None:
            yield found
            break
    system = shutil.which("dot")
    if system is not None:
        yield system


def render(dot: str, kind: str) -> bytes:
    """The picture of some DOT text, in one of `FORMATS`.

    A PDF is drawn with lines and letters where a system `dot` is installed; else it holds the picture at
    300 dots an inch. Raises UserError where it has too many edges, or no program can draw it.
    """
    if kind == "dot":
        return dot.encode()
    require_drawable(dot)
    options = [f"-T{kind}", *([f"-Gdpi={PNG_DPI}"] if kind == "png" else [])]
    picture, complaints = _first_that_draws(dot, options)
    if picture is None and kind == "pdf":
        png, complaints = _first_that_draws(dot, ["-Tpng", f"-Gdpi={PRINT_DPI}"])
        picture = None if png is None else _pdf_of_png(png)
    if picture is not None:
        return picture
    if complaints:
        raise UserError(
            "the diagram could not be drawn (" + "; ".join(complaints) + ")", f"try again with {INSTALL}"
        )
    raise UserError(f"nothing here can draw a .{kind}: Graphviz is missing", f"install {INSTALL}")


def require_drawable(dot: str) -> None:
    """Raises UserError for DOT text with so many edges that its picture would take too long."""
    lines = len(re.findall(r"^\S+ -> \S+", dot, re.MULTILINE))
    if lines > MOST_LINES:
        raise UserError(
            f"{lines:,} edges are too many for a picture: {MOST_LINES:,} can be drawn",
            "draw one cell of several by --cell, or what a search found in place of its space",
        )


def _first_that_draws(dot: str, options: Sequence[str]) -> tuple[bytes | None, list[str]]:
    """The picture by the first program that can draw it, and what those before it said."""
    complaints = []
    for program in programs():
        try:
            done = subprocess.run(
                [program, *options], input=dot.encode(), capture_output=True, check=True, timeout=TIME_LIMIT
            )
        except subprocess.CalledProcessError as fault:
            complaints.append(f"{Path(program).name}: {_first_line(fault.stderr.decode(errors='replace'))}")
        except (OSError, subprocess.TimeoutExpired) as fault:
            complaints.append(f"{Path(program).name}: {_first_line(str(fault))}")
        else:
            return done.stdout, complaints
    return None, complaints


def _first_line(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[0] if lines else "it failed"


def _pdf_of_png(png: bytes) -> bytes:
    from PIL import Image  # which is not there in a browser

    page = io.BytesIO()
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        image.convert("RGB").save(page, "PDF", resolution=PRINT_DPI)
    return page.getvalue()
