"""Names of a spec: what is declared where, what each file may see, what a misspelt name may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dartsl.lang.codes import e02
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.codes.suggestions import MAX_SUGGESTIONS, close
from dartsl.lang.records.inputs import INPUTS
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax import foreign, library
from dartsl.lang.syntax.ast import (
    AliasDecl,
    CellDecl,
    Declaration,
    ExternDecl,
    File,
    Import,
    InputItem,
    Name,
    NetworkDecl,
    NodeItem,
    OpDecl,
    OpsDecl,
    Parameter,
    SettingsDecl,
)

RESERVED: Mapping[str, str] = {
    **dict.fromkeys(MERGES, "a built-in merge"),
    "scan": "what runs a recurrent cell",
    **{word: f"the input of a network of {takes.kind}" for word, takes in INPUTS.items() if takes.since == 1},
    "C": "the width asked for",
    "stride": "the stride asked for",
}
# What version 2 keeps for itself as well; files of version 1 may use these as names.
RESERVED_2: Mapping[str, str] = {
    **{word: f"the input of a network of {takes.kind}" for word, takes in INPUTS.items() if takes.since > 1},
    "Cin": "the width that reaches a body",
    "shape": "what a body does to its width and size",
}


LAYER = re.compile(r"layer\d+")


def meaning(name: Name) -> str | None:
    """What a name is, where the version of its file reserves it; else None."""
    later = RESERVED_2.get(name.id) if name.span.source.version > 1 else None
    return RESERVED.get(name.id, later)


NamedDecl = OpDecl | ExternDecl | OpsDecl | CellDecl | AliasDecl


_NOUNS: Mapping[type[NamedDecl | NetworkDecl], str] = {
    OpDecl: "operation",
    ExternDecl: "operation",
    OpsDecl: "choice",
    CellDecl: "cell",
    AliasDecl: "cell",
    NetworkDecl: "network",
}


def noun(declaration: NamedDecl | NetworkDecl) -> str:
    """What a declaration declares, in one word."""
    return _NOUNS[type(declaration)]


LATER = frozenset(name for name, primitive in PRIMITIVES.items() if primitive.since > 1)


def since(name: str) -> int:
    """The version of the language from which on a primitive is there; 1 for any other name."""
    return PRIMITIVES[name].since if name in PRIMITIVES else 1


def place(span: Span) -> str:
    """`std/cnn.darts:7`"""
    return f"{span.source.name}:{span.position[0]}"


def reserved(name: Name, allowed: tuple[str, ...] = ()) -> Diagnostic | None:
    """E0203 where a declaration takes a name that the language keeps for itself."""
    kept = meaning(name)
    if kept is None or name.id in allowed:
        return None
    return e02.reserved(name.span, name.id, kept)


def check_parameters(parameters: Iterable[Parameter], allowed: tuple[str, ...] = ()) -> list[Diagnostic]:
    """Reserved and repeated names among the parameters of one declaration."""
    faults: list[Diagnostic] = []
    first: dict[str, Name] = {}
    for parameter in parameters:
        name = parameter.name
        if (fault := reserved(name, allowed)) is not None:
            faults.append(fault)
        if name.id in first:
            faults.append(e02.defined_twice(f"parameter `{name.id}`", name.span, first[name.id].span))
        else:
            first[name.id] = name
    return faults


@dataclass
class Symbols:
    """The two global namespaces of a spec, and which file can see which.

    `names` holds ops, extern ops, `ops` and cells; `networks` is a namespace of its own. Imports are flat: a
    file sees what it imports and what those files import. `incomplete` says that an import was not read, so
    that an unknown name may be no fault of its own; `doubled` has the kinds of things of which one is defined
    twice, so that one of the two may have been meant to be the unknown one.
    """

    names: dict[str, NamedDecl] = field(default_factory=dict)
    networks: dict[str, NetworkDecl] = field(default_factory=dict)
    seen_by: dict[int, frozenset[int]] = field(default_factory=dict)  # id(Source) -> ids of visible sources
    incomplete: bool = False
    doubled: set[str] = field(default_factory=set)
    prelude: Source | None = None
    sought: int = 0

    def visible(self, span: Span, declaration: NamedDecl) -> bool:
        """Whether the file in which `span` stands sees the declaration."""
        seen = self.seen_by.get(id(span.source))
        return seen is None or id(declaration.span.source) in seen

    def find(self, name: Name) -> NamedDecl | None:
        """The declaration that a name means where it stands; None if there is none."""
        found = self.names.get(name.id)
        if found is None or not self.visible(name.span, found):
            return None
        return None if self.builtin(found) and since(name.id) > name.span.source.version else found

    def builtin(self, declaration: NamedDecl | None) -> bool:
        """Whether an operation is one of the prelude's."""
        return isinstance(declaration, ExternDecl) and declaration.span.source is self.prelude

    def unknown(self, name: Name, what: str, kinds: tuple[type[NamedDecl], ...]) -> Diagnostic | None:
        """E0201 for a global name; None where it may follow from another mistake."""
        if self.incomplete:
            return None
        hidden = self.names.get(name.id)
        later = since(name.id) > name.span.source.version
        if hidden is not None and not later:
            declared = f"`{name.id}` is declared in {place(hidden.name.span)}: import that file"
            return e02.unknown(name.span, what, name.id, help=declared)
        shipped, declaration = library.declared().get(name.id, ("", None))
        if isinstance(declaration, kinds):
            wanted = f'add `import "{shipped}"` at the top of the file'
            return e02.unknown(name.span, what, name.id, f"defined in {shipped}", wanted, shipped)
        suggested = self._suggestion(name, kinds)
        if suggested is None and self.doubled.intersection(_NOUNS[kind] for kind in kinds):
            return None
        form = "cell {} = ..." if CellDecl in kinds else "op {} = ..."
        declare = f"declare it, `{form.format(name.id)}`, or import the file that does"
        help = suggested or (declare if what != "name" else None)
        return e02.unknown(name.span, what, name.id, help=help)

    def _suggestion(self, name: Name, kinds: tuple[type[NamedDecl], ...]) -> str | None:
        """What an unknown name may have been meant for."""
        if OpDecl in kinds and name.span.source.version > 1:
            if (advice := foreign.later_operation(name.id)) is not None:
                return advice
            if (near := close(name.id, PRIMITIVES)) in LATER:
                return f"did you mean `{near}`? ({place(self.names[near].name.span)})"
        advice = foreign.operation(name.id) if OpDecl in kinds else foreign.cell(name.id)
        if OpDecl in kinds and (newer := _newer(name)) is not None:
            return newer if advice is None else f"{newer}; in `darts 1`, {advice}"
        if advice is not None:
            return advice
        self.sought += 1
        if self.sought > MAX_SUGGESTIONS:
            return None
        known = [n for n, d in self.names.items() if isinstance(d, kinds) and self.visible(name.span, d)]
        near = close(name.id, known)
        if near is not None:
            return f"did you mean `{near}`? ({place(self.names[near].name.span)})"
        others = {n: file for n, (file, d) in library.declared().items() if isinstance(d, kinds)}
        near = close(name.id, others)
        return f'did you mean `{near}`? It needs `import "{others[near]}"`' if near else None


def _newer(name: Name) -> str | None:
    """What `darts 2` has for the name of an operation that a file of `darts 1` lacks."""
    if name.span.source.version > 1:
        return None
    if name.id == "shape":
        return "`shape` needs `darts 2` at the top of the file"
    spelt = {foreign.plain(each): each for each in LATER}.get(foreign.plain(name.id))
    if spelt is not None:
        return f"`{spelt}` needs `darts {since(spelt)}` at the top of the file"
    advice = foreign.later_operation(name.id) or ""
    return f"{advice}, which needs `darts 2` at the top of the file" if advice.startswith("write `") else None


def _is_layer(declaration: Declaration) -> bool:
    """Whether a cell has the name of a layer, as layers that offer a choice have in `darts 2`."""
    return isinstance(declaration, CellDecl | AliasDecl) and LAYER.fullmatch(declaration.name.id) is not None


def _reserved_later(name: Name) -> str | None:
    """What a later version of the language than that of its file keeps a declared name for."""
    version = name.span.source.version
    if version == 1 and name.id in RESERVED_2:
        return RESERVED_2[name.id]
    return "an operation" if since(name.id) > version else None


def reserved_later(file: File) -> list[tuple[Name, str]]:
    """The names that a file defines and a later version of the language keeps for itself, with what they are there."""
    names = [d.name for d in file.declarations if not isinstance(d, SettingsDecl | NetworkDecl)]
    found = [(name, what) for name in names if (what := _reserved_later(name)) is not None]
    for declaration in file.declarations:
        if isinstance(declaration, CellDecl | AliasDecl) and _is_layer(declaration):
            found.append((declaration.name, "a layer of a network"))
        words = [each.name for each in getattr(declaration, "parameters", ())]
        for item in declaration.items if isinstance(declaration, CellDecl) else ():
            if isinstance(item, InputItem | NodeItem):
                words += [name for name in item.names if isinstance(name, Name)]
        found += [(word, RESERVED_2[word.id]) for word in words if word.id in RESERVED_2]
    return found


def reserved_names(item: Import, files: Iterable[File], version: int) -> list[Diagnostic]:
    """E0203 for the names that files of an earlier version define, which an import brings in and the version of the
    importing file keeps for itself."""
    return [
        e02.reserved_later(item.path.span, name.id, name.span, place(name.span), what, version)
        for file in files
        if file.version < version
        for name, what in reserved_later(file)
    ]


def declare(files: Iterable[File], symbols: Symbols) -> list[Diagnostic]:
    """Fill the namespaces of `symbols`, the first declaration of a name winning (E0202, E0203)."""
    faults: list[Diagnostic] = []
    for file in files:
        for declaration in file.declarations:
            faults += _declare(declaration, symbols)
    return faults


def _declare(declaration: Declaration, symbols: Symbols) -> list[Diagnostic]:
    if isinstance(declaration, NetworkDecl):
        faults = check_parameters(declaration.parameters, ("C",))
        first: NamedDecl | NetworkDecl = symbols.networks.setdefault(declaration.name.id, declaration)
    elif isinstance(declaration, OpDecl | ExternDecl | OpsDecl | CellDecl | AliasDecl):
        faults = check_parameters(getattr(declaration, "parameters", ()))
        if (fault := reserved(declaration.name)) is not None:
            return [*faults, fault]
        if _is_layer(declaration) and declaration.span.source.version > 1:
            faults.append(e02.called_as_a_layer(declaration.name.span, declaration.name.id))
        first = symbols.names.setdefault(declaration.name.id, declaration)
        if _reserved_later(declaration.name) is not None and symbols.builtin(
            symbols.names[declaration.name.id]
        ):
            return faults  # reported where it is imported
    else:
        return []
    if first is not declaration:
        symbols.doubled.add(noun(declaration))
        what = f"{noun(declaration)} `{declaration.name.id}`"
        faults.append(e02.defined_twice(what, declaration.name.span, first.name.span))
    return faults
