"""Names of a spec: what is declared where, what each file may see, what a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.codes.suggestions import MAX_SUGGESTIONS, close
from dartsl.lang.records.inputs import INPUTS
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax import foreign, library
from dartsl.lang.syntax.ast import (
    AliasDecl,
    CellDecl,
    Declaration,
    ExternDecl,
    File,
    Name,
    NetworkDecl,
    OpDecl,
    OpsDecl,
    Parameter,
)

RESERVED: Mapping[str, str] = {
    **dict.fromkeys(MERGES, "a built-in merge"),
    "scan": "what runs a recurrent cell",
    **{word: f"the input of a network of {takes.kind}" for word, takes in INPUTS.items()},
    "C": "the width asked for",
    "stride": "the stride asked for",
}

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


def place(span: Span) -> str:
    """`std/cnn.darts:7`"""
    return f"{span.source.name}:{span.position[0]}"


def reserved(name: Name, allowed: tuple[str, ...] = ()) -> Diagnostic | None:
    """E0203 where a declaration takes a name that the language keeps for itself."""
    if name.id not in RESERVED or name.id in allowed:
        return None
    return Diagnostic(
        "E0203",
        f"`{name.id}` is reserved",
        Label(name.span, f"`{name.id}` is {RESERVED[name.id]}"),
        help=f"choose another name, for example `{name.id}_`",
    )


def defined_twice(what: str, again: Span, first: Span, *, here: str = "defined") -> Diagnostic:
    """E0202. `what` names the thing, for example "operation `f`"."""
    return Diagnostic(
        "E0202",
        f"{what} is {here} twice",
        Label(again, f"{here} again here"),
        (Label(first, f"first {here} here"),),
        "rename one of them" if here == "defined" else "remove one of them",
    )


def check_parameters(parameters: Iterable[Parameter], allowed: tuple[str, ...] = ()) -> list[Diagnostic]:
    """Reserved and repeated names among the parameters of one declaration."""
    faults: list[Diagnostic] = []
    first: dict[str, Name] = {}
    for parameter in parameters:
        name = parameter.name
        if (fault := reserved(name, allowed)) is not None:
            faults.append(fault)
        if name.id in first:
            faults.append(defined_twice(f"parameter `{name.id}`", name.span, first[name.id].span))
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
        return found if found is not None and self.visible(name.span, found) else None

    def builtin(self, declaration: NamedDecl | None) -> bool:
        """Whether an operation is one of the prelude's."""
        return isinstance(declaration, ExternDecl) and declaration.span.source is self.prelude

    def unknown(self, name: Name, what: str, kinds: tuple[type[NamedDecl], ...]) -> Diagnostic | None:
        """E0201 for a global name; None where it may follow from another mistake."""
        if self.incomplete:
            return None
        hidden = self.names.get(name.id)
        title = f"unknown {what} `{name.id}`"
        nowhere = Label(name.span, "not defined here or in any import")
        if hidden is not None:
            declared = f"`{name.id}` is declared in {place(hidden.name.span)}: import that file"
            return Diagnostic("E0201", title, nowhere, help=declared)
        shipped, declaration = library.declared().get(name.id, ("", None))
        if isinstance(declaration, kinds):
            label = Label(name.span, f"defined in {shipped}")
            wanted = f'add `import "{shipped}"` at the top of the file'
            return Diagnostic("E0201", title, label, help=wanted, group=shipped)
        suggested = self._suggestion(name, kinds)
        if suggested is None and self.doubled.intersection(_NOUNS[kind] for kind in kinds):
            return None
        form = "cell {} = ..." if CellDecl in kinds else "op {} = ..."
        declare = f"declare it, `{form.format(name.id)}`, or import the file that does"
        help = suggested or (declare if what != "name" else None)
        return Diagnostic("E0201", title, nowhere, help=help)

    def _suggestion(self, name: Name, kinds: tuple[type[NamedDecl], ...]) -> str | None:
        """What an unknown name may have been meant for."""
        advice = foreign.operation(name.id) if OpDecl in kinds else foreign.cell(name.id)
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
        first = symbols.names.setdefault(declaration.name.id, declaration)
    else:
        return []
    if first is not declaration:
        symbols.doubled.add(noun(declaration))
        what = f"{noun(declaration)} `{declaration.name.id}`"
        faults.append(defined_twice(what, declaration.name.span, first.name.span))
    return faults
