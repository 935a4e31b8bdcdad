"""The rules of the house that a program can check: what lies where, and how long files and functions are."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {"dartsl", "grammars", "specs", "tests", "pyproject.toml", "README.md", "LICENSE"}
FILES = sorted((ROOT / "dartsl").rglob("*.py"))
LINES_OF_A_FILE = 350
LINES_OF_A_FUNCTION = 60


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_top_level_is_fixed() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    command = ["git", "ls-tree", "--name-only", "HEAD"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in found if not name.startswith(".")} <= TOP_LEVEL


def test_files_and_functions_are_short() -> None:
    long = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LINES_OF_A_FILE:
            long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for function in functions(ast.parse(text)):
            assert function.end_lineno is not None
            length = function.end_lineno - function.lineno + 1
            if length > LINES_OF_A_FUNCTION:
                long.append(f"{path.relative_to(ROOT)}:{function.lineno}: {function.name} has {length} lines")
    assert long == []


def test_nothing_is_evaluated_and_nothing_is_left_out() -> None:
    wrong = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("eval", "exec"):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node.func)}")
            if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert wrong == []
