"""Where genotypes stand in a text: a Python file, a log, a shell script, a README. Nothing is ever evaluated.

In Python they are found in the syntax tree, under the name that an assignment, a dictionary or an argument gives them,
and in strings too. In any other text each `...Genotype(...)`, or call that begins with `normal=`, is read by itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dartsl.exchange.literals import MAX_TEXT, function_name, is_literal, parse_python
from dartsl.lang.codes.diagnostics import UserError

IMAGE_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
RECURRENT_FIELDS = ("recurrent", "concat")
_CALL = re.compile(r"Genotype\w{0,40}[ \t]{0,4}\(|\(\s{0,40}(?:normal|recurrent)\s{0,4}=")
# The name before a call, as in `DARTS_V2: Genotype = gt.Genotype(` and `"best": "Genotype(`.
_NAME = re.compile(r"([A-Za-z_]\w*)[\"']?\s*(?::\s*[A-Za-z_.]+\s*)?[=:]\s*[\"'(\[]*[\w.]*\Z")
_LONGEST = 100_000  # characters of one genotype
_MOST_READ = 10_000_000  # characters in all that are looked through for closing brackets


@dataclass(frozen=True)
class Found:
    """A genotype as it is written: its values by field, the name that it has there, and its line, from 1.

    `written_out` says that no variable stands in it.
    """

    fields: dict[str, ast.expr]
    name: str | None
    line: int
    written_out: bool = True

    @property
    def is_recurrent(self) -> bool:
        return "recurrent" in self.fields


def genotypes(text: str, source: str) -> tuple[list[Found], UserError | None]:
    """The genotypes of a text in order, and why it is no Python, where it is none."""
    try:
        tree = parse_python(text, source)
        found = list(_Finder(source).find(tree))
    except UserError as error:
        return list(_scan(text)), error
    except RecursionError:
        return list(_scan(text)), UserError(f"{source} is nested too deeply to be read")
    return found or list(_scan(text)), None


def _scan(text: str, name: str | None = None, line: int = 1) -> Iterator[Found]:
    """The genotypes of any text that stand there whole. `line` is that of its beginning."""
    before, end, left = 0, 0, _MOST_READ
    for match in _CALL.finditer(text):
        opening = text.index("(", match.start())
        if opening < end or left <= 0:  # within the one before
            continue
        line += text.count("\n", before, opening)
        before = opening
        stop = _closing(text, opening)
        left -= (opening + _LONGEST if stop is None else stop) - opening
        fields = None if stop is None else _fields_within(text[opening:stop], line)
        if stop is not None and fields is not None and _written_out(fields):
            end = stop
            named = _NAME.search(text[max(0, match.start() - 200) : match.start()])
            yield Found(fields, name or (named[1] if named else None), line)


def _closing(text: str, opening: int) -> int | None:
    """The place after the bracket that closes the one at `opening`; None where there is none nearby."""
    depth, quote = 0, ""
    for place, char in enumerate(text[opening : opening + _LONGEST], start=opening):
        if quote:
            quote = "" if char in (quote, "\n") else quote
        elif char in "'\"":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
            if depth == 0:
                return place + 1
    return None


def _fields_within(brackets: str, line: int) -> dict[str, ast.expr] | None:
    """The fields of a call with these arguments, which stand on that line."""
    try:
        (statement,) = parse_python(f"Genotype{brackets}", "").body
    except (UserError, ValueError):
        return None
    ast.increment_lineno(statement, line - 1)
    return fields_of(statement.value) if isinstance(statement, ast.Expr) else None


def fields_of(node: ast.AST | None) -> dict[str, ast.expr] | None:
    """The values of a genotype that is a call or a dictionary, by field; None for what is none."""
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        fields = {key: value for key, value in zip(keys, node.values, strict=True) if isinstance(key, str)}
        return fields if _is_complete(fields) else None
    if not isinstance(node, ast.Call):
        return None
    fields = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
    called = "Genotype" in function_name(node)
    if not called and not _is_complete(fields):
        return None
    names: Sequence[str] = IMAGE_FIELDS
    if "recurrent" in fields or (not set(fields) & set(IMAGE_FIELDS) and len(node.args) == 2):
        names = RECURRENT_FIELDS
    for name, value in zip(names, node.args, strict=False):
        if name in fields:
            return None
        fields[name] = value
    return fields or None


def _is_complete(fields: dict[str, ast.expr]) -> bool:
    return {"normal", "reduce"} <= set(fields) or set(RECURRENT_FIELDS) <= set(fields)


def _written_out(fields: dict[str, ast.expr]) -> bool:
    return all(is_literal(fields[name]) for name in (*IMAGE_FIELDS, *RECURRENT_FIELDS) if name in fields)


class _Finder:
    """Walks the syntax tree of a Python text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.named: dict[str, Found] = {}  # so that `DARTS = DARTS_V2` finds it

    def find(self, node: ast.AST, name: str | None = None) -> Iterator[Found]:
        """What stands in a part of the tree that has this name."""
        fields = fields_of(node)
        if fields is not None:
            yield Found(fields, name, getattr(node, "lineno", 1), _written_out(fields))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from self._assigned(node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                own = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else name
                yield from self.find(value, own)
        elif isinstance(node, ast.keyword):
            yield from self.find(node.value, node.arg or name)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and len(node.value) <= MAX_TEXT:
                yield from _scan(node.value, name, node.lineno)
        else:
            for child in ast.iter_child_nodes(node):
                yield from self.find(child, name)

    def _assigned(self, node: ast.Assign | ast.AnnAssign) -> Iterator[Found]:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [name for target in targets if (name := _target_name(target)) is not None]
        if node.value is None:
            return
        if isinstance(node.value, ast.Name) and node.value.id in self.named:
            again = self.named[node.value.id]
            found = [replace(again, name=None, line=node.lineno)]
        else:
            found = list(self.find(node.value, None))
        for each in found:
            given = [replace(each, name=name) for name in names] if each.name is None and names else [each]
            self.named.update({one.name: one for one in given if one.name is not None})
            yield from given


def _target_name(target: ast.expr) -> str | None:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return None
