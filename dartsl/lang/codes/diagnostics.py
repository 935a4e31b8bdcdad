"""One record for every fault, whoever finds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from dartsl.lang.codes.source import Source, Span


@dataclass(frozen=True)
class Code:
    """The meaning of a code: a title, paragraphs, and an example (spec text) that shows fault and remedy."""

    title: str
    explanation: str
    example: str = ""


@dataclass(frozen=True)
class Label:
    """A span with the words that stand under it (which may be empty)."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """A fault in a spec: what (`title`), where (`primary`), why (`secondary`, also in other files), what next.

    `code` is a key of `dartsl.lang.codes.table.CODES`; one that starts with W is a warning. Diagnostics of one `group`
    are one mistake, made several times: `arranged` makes one report of them.
    """

    code: str
    title: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    help: str | None = None
    group: str = ""

    @property
    def severity(self) -> Literal["error", "warning"]:
        return "warning" if self.code.startswith("W") else "error"


MAX_PLACES = 8  # of one mistake that a report shows


def arranged(faults: Iterable[Diagnostic], order: Iterable[Source]) -> list[Diagnostic]:
    """One diagnostic a (code, primary span), the first found, and one a group, in order of file, line, column
    and code."""
    place: dict[int, int] = {}
    for source in order:
        place.setdefault(id(source), len(place))
    kept: dict[tuple[int, int, str, int], Diagnostic] = {}
    for fault in faults:
        span = fault.primary.span
        kept.setdefault((place.get(id(span.source), -1), span.start, fault.code, span.end), fault)
    return grouped(kept[key] for key in sorted(kept))


def grouped(faults: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics with one for each group: the first, with the places of the others."""
    groups: dict[object, list[Diagnostic]] = {}
    for number, fault in enumerate(faults):
        groups.setdefault(fault.group or number, []).append(fault)
    return [_merged(*group) for group in groups.values()]


def _merged(first: Diagnostic, *others: Diagnostic) -> Diagnostic:
    if not others:
        return first
    labels = [other.primary for other in others[: MAX_PLACES - 1]]
    if len(others) > len(labels):
        count = len(others) - len(labels)
        labels[-1] = replace(labels[-1], text=f"and in {count} more place{'s' * (count > 1)}")
    return replace(first, secondary=(*first.secondary, *labels))


class Error(Exception):
    """The base of all errors that dartsl raises on purpose. All of them can be copied and pickled."""


class SpecError(Error):
    """A spec that cannot be used; carries every diagnostic found, at least one of them an error.

    As text it is what `dartsl check` prints.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        return f"SpecError({', '.join(f'{each.code}: {each.title}' for each in self.diagnostics)!r})"

    def render(self, *, color: bool = False) -> str:
        """The diagnostics as text, with the lines they are about and what may help."""
        from dartsl.lang.codes.render import render

        return render(self.diagnostics, color=color)


class UserError(Error):
    """A mistake outside any spec (a file, data, a run folder): a message, a help line and an exit code."""

    def __init__(self, message: str, help: str | None = None, exit_code: int = 1) -> None:
        super().__init__(message, help, exit_code)
        self.message = message
        self.help = help
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.message
