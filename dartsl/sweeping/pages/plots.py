"""Plots as SVG in the page's own colours, so that they follow dark mode and print; nothing is drawn twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from dartsl.run.curves import Line
from dartsl.run.plot import apart
from dartsl.sweeping.pages.markup import Markup, element

COLOURS = 6  # of the style sheet: --c0 to --c5
WIDTH, NARROW, ROW = 480, 400, 46  # of a picture, of one of several side by side, of a strip
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 44
NEAR, LEVEL, LEVELS = 8, 6, (0, 1, -1, 2, -2)  # points nearer than that stand above one another, by so much


@dataclass(frozen=True)
class Series:
    """Points of one colour, a variable of the style sheet; `names` says what each is."""

    name: str
    colour: str
    points: tuple[tuple[float, float], ...]
    names: tuple[str, ...] = ()


def colour(number: int) -> str:
    """That of the line or arm with a number."""
    return f"var(--c{number % COLOURS})"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two bounds: multiples of 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** floor(log10(span / most))
    step = next(power * each for each in (1, 2, 5, 10) if span / (power * each) <= most)
    return [number * step for number in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _marks(places: Sequence[float], wording: Callable[[float], str]) -> list[tuple[float, str]]:
    """Ticks with what is written at them: no decimals that are zero for all of them."""
    words = [wording(place) for place in places]
    while words and all("." in word and word[-1] in "0." for word in words):
        words = [word[:-1] for word in words]
    return list(zip(places, words, strict=True))


def levels(places: Sequence[float]) -> list[int]:
    """Of each point of a strip how far it stands above or below, so that points at one place are all seen: 0, 1, -1,
    2, -2 and so on, the next time from 0."""
    found: list[int] = []
    for number, place in enumerate(places):
        near = {found[other] for other in range(number) if abs(places[other] - place) < NEAR}
        found.append(next((level for level in LEVELS if level not in near), 0))
    return found


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _text(x: float, y: float, words: str, anchor: str = "middle", **more: str) -> Markup:
    return element("text", words, x=_at(x), y=_at(y), text_anchor=anchor, **more)


def _line(x1: float, y1: float, x2: float, y2: float, **more: str) -> Markup:
    return element("line", x1=_at(x1), y1=_at(y1), x2=_at(x2), y2=_at(y2), **more)


def _at(place: float) -> str:
    return f"{place:.1f}"


def _dot(x: float, y: float, fill: str, name: str) -> Markup:
    return element(
        "g", element("title", name), element("circle", cx=_at(x), cy=_at(y), r="5.5", style=f"fill:{fill}")
    )


def _svg(height: float, label: str, parts: Sequence[str], width: float = WIDTH) -> Markup:
    return element(
        "svg",
        *parts,
        class_="plot",
        viewBox=f"0 0 {width} {_at(height)}",
        role="img",
        aria_label=label,
    )


def strips(rows: Sequence[Series], axis: str, label: str, wording: Callable[[float], str]) -> Markup:
    """One strip of points a row, with its mean as a bar: the x values of each series. Some row has points."""
    values = [x for row in rows for x, _ in row.points]
    low, high = _padded(values)
    bottom = TOP + ROW * len(rows)

    def across(x: float) -> float:
        return 16 + (x - low) / (high - low) * (WIDTH - 32)

    parts: list[str] = []
    for tick, words in _marks(ticks(low, high), wording):
        parts += [_line(across(tick), TOP, across(tick), bottom, class_="grid")]
        parts += [_text(across(tick), bottom + 17, words)]
    for number, row in enumerate(rows):
        middle = TOP + ROW * number + 31
        parts.append(_text(16, middle - 15, row.name, "start", class_="name"))
        if row.points:
            mean = across(sum(x for x, _ in row.points) / len(row.points))
            style = f"stroke:{row.colour}"
            parts.append(_line(mean, middle - 10, mean, middle + 10, class_="mean", style=style))
        places = [across(x) for x, _ in row.points]
        for x, level, name in zip(places, levels(places), row.names, strict=True):
            parts.append(_dot(x, middle + LEVEL * level, row.colour, name))
    parts.append(_text(WIDTH / 2, bottom + 37, axis))
    return _svg(bottom + BOTTOM, label, parts)


def scatter(
    series: Sequence[Series],
    axes: tuple[str, str],
    label: str,
    wording: tuple[Callable[[float], str], Callable[[float], str]],
) -> Markup:
    """Points of some series. Some series has points."""
    points = [point for each in series for point in each.points]
    plane = _Plane(_padded([x for x, _ in points]), _padded([y for _, y in points]), 300)
    parts = plane.frame(axes, wording)
    for each in series:
        for (x, y), name in zip(each.points, each.names, strict=True):
            parts.append(_dot(*plane.at(x, y), each.colour, name))
    return _svg(300, label, parts)


def lines(given: Sequence[Line], label: str) -> Markup:
    """Lines over the epochs, each named at its end."""
    epochs = [epoch for line in given for epoch, _ in line.points]
    span = (min(epochs), max(epochs)) if min(epochs) < max(epochs) else (epochs[0] - 0.5, epochs[0] + 0.5)
    plane = _Plane(span, _padded([y for line in given for _, y in line.points]), 260, NARROW - 150)
    parts = plane.frame(("epoch", ""), (_whole, "{:.4g}".format))
    ends = [plane.at(*line.points[-1])[1] / 260 for line in given]
    places = apart(ends, min(16 / 260, 0.8 / len(given)))
    for number, (line, place) in enumerate(zip(given, places, strict=True)):
        path = " L".join(",".join(map(_at, plane.at(*point))) for point in line.points)
        parts.append(
            element(
                "path",
                d=f"M{path}",
                class_="line" if number < COLOURS else "line dashed",
                style=f"stroke:{colour(number)}",
            )
        )
        if len(line.points) == 1:
            parts.append(_dot(*plane.at(*line.points[0]), colour(number), line.name))
        name = f"{line.name[:16]} {line.points[-1][1]:.3g}"
        parts.append(_text(NARROW - 144, 260 * place + 4, name, "start", style=f"fill:{colour(number)}"))
    return _svg(260, label, parts, NARROW)


def _whole(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else ""


class _Plane:
    """From values to places in a picture of some height."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], height: float, right: float = WIDTH - RIGHT
    ):
        self.x, self.y, self.height, self.right = x, y, height, right

    def at(self, x: float, y: float) -> tuple[float, float]:
        low, high = self.x
        across = LEFT + (x - low) / (high - low) * (self.right - LEFT)
        low, high = self.y
        return across, self.height - BOTTOM - (y - low) / (high - low) * (self.height - BOTTOM - TOP - 16)

    def frame(
        self, axes: tuple[str, str], wording: tuple[Callable[[float], str], Callable[[float], str]]
    ) -> list[str]:
        """Grid, ticks and the names of the axes; that of y stands above it."""
        floor_ = self.height - BOTTOM
        parts: list[str] = []
        for tick, words in _marks(ticks(*self.y), wording[1]):
            y = self.at(self.x[0], tick)[1]
            parts += [
                _line(LEFT, y, self.right, y, class_="grid"),
                _text(LEFT - 7, y + 4, words, "end"),
            ]
        for tick, words in _marks(ticks(*self.x, most=4), wording[0]):
            parts.append(_text(self.at(tick, self.y[0])[0], floor_ + 17, words))
        parts.append(_line(LEFT, floor_, self.right, floor_, class_="axis"))
        parts.append(_text((LEFT + self.right) / 2, floor_ + 37, axes[0]))
        return [*parts, _text(2, 14, axes[1], "start")] if axes[1] else parts
