"""Python text read as data: literals by their syntax tree. Nothing is ever evaluated."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Sequence
from typing import TypeGuard

from dartsl.exchange.genotype import MAX_NODES
from dartsl.lang.codes.diagnostics import UserError

MAX_TEXT = 1_000_000  # characters of a text
MAX_DEPTH = 50  # of brackets within one another
# What numpy, torch and Python wrap around a value: `np.int64(0)`, `tensor(1, device='cuda:0')`, `list(range(2, 6))`.
_SEQUENCES = frozenset({"list", "tuple", "array", "asarray", "tensor", "Tensor"})
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_SCALARS = frozenset({"int", "float", "str", "str_", "tensor", "float16", "float32", "float64", *_INTEGERS})
_RANGES = frozenset({"range", "arange"})


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
    """Reads values out of a tree; `name` is what messages call the text.

    `keep_unknown` says whether operations may have any name.
    """

    def __init__(self, name: str, keep_unknown: bool = False) -> None:
        self.name = name
        self.keep_unknown = keep_unknown

    def at(self, node: ast.AST) -> str:
        """`genotypes.py:12`"""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    def sequence(self, node: ast.expr) -> Sequence[ast.expr]:
        """The items of a list or a tuple, also within `list(...)`, `array(...)` and the like. Raises UserError."""
        node = unwrapped(node, _SEQUENCES)
        if isinstance(node, ast.List | ast.Tuple):
            return node.elts
        raise UserError(f"{self.at(node)}: a list or a tuple is needed here")

    def string(self, node: ast.expr) -> str:
        """A string, also as `np.str_(...)`. Raises UserError."""
        node = unwrapped(node, _SCALARS)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        raise UserError(f"{self.at(node)}: the name of an operation, as a string, is needed here")

    def integer(self, node: ast.expr) -> int:
        """A whole number, perhaps negative, also as `np.int64(...)` and the like. Raises UserError."""
        node = unwrapped(node, _SCALARS)
        minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and minus else node
        if isinstance(inner, ast.Constant) and type(inner.value) is int and abs(inner.value) < 10**6:
            return -inner.value if minus else inner.value
        raise UserError(f"{self.at(node)}: a whole number is needed here")

    def is_number(self, node: ast.expr) -> bool:
        """Whether a value is a number, whole or not, such as a weight."""
        node = unwrapped(node, _SCALARS)
        return isinstance(node, ast.Constant) and type(node.value) in (int, float)

    def is_integer(self, node: ast.expr) -> bool:
        """Whether a value is a whole number from 0."""
        node = unwrapped(node, _SCALARS)
        return isinstance(node, ast.Constant) and type(node.value) is int

    def integers(self, node: ast.expr) -> tuple[int, ...]:
        """A list or tuple of numbers, or a range, also within `list(...)`. Raises UserError."""
        node = unwrapped(node, _SEQUENCES)
        if not calls(node, _RANGES):
            return tuple(self.integer(item) for item in self.sequence(node))
        if not 1 <= len(node.args) <= 3:
            raise UserError(f"{self.at(node)}: `range` takes one to three numbers")
        bounds = [self.integer(item) for item in node.args]
        if len(bounds) == 3 and bounds[2] == 0:
            raise UserError(f"{self.at(node)}: a `range` cannot go in steps of 0")
        found = range(*bounds)
        if len(found) > MAX_NODES:
            raise UserError(f"{self.at(node)}: a `range` of {len(found):,} numbers is too long")
        return tuple(found)


def function_name(node: ast.Call) -> str:
    """`Genotype` for `gt.Genotype(...)`; empty where what is called has no name."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def calls(node: ast.expr, names: Collection[str]) -> TypeGuard[ast.Call]:
    """Whether an expression calls one of these functions, of whatever module."""
    return isinstance(node, ast.Call) and function_name(node) in names


def unwrapped(node: ast.expr, names: Collection[str]) -> ast.expr:
    """What stands within calls of these functions, whose keywords (`dtype=...`) change nothing here."""
    while calls(node, names) and len(node.args) == 1:
        node = node.args[0]
    return node


def is_literal(node: ast.expr) -> bool:
    """Whether a value is written out: no variable stands in it, and nothing is called but what wraps values."""
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Call):
            if function_name(part) not in _SEQUENCES | _SCALARS | _RANGES:
                return False
            waiting += part.args  # keywords such as `dtype=torch.int` change nothing
        elif isinstance(part, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp | ast.comprehension):
            return False
        else:
            waiting += ast.iter_child_nodes(part)
    return True
