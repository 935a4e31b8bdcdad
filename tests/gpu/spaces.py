"""What is tried on a device: searches of three spaces, made small, on data that come with dartsl or are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from dartsl.data import ImageData, load
from dartsl.data.text import load_text
from dartsl.lang.checker import check, pick_network
from dartsl.lang.settings.values import search_config
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.searching.session import SearchSession
from dartsl.searching.sessions import session_of

ORDERS = ("1", "2", "exact")
LEVELS = (0, 2)


@dataclass(frozen=True)
class Space:
    """A shipped spec, the parameters of its network, and settings."""

    spec: str
    parameters: dict[str, int]
    settings: dict[str, Any]

    def session(self, device: str, **settings: Any) -> SearchSession[Any]:
        """A search of it that begins."""
        spec = check(read(self.spec))
        network = pick_network(spec, None)
        given = {"device": device, **self.settings, **settings}
        config = search_config(network.takes, given)
        model = compile(spec, None, self.parameters, Build.of(config), partial=config.partial)
        return session_of(model, config, self.data())

    def data(self) -> Any:
        if self.spec == "text":
            return load_text("markov", "word")
        return load("digits") if self.spec == "digits" else drawn(640)


def drawn(count: int) -> ImageData:
    """Random images of 32 x 32, of ten classes."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 32, 32, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (count,), generator=generator)
    return ImageData("drawn", images, labels, images[:10], labels[:10], 10)


SPACES = {
    "digits": Space("digits", {"C": 2, "n": 1}, {"batch": 8, "crop": 1, "cutout": 2, "data": "digits"}),
    "cells": Space("darts_cnn", {"C": 4, "n": 1}, {"batch": 4, "crop": 1, "cutout": 2, "data": "drawn"}),
    "text": Space("text", {"H": 8}, {"batch": 64, "bptt": 5, "data": "markov"}),
}


WHOLE = Space("darts_cnn", {"C": 16}, {"batch": 64, "data": "drawn"})  # DARTS's, as the paper searches it


def combinations(small: bool) -> Iterator[tuple[str, Space, dict[str, Any]]]:
    """Names, spaces and settings of all that is tried; where it is to be small, of two."""
    chosen = (("digits", "2", 2), ("text", "1", 2))
    every = tuple((name, order, level) for name in SPACES for order in ORDERS for level in LEVELS)
    for name, order, level in chosen if small else every:
        yield f"{name}, order {order}, O{level}", SPACES[name], {"order": order, "optimise": level}
    if not small:
        yield (
            "cells, partial channels, O2",
            SPACES["cells"],
            {"partial": 2, "edge_weights": True, "order": "1"},
        )


def steps(session: SearchSession[Any], count: int) -> None:
    """The next so many steps, of one epoch after another."""
    left = session.left()
    for _ in range(count):
        place = next(left, None)
        if place is None:
            session.batches.advance()
            left = session.left()
            place = next(left)
        session.take_step(place)
