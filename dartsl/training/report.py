"""What a training and an evaluation say at their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Protocol

from dartsl.run.commands import command_line
from dartsl.training.intervals import interval_text, range_text
from dartsl.training.measured import Measured, Tested, TextMeasured
from dartsl.training.numbers import NumbersMeasured, lines_of


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
    """The test error, or loss and perplexity, or what was measured of numbers, with intervals."""
    if isinstance(test, TextMeasured):
        return [
            f"test        perplexity {range_text(test.perplexity_range, '.3f')}",
            f"            loss {range_text(test.loss_range, '.4f')} on {test.tokens:,} predictions",
            f"95 %        normal, over the mean losses of {test.windows:,} windows, taken as independent",
        ]
    if isinstance(test, NumbersMeasured):
        return lines_of(test)
    lines = [f"test error  {interval_text(test.top1)} on {test.images:,} {test.of}"]
    if test.top5 is not None:
        lines.append(f"top 5       {interval_text(test.top5)}")
    lines += [f"{name:<11} {value:.4f}" for name, value in test.metrics.items()]
    return lines


def seeds_report(tests: Sequence[Tested], path: Path) -> str:
    """Mean and deviation of the test errors, perplexities or mean squared errors of several seeds."""
    figures = [_figure(test) for test in tests]
    what, digits, unit = _NAMES[type(tests[0])]
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


_NAMES: Mapping[type[Tested], tuple[str, int, str]] = {
    TextMeasured: ("perplexity", 3, ""),
    NumbersMeasured: ("mean squared errors", 4, ""),
    Measured: ("test errors", 2, " %"),
}


def _figure(test: Tested) -> float:
    """What is reported of a seed, lower is better."""
    if isinstance(test, TextMeasured):
        return test.perplexity
    return test.mse.value if isinstance(test, NumbersMeasured) else 100 * test.top1.error
