"""What mends a fault: the edits that its help asks for. `dartsl check --fix` and editors make them.

They are read from the words of the help, which say each remedy in one way only, so that what is offered to a reader
and what is done for him cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from dartsl.lang.checker import Report, diagnose
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import HEADER, Source, Span
from dartsl.lang.syntax.foreign import plain

ROUNDS = 20  # of mending and checking again: what a mistake hides is found once it is mended
_NEAR = re.compile(r"did you mean `([^`]+)`\?")
_HERE = re.compile(r"\Awrite `(\w+)`\Z")  # what a name of other tools is called here
_MISSING = re.compile(r'(?:add|It needs) `import "([^"]+)"`')
_PATH = re.compile(
    r'a (?:shipped spec is imported without `\./`:|file beside this one is imported as) `import "([^"]+)"`'
)
_QUOTED = re.compile(r"`([^`]+)`")
_IMPORTS = re.compile(r'(?:(?:[ \t\r\n]++|#[^\n]*+)*+import[ \t\r\n]*"[^"\r\n]*")+')
_OF_IMPORTS = ("E0202", "E0203", "E0205", "E0209")  # what a new import may bring


@dataclass(frozen=True)
class Edit:
    """A text that takes the place of another one."""

    span: Span
    text: str


@dataclass(frozen=True)
class Fix:
    """The edits that mend one fault. It is `safe` where nothing else can have been meant."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool


def fix_of(fault: Diagnostic) -> Fix | None:
    """What mends a fault in its own file; None where that is left to its author."""
    help, span = fault.help or "", fault.primary.span
    near, missing, path = _NEAR.search(help) or _HERE.match(help), _MISSING.search(help), _PATH.search(help)
    if path is not None:
        return Fix(f'import "{path[1]}"', (Edit(span, f'"{path[1]}"'),), True)
    edits: list[Edit] = []
    title, safe = [], True
    if near is not None:
        word = _word(fault)
        edits += _replacements(fault, word, near[1])
        if not edits:
            return None
        title.append(f"change to `{near[1]}`")
        safe = plain(word) == plain(near[1])
    if missing is not None:
        edits.append(import_edit(span.source, missing[1]))
        title.append(f'add `import "{missing[1]}"`')
    return Fix(" and ".join(title), tuple(edits), safe) if edits else None


def _word(fault: Diagnostic) -> str:
    """The word that is wrong: the last one that the title quotes, if it stands at the fault's place; else all there."""
    text = fault.primary.span.text
    quoted = _QUOTED.findall(fault.title)
    return quoted[-1] if quoted and quoted[-1] in text else text.strip('"')


def _replacements(fault: Diagnostic, word: str, near: str) -> list[Edit]:
    """Edits of the fault's place, and of the other places of the same mistake."""
    first = fault.primary.span
    near = near.removeprefix('import "').removesuffix('"')
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", first.text)
    if not word or found is None:
        return []
    spans = dict.fromkeys(
        label.span
        for label in (fault.primary, *fault.secondary)
        if label.span.source is first.source and label.span.text == first.text
    )
    return [
        Edit(Span(span.source, span.start + found.start(), span.start + found.end()), near) for span in spans
    ]


def import_edit(source: Source, name: str) -> Edit:
    """An import more, after the others, or below the header."""
    header = HEADER.match(source.text)
    place = header.end() if header else 0
    others = _IMPORTS.match(source.text, place)
    place = others.end() if others else place
    line_end = source.text.find("\n", place)
    line_end = len(source.text) if line_end < 0 else line_end
    rest = source.text[place:line_end].strip()
    whole = not rest or rest.startswith("#")
    text = f'{chr(10) * (1 if others else 2)}import "{name}"' + ("" if whole else "\n")
    place = line_end if whole else place
    return Edit(Span(source, place, place), text)


def edited(text: str, edits: Iterable[Edit]) -> str:
    """A text after edits; of those that overlap, and of equal ones, the first counts."""
    chosen: list[Edit] = []
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.span.start, edit.span.end)):
        if not chosen or edit.span.start >= chosen[-1].span.end:
            chosen.append(edit)
    for edit in reversed(chosen):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def mended(source: Source) -> tuple[Source, int]:
    """A text after all its safe fixes, and how many these were.

    It is checked again after each round, since one mistake may hide others; a round whose imports bring in faults of
    their own is taken back.
    """
    report, done = diagnose(source), 0
    for _ in range(ROUNDS):
        fixes = [fix for fault in report.diagnostics if (fix := _safe(fault, source)) is not None]
        text = edited(source.text, (edit for fix in fixes for edit in fix.edits))
        if text == source.text:
            break
        after = replace(source, text=text)
        found = diagnose(after)
        if _brought(found) > _brought(report):
            break
        source, report, done = after, found, done + len(fixes)
    return source, done


def _safe(fault: Diagnostic, source: Source) -> Fix | None:
    fix = fix_of(fault) if fault.primary.span.source is source else None
    return fix if fix is not None and fix.safe else None


def _brought(report: Report) -> int:
    return sum(fault.code in _OF_IMPORTS for fault in report.diagnostics)
