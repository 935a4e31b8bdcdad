"""The cells of architectures as pictures, and those of a search as derived at each epoch. No torch."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from dartsl.graph.draw import draw
from dartsl.graph.render import render
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.syntax.loader import decode
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS
from dartsl.searching.derive import rederive
from dartsl.sweeping.pages.markup import Markup, element

POINT = 4 / 3  # pixels of a point, the unit in which Graphviz measures


@dataclass(frozen=True)
class Frames:
    """The cells of a search over its epochs: each distinct text once, and for each epoch the number of its text."""

    texts: tuple[str, ...]
    epochs: tuple[tuple[int, int], ...]


def frames(run: Path) -> Frames:
    """What would have been derived after each epoch. Raises UserError where no alphas are recorded."""
    texts: dict[str, tuple[int, str]] = {}
    epochs = []
    for row in RunFolder.open(run).rows(ALPHAS):
        text = rederive(run, row["epoch"])
        number, _ = texts.setdefault(_bare(text), (len(texts), text))
        epochs.append((row["epoch"], number))
    if not epochs:
        raise UserError(f"{run} has no epoch yet to derive from")
    return Frames(tuple(text for _, text in texts.values()), tuple(epochs))


class Pictures:
    """Draws the cells of a text once, however often they are asked for."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, int, int]] = {}

    def image(self, text: str, words: str, hidden: bool = False) -> Markup:
        """The picture as an image within the page. An image can neither run a script nor fetch anything, and its ids
        are its own. Raises UserError, SpecError where it cannot be drawn."""
        bare = _bare(text)
        if bare not in self._known:
            self._known[bare] = _drawn(text)
        address, width, height = self._known[bare]
        return element(
            "img", src=address, alt=words, width=width, height=height, hidden="" if hidden else None
        )


def _bare(text: str) -> str:
    """A spec without comments: where it comes from and which weights were kept is no part of a picture."""
    return re.sub(r"\s*#.*", "", text).strip()


def _drawn(text: str) -> tuple[str, int, int]:
    spec = check(decode("found.darts", text.encode(), None))
    picture = render(draw(spec.cells.values()), "svg").decode()
    picture = re.sub(
        r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<title>.*?</title>|\n", "", picture, flags=re.DOTALL
    )
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', picture)
    width, height = (round(float(side) * POINT) for side in size.groups()) if size else (800, 400)
    code = base64.b64encode(picture.encode()).decode()
    return f"data:image/svg+xml;base64,{code}", width, height


def tried(error: UserError | SpecError) -> Markup:
    """In place of what cannot be shown."""
    return element("p", f"Not shown: {error}", class_="note")
