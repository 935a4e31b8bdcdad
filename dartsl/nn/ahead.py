"""Steps whose number is not known: captured once, replayed many times, each time with what another step draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import torch
from torch import Tensor

from dartsl.nn.passing import Pass

Draw = Callable[[Pass], Tensor]  # what a pass draws for one key; it holds no tensor of a pass


class UnknownStepError(RuntimeError):
    """Something asks for the number of a step that has none yet."""


class Ahead:
    """Stands for a step's number in the passes of a step that is captured.

    What draws by it gets the buffers of a `Stock`. Whatever else asks for the number raises UnknownStepError.
    `offset` is what a step that takes several passes of a kind adds for each.
    """

    def __init__(self, stock: Stock, offset: int = 0) -> None:
        self.stock = stock
        self.offset = offset

    def __add__(self, more: int) -> Ahead:
        return Ahead(self.stock, self.offset + more)

    def __repr__(self) -> str:
        return f"Ahead({self.offset})"

    def _unknown(self, *_: object) -> NoReturn:
        raise UnknownStepError("the number of a step is asked for within a pass")

    __str__ = __format__ = __int__ = __index__ = __float__ = _unknown
    __lt__ = __le__ = __gt__ = __ge__ = __mul__ = __mod__ = __floordiv__ = __truediv__ = _unknown

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ahead):
            self._unknown()
        return self.stock is other.stock and self.offset == other.offset

    def __hash__(self) -> int:
        return hash((id(self.stock), self.offset))


@dataclass(frozen=True)
class _Drawn:
    """A buffer, what fills it, and the pass that was the first to draw it, `offset` steps on."""

    buffer: Tensor
    draw: Draw
    pass_: Pass
    offset: int


class Stock:
    """All that a step draws, in buffers that stay where they are.

    drawing  whether it draws just now, beside the step
    """

    def __init__(self) -> None:
        self.drawing = False
        self._number = 0
        self._drop_path = 0.0
        self._drawn: dict[tuple[int, str, str], _Drawn] = {}  # by offset, kind of batch and key

    @torch.no_grad()
    def fill(self, number: int, drop_path: float = 0.0) -> None:
        """Draw what the step of that number draws, by the very generators that it would draw by."""
        self._number, self._drop_path = number, drop_path
        for each in self._drawn.values():
            each.buffer.copy_(self._draw(each.draw, each.pass_, each.offset), non_blocking=True)

    def take(self, pass_: Pass, path: str, draw: Draw) -> Tensor:
        """What is drawn for a key in a pass; drawn now where no pass before has asked for it."""
        offset = pass_.step.offset if isinstance(pass_.step, Ahead) else 0
        key = (offset, pass_.kind, path)
        if key not in self._drawn:
            self._drawn[key] = _Drawn(self._draw(draw, pass_, offset), draw, pass_, offset)
        return self._drawn[key].buffer

    def _draw(self, draw: Draw, pass_: Pass, offset: int) -> Tensor:
        self.drawing = True
        try:
            return draw(replace(pass_, step=self._number + offset, drop_path=self._drop_path))
        finally:
            self.drawing = False


def drawn(pass_: Pass, path: str, draw: Draw) -> Tensor:
    """What a pass draws for a key: at once, or from a stock."""
    step: Any = pass_.step
    return step.stock.take(pass_, path, draw) if isinstance(step, Ahead) else draw(pass_)
