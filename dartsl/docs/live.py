"""What the playground's page asks of dartsl, which runs in the browser: no torch, and no file but the shipped specs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dartsl.api.describing import info
from dartsl.api.drawing import draw, drawn_cells
from dartsl.api.specs import check, diagnose, fmt, root_networks
from dartsl.cli.info import as_text
from dartsl.graph.render import require_drawable
from dartsl.lang.check.model import Spec
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.render import render, report
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import decode
from dartsl.sweeping.pages.diagrams import POINT, diagram
from dartsl.sweeping.pages.markup import Markup, element, joined

NAME = "mine.darts"  # what diagnostics call the text
FAILED = "dartsl has failed on this text, which is a fault of its own: please report it, with the text"
Layout = Callable[[str], str]  # DOT text -> SVG


def answer(question: str, layout: Layout) -> str:
    """The answer to a question, both JSON objects: `do` is check, describe or format, and `text` a spec.

    check     `report`, which `dartsl check` prints, and the number of `errors`
    describe  of a sound spec its `size`, which `dartsl info` prints; its `cells`, and the `figure` of the one that
              `cell` names (of all where it names none); where there is no figure, `remark` says why
    format    the `text` that `dartsl fmt` writes

    Any answer may be a `fault` instead, words for the reader.
    """
    asked = json.loads(question)
    try:
        source = decode(NAME, asked["text"].encode("utf-8", "replace"), None)
        found = ANSWERS[asked["do"]](source, asked.get("cell"), layout)
    except SpecError as fault:
        found = {"fault": render(fault.diagnostics)}
    except UserError as fault:
        found = {"fault": words(fault)}
    except Exception as fault:  # whatever it is, the page shows no traceback
        found = {"fault": f"{FAILED} ({type(fault).__name__})"}
    return json.dumps(found)


def _checked(source: Source, cell: str | None, layout: Layout) -> dict[str, Any]:
    found = diagnose(source)
    errors = sum(fault.severity == "error" for fault in found.diagnostics)
    return {"report": report(found.name, found.diagnostics, found.size), "errors": errors}


def _described(source: Source, cell: str | None, layout: Layout) -> dict[str, Any]:
    spec = check(source)
    networks: list[str | None] = [*root_networks(spec)] or [None]
    size = "\n\n".join(as_text(info(spec, network, memory="none")) for network in networks)
    cells = [each.name for each in drawn_cells(spec)]
    return {"size": size, "cells": cells, **_drawn(spec, cell if cell in cells else None, layout)}


def _drawn(spec: Spec, cell: str | None, layout: Layout) -> dict[str, str]:
    try:
        dot = draw(spec, cell=cell)
        require_drawable(dot)
        return {"figure": figure(layout(dot), "The cells" if cell is None else f"The cell {cell}")}
    except UserError as fault:
        return {"figure": "", "remark": fault.message}


def _formatted(source: Source, cell: str | None, layout: Layout) -> dict[str, Any]:
    return {"text": fmt(source)}


ANSWERS = {"check": _checked, "describe": _described, "format": _formatted}


def figure(svg: str, label: str) -> Markup:
    """A picture by Graphviz as a part of a page, in its colours. Raises UserError."""
    found = diagram("cells", svg[svg.index("<svg") :].encode())
    stored = element(
        "svg", element("defs", found.stored()), class_="stored", aria_hidden="true", width=0, height=0
    )
    width = f"--width: {round(found.box[2] * POINT)}px"  # below a part of which nothing could be read
    paper = element(
        "div", found.shown(label), class_="paper", style=width, tabindex=0, role="region", aria_label="Cells"
    )
    return joined([stored, element("figure", paper)])


def words(fault: UserError) -> str:
    """A mistake outside any spec, as the command line says it."""
    return f"error: {fault.message}" + (f"\n  = help: {fault.help}" if fault.help else "")
