"""What a caller hears of a run while it goes on, and how it stops one. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dartsl.lang.codes.diagnostics import UserError


@dataclass(frozen=True)
class Step:
    """A step that is done.

    run    the run's folder
    epoch  whose step it is, from 1
    step   its number in the epoch, from 1, of `steps`
    """

    run: Path
    epoch: int
    step: int
    steps: int
    _read: Callable[[], Mapping[str, float | None]] = field(repr=False, compare=False)

    @cached_property
    def figures(self) -> Mapping[str, float | None]:
        """The figures of the epoch so far, by name. Asked for within the callback; a GPU is waited for only then."""
        return dict(self._read())


@dataclass(frozen=True)
class Epoch:
    """An epoch that is done and saved.

    run      the run's folder
    epoch    its number, from 1, of `epochs`
    figures  the row of `history.jsonl`: losses, accuracies, learning rate, seconds
    """

    run: Path
    epoch: int
    epochs: int
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Callbacks:
    """Called after each step and each epoch. One that returns True stops the run, which is saved and can go on."""

    on_step: Callable[[Step], object] | None = None
    on_epoch: Callable[[Epoch], object] | None = None

    def __post_init__(self) -> None:
        """Raises UserError for what cannot be called."""
        for name, callback in (("on_step", self.on_step), ("on_epoch", self.on_epoch)):
            if callback is not None and not callable(callback):
                kind = type(callback).__name__
                raise UserError(f"`{name}` is a value of the type {kind}, and not a function", exit_code=2)


SILENT = Callbacks()


@dataclass(frozen=True)
class Ending:
    """How a run ended: with its last step; or stopped and saved, by Ctrl-C (`interrupted`), a callback, or the error
    (`fault`) of one. Ctrl-C after the last step finds it finished, and interrupted for what the caller does next."""

    finished: bool
    interrupted: bool = False
    fault: BaseException | None = None

    def checked(self) -> Ending:
        """The same. Raises the error of a callback, as it is."""
        if self.fault is not None:
            raise self.fault
        return self


@dataclass(frozen=True)
class Answer:
    """What a callback says: whether to stop, and the error that it raised."""

    stop: bool = False
    fault: BaseException | None = None


def answer_of(callback: Callable[[Any], object] | None, event: Step | Epoch) -> Answer:
    """What a callback says to an event. KeyboardInterrupt comes through: a second Ctrl-C stops at once."""
    if callback is None:
        return Answer()
    try:
        return Answer(stop=_is_true(callback(event)))
    except (Exception, SystemExit) as fault:
        return Answer(stop=True, fault=fault)


def _is_true(answer: Any) -> bool:
    """Whether it is True, or that of NumPy or torch, which a comparison of their numbers gives."""
    if answer is True:
        return True
    single = getattr(answer, "ndim", None) == 0 and "bool" in str(getattr(answer, "dtype", ""))
    return single and bool(answer)
