"""The syntax tree, as frozen dataclasses.

Trees are data: two trees are equal when their texts mean the same to the parser, so spans and comments
do not take part in comparison. Parentheses are not in the tree; the printer writes those that are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Literal

from dartsl.lang.codes.source import Source, Span


@dataclass(frozen=True)
class Syntax:
    """What every piece of syntax has: the place it was read from."""

    span: Span = field(compare=False, repr=False, kw_only=True)


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Name(Syntax):
    """A name where it is used or declared."""

    id: str


@dataclass(frozen=True)
class Number(Syntax):
    """A number by its lexeme, so that `3e-4` is printed as it was written; a minus sign is part of it."""

    lexeme: str


@dataclass(frozen=True)
class String(Syntax):
    value: str


@dataclass(frozen=True)
class Boolean(Syntax):
    value: bool


@dataclass(frozen=True)
class Range(Syntax):
    """`n0..n3`"""

    first: Name
    last: Name


@dataclass(frozen=True)
class Argument(Syntax):
    """An argument of a call; `name` is None for a positional one."""

    name: Name | None
    value: Expr


@dataclass(frozen=True)
class Call(Syntax):
    """`sep_conv(3)`; also merges, `scan`, `image` and `tokens`."""

    function: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Arm(Syntax):
    """`1 => a`; from version 2 on `keeps => a` too."""

    value: Number | Name
    body: Expr


@dataclass(frozen=True)
class Match(Syntax):
    """`match stride { 1 => ..., 2 => ... }`; from version 2 on `match shape { keeps => ..., changes => ... }` too."""

    subject: Name
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class Binary(Syntax):
    """`left op right`; `*` and `/` are repetition and stride on operations, arithmetic on numbers."""

    operator: Literal["+", "-", "*", "/"]
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Chain(Syntax):
    """`a > b > c`, at least two steps."""

    steps: tuple[Expr, ...]


@dataclass(frozen=True)
class Choice(Syntax):
    """`a | b | c`, at least two options (one option is that option itself)."""

    options: tuple[Expr, ...]


Expr = Name | Number | String | Boolean | Range | Call | Match | Binary | Chain | Choice


# --------------------------------------------------------------- declarations


@dataclass(frozen=True)
class Parameter(Syntax):
    name: Name
    default: Expr | None


@dataclass(frozen=True)
class Import(Syntax):
    path: String


@dataclass(frozen=True)
class OpDecl(Syntax):
    """`op name(params) = body`"""

    name: Name
    parameters: tuple[Parameter, ...]
    body: Expr


@dataclass(frozen=True)
class ExternDecl(Syntax):
    """`extern op name(params)`: a signature; the implementation is Python."""

    name: Name
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class OpsDecl(Syntax):
    """`ops name = a | b`: a named choice (or a single operation)."""

    name: Name
    body: Expr


@dataclass(frozen=True)
class InputItem(Syntax):
    """`input c0, c1 : preprocess`"""

    names: tuple[Name | Range, ...]
    operation: Expr | None


@dataclass(frozen=True)
class NodeItem(Syntax):
    """`node n0..n3 : sum keep 2`"""

    names: tuple[Name | Range, ...]
    merge: Expr
    keep: Number | None


@dataclass(frozen=True)
class All(Syntax):
    """`all` as the sources of an edge."""


@dataclass(frozen=True)
class EdgeItem(Syntax):
    """`edge sources -> targets : operation`"""

    sources: All | tuple[Name | Range, ...]
    targets: tuple[Name | Range, ...]
    operation: Expr


@dataclass(frozen=True)
class OutputItem(Syntax):
    """`output concat(n0..n3)`; from version 2 on `output h, c` too."""

    values: tuple[Expr, ...]


CellItem = InputItem | NodeItem | EdgeItem | OutputItem


@dataclass(frozen=True)
class CellDecl(Syntax):
    name: Name
    parameters: tuple[Parameter, ...]
    items: tuple[CellItem, ...]


@dataclass(frozen=True)
class AliasDecl(Syntax):
    """`cell b = a` or `cell b = dag(my_ops)`: the same graph, with alphas and weights of its own."""

    name: Name
    value: Name | Call


@dataclass(frozen=True)
class ShapeItem(Syntax):
    """`input image(3, 32, 32)`"""

    value: Call


@dataclass(frozen=True)
class StemItem(Syntax):
    operation: Expr


@dataclass(frozen=True)
class StageItem(Syntax):
    """`stage reduction/2 > normal*n width 2*C`"""

    layers: Expr
    width: Expr


@dataclass(frozen=True)
class HeadItem(Syntax):
    operation: Expr


NetworkItem = ShapeItem | StemItem | StageItem | HeadItem


@dataclass(frozen=True)
class NetworkDecl(Syntax):
    name: Name
    parameters: tuple[Parameter, ...]
    items: tuple[NetworkItem, ...]


@dataclass(frozen=True)
class ListLiteral(Syntax):
    items: tuple[SettingValue, ...]


@dataclass(frozen=True)
class ScheduleLiteral(Syntax):
    """`linear(10, 0.1)`"""

    shape: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class StageEntry(Syntax):
    name: Name
    value: Number


@dataclass(frozen=True)
class StageLiteral(Syntax):
    """`stage(keep = 5, epochs = 25)`"""

    entries: tuple[StageEntry, ...]


SettingValue = Number | String | Boolean | ListLiteral | ScheduleLiteral | StageLiteral


@dataclass(frozen=True)
class Setting(Syntax):
    name: Name
    value: SettingValue


@dataclass(frozen=True)
class SettingsDecl(Syntax):
    """`search { ... }` or `train { ... }`"""

    kind: Literal["search", "train"]
    settings: tuple[Setting, ...]


Declaration = OpDecl | ExternDecl | OpsDecl | CellDecl | AliasDecl | NetworkDecl | SettingsDecl


@dataclass(frozen=True)
class Comment:
    """`# text`, with the offset of its `#`; `own_line` when nothing stands before it on its line."""

    text: str
    start: int
    own_line: bool


@dataclass(frozen=True)
class File(Syntax):
    version: int
    imports: tuple[Import, ...]
    declarations: tuple[Declaration, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False, repr=False)

    @property
    def source(self) -> Source:
        return self.span.source


def parts(trees: Iterable[Syntax]) -> Iterator[Syntax]:
    """Some trees and all that is in them, without recursion."""
    waiting: list[object] = [*trees]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting += item
        elif isinstance(item, Syntax):
            yield item
            waiting += [getattr(item, each.name) for each in fields(item) if each.name != "span"]
