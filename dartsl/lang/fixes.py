"""What mends a fault: the edits that its help asks for. `dartsl check --fix` and editors make them.

They are read from the words of the help, which say each remedy in one way only, so that what is offered to a reader
and what is done for him cannot differ. A fix is safe where nothing else can have been meant: an import that is missing,
a name that differs in case or underscores alone, and one with a single slip of the keyboard, in no digit, of at least
MIN_LETTERS, that no other name of the spec, of the library, of the language or of the settings is as near to. Values of
settings and paths are no names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, fields, replace

from dartsl.lang.checker import Report, diagnose
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import HEADER, Source, Span
from dartsl.lang.codes.suggestions import one_slip
from dartsl.lang.settings.values import CONFIGS
from dartsl.lang.syntax import library
from dartsl.lang.syntax.ast import File
from dartsl.lang.syntax.foreign import plain
from dartsl.lang.syntax.grammar import keywords
from dartsl.lang.syntax.loader import Reader, load, read_file

MIN_LETTERS = 4
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
    """The edits that mend one fault. It is `safe` where nothing else can have been meant; else `doubt` says why not."""

    title: str
    edits: tuple[Edit, ...]
    doubt: str = ""

    @property
    def safe(self) -> bool:
        return not self.doubt


def known_names(files: Iterable[File]) -> frozenset[str]:
    """All that a misspelt word in the files of a spec can have meant."""
    read = tuple(files)
    settings = (each.name for config in CONFIGS.values() for each in fields(config))
    own = library.names(each for file in read for each in (*file.imports, *file.declarations))
    return frozenset((*own, *keywords(), *settings, *library.declared()))


def fix_of(fault: Diagnostic, known: Set[str] = frozenset()) -> Fix | None:
    """What mends a fault in its own file, whose `known_names` are given; None where that is left to its author."""
    help, span = fault.help or "", fault.primary.span
    near, missing, path = _NEAR.search(help) or _HERE.match(help), _MISSING.search(help), _PATH.search(help)
    if path is not None:
        return Fix(f'import "{path[1]}"', (Edit(span, f'"{path[1]}"'),))
    edits: list[Edit] = []
    title, doubt = [], ""
    if near is not None:
        word = _word(fault)
        edits += _replacements(fault, word, near[1])
        if not edits:
            return None
        title.append(f"change to `{near[1]}`")
        doubt = _doubt(word, near[1], known)
    if missing is not None:
        edits.append(import_edit(span.source, missing[1]))
        title.append(f'add `import "{missing[1]}"`')
    return Fix(" and ".join(title), tuple(edits), doubt) if edits else None


def _doubt(word: str, near: str, known: Set[str]) -> str:
    """Why another name than the near one may have been meant; nothing where it cannot."""
    if plain(word) == plain(near):
        return ""
    if near not in known:
        return "values and paths are left to their author"
    if not one_slip(word, near):
        return "it differs in a digit, or in more than one letter"
    if len(near) < MIN_LETTERS:
        return "the name is short"
    others = [f"`{name}`" for name in sorted(known) if name not in (word, near) and one_slip(word, name)]
    return f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} as near" if others else ""


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


@dataclass(frozen=True)
class Mended:
    """A text after all its safe fixes, how many these were, and what is left: each fault, its fix where one is known,
    and why it was not made."""

    source: Source
    count: int
    left: tuple[tuple[Diagnostic, Fix | None, str], ...]


def mended(source: Source, read: Reader = read_file) -> Mended:
    """Make all the safe fixes of a text. `read` gives the texts that it imports.

    It is checked again after each round, since one mistake may hide others; a round whose imports bring in faults of
    their own is taken back.
    """
    (report, fixes), done, taken_back = _fixes(source, read), 0, False
    for _ in range(ROUNDS):
        safe = [fix for _, fix in fixes if fix is not None and fix.safe]
        text = edited(source.text, (edit for fix in safe for edit in fix.edits))
        if text == source.text:
            break
        after = replace(source, text=text)
        found, following = _fixes(after, read)
        taken_back = _brought(found) > _brought(report)
        if taken_back:
            break
        source, report, fixes, done = after, found, following, done + len(safe)
    return Mended(source, done, tuple((fault, fix, _why(fix, taken_back)) for fault, fix in fixes))


def _fixes(source: Source, read: Reader) -> tuple[Report, list[tuple[Diagnostic, Fix | None]]]:
    """What is wrong with a spec, and the fixes of what is wrong in its own text."""
    loaded = load(source, read)
    report = diagnose(source, loaded)
    known = known_names(loaded.files)
    own = (fault for fault in report.diagnostics if fault.primary.span.source is source)
    return report, [(fault, fix_of(fault, known)) for fault in own]


def _why(fix: Fix | None, taken_back: bool) -> str:
    """Why a fault is left."""
    if fix is None:
        return "no fix is known"
    return fix.doubt or (
        "what it imports has faults of its own here" if taken_back else "other fixes come first"
    )


def _brought(report: Report) -> int:
    return sum(fault.code in _OF_IMPORTS for fault in report.diagnostics)
