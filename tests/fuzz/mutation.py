"""Changes at random: of bytes, of the words of a text, of JSON."""

from __future__ import annotations

import json
import random
import re
from typing import Any

WORD = re.compile(r"#[^\n]*|\"[^\"\n]*\"|\s+|[A-Za-z_]\w*|\d+(?:\.\d+)?|->|=>|\.\.|.", re.DOTALL)
ODD_TEXTS = ("", "\0", "\ud800", "\x1b[31m", "\u2028", "x" * 300, "../..", "/dev/zero", "NaN", "None", "é")
ODD_NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, float("inf"), float("nan"), True, False,
)  # fmt: skip


def change_bytes(draw: random.Random, data: bytes, times: int = 3) -> bytes:
    """Bits flipped, bytes replaced, pieces cut, doubled or moved."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, times)):
        place, length = draw.randrange(len(changed) + 1), draw.choice((1, 1, 2, 4, 8, 64, 1000))
        match draw.randrange(6):
            case 0 if place < len(changed):
                changed[place] ^= 1 << draw.randrange(8)
            case 1 if place < len(changed):
                changed[place] = draw.choice((0, 255, 128, 10, draw.randrange(256)))
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length] * draw.randint(1, 3)
            case 4:
                changed[place:place] = draw.randbytes(length)
            case _:
                del changed[place:]
    return bytes(changed)


def change_words(draw: random.Random, text: str, spare: tuple[str, ...], times: int = 4) -> str:
    """Words of a text left out, doubled, swapped, or replaced by others of it or by spare ones."""
    words = WORD.findall(text)
    places = [place for place, word in enumerate(words) if word.strip() and not word.startswith("#")]
    if not places:
        return draw.choice(spare)
    for _ in range(draw.randint(1, times)):
        place, other = draw.choice(places), draw.choice(places)
        match draw.randrange(5):
            case 0:
                words[place] = ""
            case 1:
                words[place] += f" {words[place]}"
            case 2:
                words[place] = draw.choice(spare)
            case 3:
                words[place], words[other] = words[other], words[place]
            case _:
                words[place] = words[other]
    return "".join(words)


def change_value(draw: random.Random, value: Any, times: int = 2) -> Any:
    """A tree of dicts and lists with some of its parts replaced, left out or added."""
    for _ in range(draw.randint(1, times)):
        value = _changed(draw, value)
    return value


def _changed(draw: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        match draw.randrange(8):
            case 0:
                return {name: item for name, item in value.items() if name != key}
            case 1:
                return {**value, draw.choice(ODD_TEXTS): draw.choice(list(value.values()))}
            case _:
                return {**value, key: _changed(draw, value[key])}
    if isinstance(value, list) and value and draw.random() < 0.85:
        place = draw.randrange(len(value))
        match draw.randrange(8):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return value[:place] + [value[place]] * draw.choice((2, 3, 100)) + value[place + 1 :]
            case _:
                return [*value[:place], _changed(draw, value[place]), *value[place + 1 :]]
    return odd_value(draw, value)


def odd_value(draw: random.Random, value: Any) -> Any:
    """Something else in the place of a value: nearly the same, of another type, or out of bounds."""
    match draw.randrange(7):
        case 0:
            return draw.choice(ODD_NUMBERS)
        case 1:
            return draw.choice(ODD_TEXTS)
        case 2:
            return draw.choice(([], {}, [[]], {"": None}, [value], {"x": value}))
        case 3:
            return None
        case 4 if isinstance(value, int | float) and not isinstance(value, bool):
            return draw.choice((-value, value + 1, value - 1, value * 1000))
        case 5:
            return str(value)
        case _:
            return draw.choice((0, 1, -1, 2, 10**9))


def change_json(draw: random.Random, data: bytes) -> bytes:
    """A JSON text changed as a tree, or as bytes; or something else in its place."""
    choice = draw.random()
    if choice < 0.7:
        return json.dumps(change_value(draw, json.loads(data))).encode()
    if choice < 0.95:
        return change_bytes(draw, data)
    return draw.choice(
        (b"", b"[" * 100_000, b"{" * 1000, b"null", b"[]", b'"x"', b"1e999", b"\xff\xfe", b"\0" * 100)
    )


def change_lines(draw: random.Random, data: bytes) -> bytes:
    """A file of one JSON object a line with a line changed, doubled or left out."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return draw.choice((b"\n", b"{}\n", b"null\n", b"[\n", b"x"))
    place = draw.randrange(len(lines))
    match draw.randrange(8):
        case 0:
            lines.insert(place, lines[place])
        case 1:
            del lines[place]
        case _:
            lines[place] = change_json(draw, lines[place]) + b"\n"
    return b"".join(lines)
