"""Every diagnostic code: a broken spec and, beside it, its rendered text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import dartsl
from dartsl.lang.checker import diagnose
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.render import Size, report
from dartsl.lang.codes.table import CODES, SITE, explain, page
from dartsl.lang.syntax.loader import read_file
from tests.conftest import Golden

BAD = sorted((Path(__file__).parents[1] / "bad").glob("*.darts"))
# Found when a network is picked or lowered, and shown by the tests of those.
LATER = {"E0411", "E0412", "E0601"}


def rendered(path: Path) -> str:
    try:
        root = read_file(path, path.name)
    except SpecError as error:
        return report(path.name, error.diagnostics, Size())
    found = diagnose(root)
    return report(path.name, found.diagnostics, found.size)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_spec(path: Path, golden: Golden) -> None:
    text = rendered(path) + "\n"
    code = path.name.partition("_")[0]
    assert f"[{code}]: " in text
    golden(path.with_suffix(".txt"), text)


def test_every_code_has_a_broken_spec() -> None:
    assert {path.name.partition("_")[0] for path in BAD} >= set(CODES) - LATER


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_explained(code: str) -> None:
    text = explain(code.lower())
    assert text.startswith(f"{code}: {CODES[code].title}\n\n")
    assert text.endswith("\n")
    assert max(map(len, text.splitlines())) <= 100


def test_an_unknown_code() -> None:
    with pytest.raises(UserError, match="no code `E9999`") as caught:
        explain("E9999")
    assert caught.value.exit_code == 2


def test_a_code_has_an_address() -> None:
    assert page("e0101") == f"{SITE}explain/E0101.html"


# Whose diagnostics are not yet made beside their codes; to be shortened, never lengthened.
ELSEWHERE = {"lang/check/blocks.py", "lang/check/together.py", "nn/plugins.py"}


def test_diagnostics_are_made_beside_their_codes() -> None:
    """By the functions of `dartsl/lang/codes`, so that each message has one place, next to what its code means."""
    package = Path(dartsl.__file__).parent
    makers = set()
    for path in package.rglob("*.py"):
        calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        if any(isinstance(called, ast.Name) and called.id == "Diagnostic" for called in calls):
            makers.add(path.relative_to(package).as_posix())
    assert {name for name in makers if not name.startswith("lang/codes/")} == ELSEWHERE
