"""What is not finite, and where: a flag that stays on the device, or an error at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dartsl.lang.codes.diagnostics import Error
from dartsl.nn.placing import wide_type

Blame = Callable[[], tuple[str, float]]


class NonFiniteError(Error):
    """A loss or a gradient that is not finite: which, and the largest gradient with its parameter."""

    def __init__(self, quantity: str, parameter: str, largest: float) -> None:
        super().__init__(quantity, parameter, largest)
        self.quantity = quantity
        self.parameter = parameter
        self.largest = largest

    def __str__(self) -> str:
        return f"the {self.quantity} is not finite; the largest gradient is {self.largest} ({self.parameter})"


class Finite:
    """Requires numbers to be finite.

    A number that is not raises NonFiniteError `at_once`, for which the host waits for the device at each of them; or it
    sets a flag on the device, which `take` reads when it is convenient: once in several steps.
    """

    def __init__(self, at_once: bool = True) -> None:
        self.at_once = at_once
        self._bad: Tensor | None = None

    def require(self, quantity: str, number: Tensor, blame: Blame) -> None:
        """`number`, (), is that of a `quantity`; `blame` finds the parameter with the largest gradient, and its size.

        Raises NonFiniteError where that is to be at once.
        """
        if self.at_once:
            if not math.isfinite(number.item()):
                raise NonFiniteError(quantity, *blame())
            return
        self.add(number.detach().isfinite().logical_not_())  # ()

    def add(self, bad: Tensor | None) -> None:
        """Take a flag, (), into account: one that `hand_over` gave."""
        if bad is not None:
            self._bad = bad if self._bad is None else self._bad.logical_or_(bad)

    def hand_over(self) -> Tensor | None:
        """The flag, (), or None where no number was looked at; as if none had been from now on."""
        bad, self._bad = self._bad, None
        return bad

    def take(self) -> bool:
        """Whether all numbers since the last call were finite. The host waits for the device."""
        bad = self.hand_over()
        return bad is None or not bool(bad)

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Within it, errors come at once."""
        before, self.at_once = self.at_once, True
        try:
            yield
        finally:
            self.at_once = before


AT_ONCE = Finite()


def largest_gradient(
    named: Iterable[tuple[str, nn.Parameter]], parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]
) -> tuple[str, float]:
    """The parameter, as the spec names it, with the largest gradient, and its size; NaN is the largest."""
    names = {id(parameter): name for name, parameter in named}
    sizes = [float(gradient.detach().abs().max()) for gradient in gradients if gradient.numel()]
    if not sizes:
        return "no parameter", 0.0
    place = max(range(len(sizes)), key=lambda i: math.inf if math.isnan(sizes[i]) else sizes[i])
    name = names.get(id(parameters[place]), "an unnamed parameter")
    return name.removeprefix("network."), sizes[place]


def no_parameter() -> tuple[str, float]:
    """What is to blame where no gradient was taken."""
    return "no parameter (none was taken)", 0.0


def wide(number: Tensor) -> Tensor:
    """A number in the type in which sums are kept."""
    return number.detach().to(wide_type(number.device))


def quotient(numerator: float, denominator: Tensor) -> Tensor:
    """A number by a tensor, (), divided once (torch's `/` multiplies by the reciprocal, which rounds twice)."""
    return torch.full_like(denominator, numerator) / denominator
