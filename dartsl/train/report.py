"""What a training and an evaluation say at their end."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Protocol

from dartsl.train.evaluation import Interval, Measured


class Result(Protocol):
    """What the report needs of a training's result."""

    @property
    def path(self) -> Path: ...

    @property
    def parameters(self) -> int: ...

    @property
    def auxiliary_parameters(self) -> int: ...

    @property
    def test(self) -> Measured | None: ...


def trained_report(result: Result, last: Mapping[str, Any], counts: tuple[int, int, int]) -> str:
    """The end of a training: the last epoch's weights count, and the test images were looked at once."""
    lines = [
        "",
        f"parameters  {result.parameters:,}{_with_head(result)}",
        f"trained on  {counts[0]:,} images, {last['epoch']} epochs; the weights are those of the last one",
    ]
    watched = last["watched"]
    if watched:
        lines.append(f"watched     {counts[1]:,} images apart, error {_percent(1 - watched['val_acc'])}")
    if result.test is not None:
        lines += test_lines(result.test)
    folder = shlex.quote(str(result.path))
    lines += ["", f"run folder  {result.path}", f"next        dartsl eval {folder}"]
    return "\n".join(lines)


def _with_head(result: Result) -> str:
    head = result.auxiliary_parameters
    return (
        f" ({result.parameters + head:,} with the auxiliary head, which training alone has)" if head else ""
    )


def test_lines(test: Measured) -> list[str]:
    """The test error, with its interval."""
    lines = [f"test error  {interval_text(test.top1)} on {test.images:,} images"]
    if test.top5 is not None:
        lines.append(f"top 5       {interval_text(test.top5)}")
    return lines


def seeds_report(errors: Sequence[float], path: Path) -> str:
    """Mean and deviation of the test errors of several seeds."""
    each = ", ".join(_percent(error) for error in errors)
    spread = f" +- {100 * stdev(errors):.2f}" if len(errors) > 1 else ""
    return "\n".join(
        [
            "",
            f"test errors  {each}",
            f"mean         {100 * mean(errors):.2f}{spread} % over {len(errors)} seeds (+-: standard deviation)",
            f"run folders  {path}",
        ]
    )


def interval_text(found: Interval) -> str:
    """As `2.76 % (95 %: 2.46 to 3.10)`."""
    return f"{_percent(found.error)} (95 %: {100 * found.low:.2f} to {100 * found.high:.2f})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
