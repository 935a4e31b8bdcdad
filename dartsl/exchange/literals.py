"""Python text read as data: literals by their syntax tree. Nothing is ever evaluated."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from typing import TypeGuard

from dartsl.exchange.genotype import MAX_NODES
from dartsl.lang.diagnostics import UserError

MAX_TEXT = 1_000_000  # characters of a text
MAX_DEPTH = 50  # of brackets within one another


def parse_python(text: str, name: str) -> ast.Module:
    """The syntax tree of a Python text. Raises UserError for what is none, too long or nested too deeply."""
    if len(text) > MAX_TEXT:
        raise UserError(f"{name} is too long to hold genotypes: {len(text):,} characters")
    depth = 0
    for char in text:  # also inside of strings, which nest nothing in a genotype
        depth += (char in "([{") - (char in ")]}")
        if depth > MAX_DEPTH:
            raise UserError(f"{name} is nested too deeply to be read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on odd escapes and the like
            return ast.parse(text)
    except SyntaxError as fault:
        raise UserError(f"{name}:{fault.lineno or 1}: this is not Python: {fault.msg}") from None
    except ValueError:
        raise UserError(f"{name} is not a text") from None
    except (RecursionError, MemoryError):
        raise UserError(f"{name} is nested too deeply to be read") from None


class Reader:
    """Reads values out of a tree; `name` is what messages call the text."""

    def __init__(self, name: str) -> None:
        self.name = name

    def at(self, node: ast.AST) -> str:
        """`genotypes.py:12`"""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    def sequence(self, node: ast.expr) -> Sequence[ast.expr]:
        """The items of a list or a tuple, also behind `list(...)` or `tuple(...)`. Raises UserError."""
        for _ in range(MAX_DEPTH):
            if not _calls(node, ("list", "tuple")):
                break
            if len(node.args) != 1 or node.keywords:
                break
            node = node.args[0]
        if isinstance(node, ast.List | ast.Tuple):
            return node.elts
        raise UserError(f"{self.at(node)}: a list or a tuple is needed here")

    def string(self, node: ast.expr) -> str:
        """A string. Raises UserError."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        raise UserError(f"{self.at(node)}: the name of an operation, as a string, is needed here")

    def integer(self, node: ast.expr) -> int:
        """A whole number, perhaps negative. Raises UserError."""
        minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and minus else node
        if isinstance(inner, ast.Constant) and type(inner.value) is int and abs(inner.value) < 10**6:
            return -inner.value if minus else inner.value
        raise UserError(f"{self.at(node)}: a whole number is needed here")

    def integers(self, node: ast.expr) -> tuple[int, ...]:
        """A list or tuple of numbers, or a range, also behind `list(...)`. Raises UserError."""
        for _ in range(MAX_DEPTH):
            if _calls(node, ("list", "tuple")) and len(node.args) == 1 and not node.keywords:
                node = node.args[0]
        if not _calls(node, ("range",)):
            return tuple(self.integer(item) for item in self.sequence(node))
        if not 1 <= len(node.args) <= 3 or node.keywords:
            raise UserError(f"{self.at(node)}: `range` takes one to three numbers")
        bounds = [self.integer(item) for item in node.args]
        if len(bounds) == 3 and bounds[2] == 0:
            raise UserError(f"{self.at(node)}: a `range` cannot go in steps of 0")
        found = range(*bounds)
        if len(found) > MAX_NODES:
            raise UserError(f"{self.at(node)}: a `range` of {len(found):,} numbers is too long")
        return tuple(found)


def _calls(node: ast.expr, names: Sequence[str]) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
