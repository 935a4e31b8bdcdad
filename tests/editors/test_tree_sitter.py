"""The tree-sitter grammar: its corpus, its queries, and what it makes of the specs."""

from __future__ import annotations

import ctypes
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.grammar import VERSIONS, grammar
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.resources import shipped_specs
from tests.conftest import Golden
from tests.editors.words import built_in, words

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grammars" / "editors" / "tree-sitter-darts"
HIGHLIGHTS = FOLDER / "queries" / "highlights.scm"
BUILT_IN = re.compile(r'(@function\.builtin "\^\()[^)]*')


def test_the_rules_have_every_word_and_sign() -> None:
    text = (FOLDER / "grammar.js").read_text(encoding="utf-8").partition("name: ")[2]
    text = re.sub(r'//[^\n]*|=> /.*|field\("[a-z]+",', "", text)
    strings = set(re.findall(r'"([^"\n]*)"', text))
    signs = set().union(*(grammar(version).spelling.values() for version in VERSIONS))
    assert strings | {","} == signs | {"darts"}


def test_colours_know_the_names_of_the_language(golden: Golden) -> None:
    text = HIGHLIGHTS.read_text(encoding="utf-8")
    golden(HIGHLIGHTS, BUILT_IN.sub(rf"\g<1>{'|'.join(sorted(built_in()))}", text))


def test_colours_have_every_keyword() -> None:
    text = HIGHLIGHTS.read_text(encoding="utf-8")
    assert words() - {"all", "true", "false"} <= set(re.findall(r'"([a-z]+)"', text))
    assert {"(all)", "(boolean)"} <= set(text.split())


# ----------------------------------------------------------------- with the parser


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Language:
    """The parser, compiled as an editor does it."""
    tree_sitter = pytest.importorskip("tree_sitter")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("parser") / "darts.so"
    sources = ["-I", FOLDER / "src", FOLDER / "src" / "parser.c"]
    subprocess.run([compiler, "-shared", "-fPIC", *sources, "-o", library], check=True, timeout=120)
    function = ctypes.CDLL(str(library)).tree_sitter_darts
    function.restype = ctypes.c_void_p
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return tree_sitter.Language(capsule(function(), b"tree_sitter.Language", None))


@pytest.fixture(scope="module")
def parser(language: Language) -> Parser:
    import tree_sitter

    return tree_sitter.Parser(language)


def leaves(node: Node) -> Iterator[Node]:
    if not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)


@pytest.mark.slow
def test_specs_have_the_tokens_of_their_grammar(parser: Parser) -> None:
    for name, path in shipped_specs().items():
        source = Source(name, path.read_text(encoding="utf-8"))
        tree = parser.parse(source.text.encode()).root_node
        assert not tree.has_error, name
        tokens = grammar(source.version).tokens(source.text)
        expected = sorted((each.start_pos, str(each)) for each in tokens.kept + tokens.comments)
        whole = source.text.encode()
        found = [
            (len(whole[: leaf.start_byte].decode()), whole[leaf.start_byte : leaf.end_byte].decode())
            for leaf in leaves(tree)
        ]
        assert found == expected, name


@pytest.mark.slow
def test_what_parses_is_no_error(parser: Parser) -> None:
    """Specs of the tests, most of which have faults that are not of syntax."""
    read = 0
    for path in sorted(
        each for folder in ("good", "bad") for each in (ROOT / "tests" / folder).rglob("*.darts")
    ):
        data = path.read_bytes()
        try:
            parse(Source(path.name, data.decode("utf-8")))
        except (SpecError, UnicodeDecodeError):
            continue
        assert not parser.parse(data).root_node.has_error, path
        read += 1
    assert read > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["op f = relu relu", "cell c { node n }", "op f = (a", "ops a = b |", "op f = ?"]
)
def test_faults_are_errors(parser: Parser, text: str) -> None:
    assert parser.parse(f"darts 1\n{text}\n".encode()).root_node.has_error


CASE = re.compile(r"={9,}\n(.*)\n={9,}\n([\s\S]*?)\n---\n\n([\s\S]*?)(?=\n={9,}|\Z)")


@pytest.mark.slow
def test_corpus(parser: Parser) -> None:
    cases = 0
    for path in sorted((FOLDER / "test" / "corpus").glob("*.txt")):
        for title, text, expected in CASE.findall(path.read_text(encoding="utf-8")):
            tree = re.sub(r"\w+: ", "", str(parser.parse(text.encode()).root_node))
            assert tree == re.sub(r"\s+", " ", expected.strip()), title
            cases += 1
    assert cases == 10


@pytest.mark.slow
def test_colours_and_folds(language: Language, parser: Parser) -> None:
    from tree_sitter import Query, QueryCursor

    text = b"darts 2\nop f(k) = conv(k, out = C) > g(true)\ncell c { node n : sum keep 2 }\n"
    tree = parser.parse(text).root_node
    named: dict[bytes, set[str]] = {}
    captured = QueryCursor(Query(language, HIGHLIGHTS.read_text(encoding="utf-8"))).captures(tree)
    for name, nodes in captured.items():
        for node in nodes:
            named.setdefault(text[node.start_byte : node.end_byte], set()).add(name)
    assert named[b"darts 2"] == {"keyword.directive"}
    assert named[b"op"] == named[b"cell"] == {"keyword.type"}
    assert named[b"node"] == named[b"keep"] == {"keyword"}
    assert named[b"conv"] == {"variable", "function.call", "function.builtin"}
    assert named[b"g"] == {"variable", "function.call"}
    assert named[b"C"] == {"variable", "variable.builtin"}
    assert named[b"c"] == {"variable", "type"}
    assert named[b"true"] == {"boolean"}
    assert named[b">"] == {"operator"}
    folds = Query(language, (FOLDER / "queries" / "folds.scm").read_text(encoding="utf-8"))
    assert [node.type for node in QueryCursor(folds).captures(tree)["fold"]] == ["cell_declaration"]


@pytest.mark.slow
def test_the_parser_is_that_of_the_rules(tmp_path: Path) -> None:
    command = shutil.which("tree-sitter")
    if command is None:
        pytest.skip("there is no `tree-sitter`, which generates the parser")
    made = tmp_path / "made"
    shutil.copytree(FOLDER, made)
    given = ["generate", "--abi", "14"]
    subprocess.run([command, *given], cwd=made, check=True, capture_output=True, timeout=120)
    rules = [json.loads((folder / "src" / "grammar.json").read_text())["rules"] for folder in (made, FOLDER)]
    assert rules[0] == rules[1]
    subprocess.run([command, "test"], cwd=made, check=True, capture_output=True, timeout=120)
