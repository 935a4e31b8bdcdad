"""Graphviz's pictures of cells within the page: a sixth of the bytes, in the page's colours, each stored once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from xml.etree import ElementTree

from dartsl.graph.draw import FAINT, INPUT_COLOUR, LINE, NODE_COLOUR, OUTPUT_COLOUR, SOFT_TEXT, draw
from dartsl.graph.render import render
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.layer_choices import shown
from dartsl.lang.syntax.loader import decode
from dartsl.sweeping.pages.markup import Markup, element, joined

POINT = 4 / 3  # pixels of a point, the unit in which Graphviz measures
SVG = "{http://www.w3.org/2000/svg}"
# The colours of a diagram and the style sheet's classes for them. Graphviz writes some colours as it was given them,
# and others by their number.
BOXES = {
    INPUT_COLOUR: "input",
    "#b4eeb4": "input",
    NODE_COLOUR: "node",
    OUTPUT_COLOUR: "output",
    "white": "label",
}
STROKES = {LINE: "", FAINT: "faint"}
USUAL_WIDTH, USUAL_SIZE = "1.2", "12"  # of lines and words, which are the style sheet's


@dataclass(frozen=True)
class Diagram:
    """A picture: the id under which the page stores it, its box (left, top, width, height in points) and its parts."""

    id: str
    box: tuple[float, float, float, float]
    parts: Markup

    def shown(self, words: str, hidden: bool = False) -> Markup:
        """The picture at a place of the page; `words` say what it is."""
        left, top, width, height = self.box
        return element(
            "svg",
            element("use", href=f"#{self.id}"),
            class_="diagram",
            viewBox=" ".join(map(_short, (left, top, width, height))),
            width=round(width * POINT),
            height=round(height * POINT),
            role="img",
            aria_label=words,
            hidden="" if hidden else None,
        )

    def stored(self) -> Markup:
        """What a page has once, of whatever shows it."""
        return element("g", self.parts, id=self.id, class_="drawn")


class Diagrams:
    """The pictures of a page: those of equal cells are drawn and stored once."""

    def __init__(self) -> None:
        self._known: dict[str, Diagram] = {}

    def of(self, text: str) -> Diagram:
        """The cells of a spec. Raises UserError, SpecError where they cannot be drawn."""
        bare = without_comments(text)
        if bare not in self._known:
            spec = check(decode("found.darts", text.encode(), None))
            self._known[bare] = diagram(
                f"d{len(self._known)}", render(draw(shown(spec).cells.values()), "svg")
            )
        return self._known[bare]

    def stored(self) -> Markup:
        """All pictures, where nothing shows them yet."""
        if not self._known:
            return Markup("")
        parts = element("defs", *(each.stored() for each in self._known.values()))
        return element("svg", parts, class_="stored", aria_hidden="true", width=0, height=0)


def style() -> str:
    """The rules for diagrams, with which the style sheet of a page that has some begins."""
    return (files(__package__) / "diagrams.css").read_text(encoding="utf-8")


def without_comments(text: str) -> str:
    """Where a spec comes from and which weights were kept is no part of a picture."""
    return re.sub(r"\s*#.*", "", text).strip()


def diagram(id_: str, picture: bytes) -> Diagram:
    """What Graphviz has drawn, its boxes as rectangles and its colours as classes. Raises UserError."""
    try:
        root = ElementTree.fromstring(picture)
        left, top, width, height = map(float, root.attrib["viewBox"].split())
        # Graphviz draws upwards from a corner that a transformation of all moves to its place.
        shift = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", root[0].attrib["transform"])
        across, down = map(float, shift.groups()) if shift else (0.0, 0.0)
        parts = joined(_parts(root[0], ""))
    except (ElementTree.ParseError, KeyError, IndexError, ValueError):
        raise UserError("the diagram that Graphviz has drawn cannot be read") from None
    return Diagram(id_, (left - across, top - down, width, height), parts)


def _parts(group: ElementTree.Element, kind: str) -> Iterator[Markup]:
    """The shapes and words of a group; `kind` is that of the box in which it is."""
    for part in group:
        name, given = part.tag.removeprefix(SVG), part.attrib
        if name == "g":
            yield from _parts(part, "")
        elif name in ("path", "polygon") and given["fill"] in BOXES:
            kind = BOXES[given["fill"]]
            if group.get("class") == "node":
                yield _box(given, kind)
        elif name in ("path", "polygon") and given["stroke"] != "none":
            yield _line(given, closed=name == "polygon")
        elif name == "text":
            yield _words(part, kind)


def _box(given: Mapping[str, str], kind: str) -> Markup:
    """A box with round corners, by its outermost points."""
    numbers = _numbers(given.get("d") or given["points"])
    across, down = numbers[0::2], numbers[1::2]
    left, top = min(across), min(down)
    sides = {"width": _short(max(across) - left), "height": _short(max(down) - top)}
    return element("rect", class_=kind, x=_short(left), y=_short(top), **sides)


def _line(given: Mapping[str, str], closed: bool) -> Markup:
    """A line, or the head of an arrow."""
    path = given.get("d") or f"M{given['points']}z"
    stroke, width = given["stroke"], given.get("stroke-width", "1")
    classes = f"{STROKES.get(stroke, '')} {'head' if closed else ''}".strip()
    return element(
        "path",
        d=re.sub(r"-?\d+\.\d+", lambda found: _short(float(found[0])), path),
        class_=classes or None,
        style=None if stroke in STROKES else f"stroke:{stroke}",
        stroke_width=None if closed or width == USUAL_WIDTH else width,
        stroke_dasharray=given.get("stroke-dasharray"),
    )


def _words(part: ElementTree.Element, kind: str) -> Markup:
    given = part.attrib
    anchor, size = given.get("text-anchor", "middle"), _short(float(given["font-size"]))
    return element(
        "text",
        part.text or "",
        x=_short(float(given["x"])),
        y=_short(float(given["y"])),
        # within a coloured box words are dark, whatever the page's colours are
        class_="inside"
        if kind not in ("", "label")
        else ("soft" if given.get("fill") == SOFT_TEXT else None),
        font_size=size if size != USUAL_SIZE else None,
        font_weight=given.get("font-weight"),
        text_anchor=anchor if anchor != "middle" else None,
    )


def _numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?[\d.]+", text)]


def _short(value: float) -> str:
    """A tenth of a point is less than can be seen."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
