"""The boxes of the texts in an SVG, from estimated widths."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

# Advance widths of Helvetica in thousandths of its size, on the generous side.
NARROW, WIDE, USUAL, CAPITAL = 280, 890, 570, 725


@dataclass(frozen=True)
class Box:
    text: str
    left: float
    right: float
    top: float
    bottom: float

    def over(self, other: Box) -> bool:
        """Whether the boxes share more than a hair."""
        hair = 0.1
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > hair and down > hair


def _advance(char: str) -> int:
    if char in "ijlft.,:;|()[]'! ":
        return NARROW
    if char in "mwMW":
        return WIDE
    return CAPITAL if char.isupper() else USUAL


def width(text: str, size: float) -> float:
    """The estimated width of a text, in points."""
    return sum(map(_advance, text)) * size / 1000


def boxes(svg: bytes) -> list[Box]:
    """A box for each line of text."""
    found = []
    for item in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        text = item.text or ""
        size = float(item.attrib["font-size"])
        wide = width(text, size)
        x, y = float(item.attrib["x"]), float(item.attrib["y"])
        left = x - wide / 2 if item.attrib.get("text-anchor") == "middle" else x
        found.append(Box(text, left, left + wide, y - 0.75 * size, y + 0.22 * size))
    return found


def overlaps(svg: bytes) -> list[tuple[str, str]]:
    """Every pair of texts of which one lies over the other."""
    found = boxes(svg)
    return [(a.text, b.text) for i, a in enumerate(found) for b in found[i + 1 :] if a.over(b)]
