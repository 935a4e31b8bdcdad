"""One mistake that is made again and again: how it looks, and what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# What starts a statement.
KEYWORDS = r"(?:import|op|extern|ops|cell|network|search|train|input|node|edge|output|stem|stage|head)\b"
CONTEXT = 200  # characters on each side of a fault that a pattern may look at


@dataclass(frozen=True)
class Site:
    """Where the parser stopped.

    `where` names the statement that is open: `op`, `cell` (its first line), `cell edge`, `network stage`; or,
    between two statements, `top`, `in cell`, `in network`, `in search`, `in train`. `before` is the text before
    the fault, from the start of the statement, and `after` the text from the fault on, each cut to CONTEXT
    characters. `blank` counts the characters from the end of the last token to the fault.
    """

    where: str
    before: str
    after: str
    blank: int = 0


@dataclass(frozen=True)
class Finding:
    """What a slip says of a site; `start` and `end` are the marked characters, relative to the fault."""

    start: int
    end: int
    slip: Slip
    label: str
    help: str | None
    title: str


@dataclass(frozen=True)
class Slip:
    """A pattern of a mistake, and its remedy.

    `at` must match the text from the fault on, and `before` the end of the text before it; `where` must match
    the whole name of the place. The groups called `m` of both are marked, or else what `at` matches; a slip
    that is `ends` marks the place where the text before the fault ends, since what is missing is missing
    there. `label`, `help` and `title` are filled with the named groups, `{m}` with the marked text. What stands
    after a slip is skipped to the next keyword that starts a statement, or with its whole `line`, or `block` of
    braces.
    """

    at: str
    help: str
    before: str = ""
    where: str = ".*"
    label: str = ""
    title: str = ""
    ends: bool = False
    skip: Literal["", "line", "block"] = ""

    def fits(self, site: Site) -> Finding | None:
        """What this slip says of a site; None where it is another mistake."""
        if not re.fullmatch(self.where, site.where):
            return None
        after = re.match(self.at, site.after)
        before = re.search(rf"(?:{self.before})\Z", site.before)
        if after is None or before is None:
            return None
        start, end = self._marked(site, before, after)
        words = {name: text or "" for name, text in {**before.groupdict(), **after.groupdict()}.items()}
        words["m"] = (site.before + site.after)[len(site.before) + start : len(site.before) + end]
        label, help, title = (text.format_map(words) for text in (self.label, self.help, self.title))
        return Finding(start, max(start, end), self, label, help or None, title)

    def _marked(self, site: Site, before: re.Match[str], after: re.Match[str]) -> tuple[int, int]:
        if self.ends:
            return -site.blank, -site.blank
        start = before.start("m") - len(site.before) if before.groupdict().get("m") is not None else 0
        end = after.end("m") if after.groupdict().get("m") is not None else after.end()
        if start < 0 and end == 0:  # all that is marked stands before the fault
            end = before.end("m") - len(site.before)
        return start, end
