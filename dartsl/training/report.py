"""What a training and an evaluation say at their end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Protocol

from dartsl.run.commands import command_line
from dartsl.training.measured import Interval, Range, Tested, TextMeasured


class Result(Protocol):
    """What the report needs of a training's result."""

    @property
    def path(self) -> Path: ...

    @property
    def parameters(self) -> int: ...

    @property
    def auxiliary_parameters(self) -> int: ...

    @property
    def test(self) -> Tested | None: ...


def trained_report(result: Result, closing: Sequence[str]) -> str:
    """The end of a training: the last epoch's weights count, and the test data were looked at once.

    `closing` are the session's own lines, about what it was trained on and how far it came.
    """
    lines = ["", f"parameters  {result.parameters:,}{_with_head(result)}", *closing]
    if result.test is not None:
        lines += test_lines(result.test)
    lines += ["", f"run folder  {result.path}", f"next        {command_line('dartsl', 'eval', result.path)}"]
    return "\n".join(lines)


def _with_head(result: Result) -> str:
    head = result.auxiliary_parameters
    return (
        f" ({result.parameters + head:,} with the auxiliary head, which training alone has)" if head else ""
    )


def test_lines(test: Tested) -> list[str]:
    """The test error, or loss and perplexity, with its interval."""
    if isinstance(test, TextMeasured):
        return [
            f"test        perplexity {range_text(test.perplexity_range, 3)}",
            f"            loss {range_text(test.loss_range, 4)} on {test.tokens:,} predictions",
            f"95 %        normal, over the mean losses of {test.windows:,} windows, taken as independent",
        ]
    lines = [f"test error  {interval_text(test.top1)} on {test.images:,} {test.of}"]
    if test.top5 is not None:
        lines.append(f"top 5       {interval_text(test.top5)}")
    lines += [f"{name:<11} {value:.4f}" for name, value in test.metrics.items()]
    return lines


def seeds_report(tests: Sequence[Tested], path: Path) -> str:
    """Mean and deviation of the test errors, or perplexities, of several seeds."""
    figures = [test.perplexity if isinstance(test, TextMeasured) else 100 * test.top1.error for test in tests]
    text = isinstance(tests[0], TextMeasured)
    what, digits, unit = ("perplexity", 3, "") if text else ("test errors", 2, " %")
    each = ", ".join(f"{figure:.{digits}f}{unit}" for figure in figures)
    spread = f" +- {stdev(figures):.{digits}f}" if len(figures) > 1 else ""
    return "\n".join(
        [
            "",
            f"{what:<11}  {each}",
            f"mean         {mean(figures):.{digits}f}{spread}{unit} over {len(figures)} seeds (+-: standard deviation)",
            f"run folders  {path}",
        ]
    )


def interval_text(found: Interval) -> str:
    """As `2.76 % (95 %: 2.46 to 3.10)`."""
    return f"{_percent(found.error)} (95 %: {100 * found.low:.2f} to {100 * found.high:.2f})"


def range_text(found: Range, digits: int) -> str:
    """As `3.412 (95 %: 3.380 to 3.445)`; without the interval where it is unknown."""
    if found.low is None or found.high is None:
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f} (95 %: {found.low:.{digits}f} to {found.high:.{digits}f})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
