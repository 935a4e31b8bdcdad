"""What is not finite, and where."""

from __future__ import annotations


class NonFiniteError(Exception):
    """A loss or a gradient that is not finite: which, and the largest gradient with its parameter."""

    def __init__(self, quantity: str, parameter: str, largest: float) -> None:
        super().__init__(f"the {quantity} is not finite; the largest gradient is {largest} ({parameter})")
        self.quantity = quantity
        self.parameter = parameter
        self.largest = largest
