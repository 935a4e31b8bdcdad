"""Passes in order, as text: `cse,fold,stack(limit=32768)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields

from dartsl.graph.passes.base import AS_BUILT, Pass
from dartsl.lang.codes.diagnostics import Error
from dartsl.lang.codes.suggestions import close

_TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|(\d+)|([(),=])|(\S))")
Token = tuple[int, str]  # where it starts, counted from 1, and what it is; the end of the text is ""


class PipelineError(Error, ValueError):
    """A text that is no pipeline: its column (from 1), and what is wrong there."""

    def __init__(self, column: int, reason: str, help: str | None = None) -> None:
        super().__init__(column, reason, help)
        self.column = column
        self.reason = reason
        self.help = help

    def __str__(self) -> str:
        return f"column {self.column}: {self.reason}"


def parse(text: str, known: Mapping[str, type[Pass]]) -> tuple[Pass, ...]:
    """The passes of a text. Raises PipelineError for what it cannot read, and for an order that does not hold."""
    found = [
        (match.start(match.lastindex or 0) + 1, match[match.lastindex or 0])
        for match in _TOKEN.finditer(text)
    ]
    tokens = [*found, (len(text) + 1, "")]
    places: list[int] = []
    passes: list[Pass] = []
    while tokens[0][1] or passes:
        places.append(tokens[0][0])
        passes.append(_pass(tokens, known))
        if not tokens[0][1]:
            break
        _expect(tokens, ",")
    for place, reason in faults(passes):
        raise PipelineError(places[place], reason)
    return tuple(passes)


def faults(passes: Iterable[Pass]) -> list[tuple[int, str]]:
    """The passes, by their places, that require what none in front of them ensures, or what one has ended."""
    held = AS_BUILT
    found = []
    for place, each in enumerate(passes):
        missing = each.requires - held
        if missing:
            found.append((place, f"{each.name} needs a graph that is {' and '.join(sorted(missing))}"))
        held = (held | each.ensures) - each.ends
    return found


def _pass(tokens: list[Token], known: Mapping[str, type[Pass]]) -> Pass:
    column, name = tokens.pop(0)
    if name not in known:
        near = close(name, known)
        reason = f"there is no pass `{name}`" if name.isidentifier() else "expected a pass"
        raise PipelineError(
            column, reason, f"did you mean `{near}`?" if near else f"one of {', '.join(known)}"
        )
    options: dict[str, int | bool] = {}
    if tokens[0][1] == "(":
        tokens.pop(0)
        kinds = {each.name: type(each.default) for each in fields(known[name])}
        while tokens[0][1] != ")" or options:
            _option(tokens, name, kinds, options)
            if tokens[0][1] == ")":
                break
            _expect(tokens, ",")
        tokens.pop(0)
    return known[name](**options)


def _option(
    tokens: list[Token], name: str, kinds: Mapping[str, type], options: dict[str, int | bool]
) -> None:
    """Reads `option=value` into `options`."""
    column, option = tokens.pop(0)
    if option not in kinds:
        accepted = f"it has {', '.join(kinds)}" if kinds else "it has no options: leave out the parentheses"
        raise PipelineError(column, f"`{name}` has no option `{option}`", accepted)
    if option in options:
        raise PipelineError(column, f"`{option}` is given twice")
    _expect(tokens, "=")
    column, value = tokens.pop(0)
    switches = {"true": True, "false": False}
    if kinds[option] is bool and value in switches:
        options[option] = switches[value]
    elif kinds[option] is int and value.isdecimal() and int(value) > 0:
        options[option] = int(value)
    else:
        wanted = "true or false" if kinds[option] is bool else "a whole number from 1"
        raise PipelineError(column, f"`{option}` of `{name}` is {wanted}, not `{value}`")


def _expect(tokens: list[Token], wanted: str) -> None:
    column, token = tokens.pop(0)
    if token != wanted:
        raise PipelineError(column, f"expected `{wanted}`" + (f", not `{token}`" if token else ""))
