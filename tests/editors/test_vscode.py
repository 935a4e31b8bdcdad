"""The VS Code extension: its grammar, its snippets, its package; where node is there, its own tests too."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.grammar import grammar
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from dartsl.lang.syntax.resources import shipped_specs
from tests.conftest import Golden
from tests.editors.words import rules, textmate

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "grammars" / "editors" / "vscode"
SYNTAX = EXTENSION / "syntaxes" / "darts.tmLanguage.json"
TOOLS = EXTENSION / "node_modules" / ".bin"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
needs_tools = pytest.mark.skipif(
    not TOOLS.is_dir(), reason=f"run `npm install` in {EXTENSION.relative_to(ROOT).as_posix()}"
)


def read(name: str) -> Any:
    return json.loads((EXTENSION / name).read_text(encoding="utf-8"))


def run(*command: str | Path, folder: Path = ROOT) -> str:
    environment = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ------------------------------------------------------------------------ grammar


def test_the_grammar_is_that_of_the_language(golden: Golden) -> None:
    golden(SYNTAX, textmate())


def coloured(line: str) -> Iterator[tuple[str, int, str]]:
    """Scope, place and text of what the rules match in a line, at each place the first rule that does."""
    at = 0
    while at < len(line):
        if line[at] in " \t":
            at += 1
            continue
        first, found = next(
            (each, match) for each in rules() if (match := re.compile(str(each["match"])).match(line, at))
        )
        captures = first.get("captures")
        assert captures is None or isinstance(captures, dict)
        for group, named in (captures or {"0": first}).items():
            yield named["name"], found.start(int(group)), found[int(group)]
        at = found.end()


@pytest.mark.parametrize("name", sorted(shipped_specs()))
def test_specs_have_the_tokens_of_their_grammar(name: str) -> None:
    source = Source(name, shipped_specs()[name].read_text(encoding="utf-8"))
    tokens = grammar(source.version).tokens(source.text).kept
    places = [source.position(token.start_pos or 0) for token in tokens]
    expected = [
        (*place, str(token)) for place, token in zip(places, tokens, strict=True) if token.type != "HEADER"
    ]
    found = []
    for number, line in enumerate(source.text.splitlines(), 1):
        for scope, at, text in coloured(line):
            assert "invalid" not in scope
            if "comment" not in scope and not line.startswith("darts "):
                found.append((number, at + 1, text))
    assert found == expected


@pytest.mark.slow
@needs_tools
def test_scopes() -> None:
    """Cases of vscode-tmgrammar-test, which reads the grammar as VS Code does."""
    tester = TOOLS / "vscode-tmgrammar-test"
    print(run(tester, "-g", SYNTAX, "tests/editors/colours/*.darts"))


# ----------------------------------------------------------------------- snippets

SNIPPETS = read("snippets/darts.json")
CELLS = """\
cell normal {
  input  a : preprocess
  node   n : sum
  edge   a -> n : sep_conv(3)
  output n
}

cell reduction = normal

"""
BEFORE = {"match": "op f = ", "network": CELLS}  # what a snippet needs to stand in a spec


@pytest.mark.parametrize("name", sorted(SNIPPETS))
def test_snippets_are_sound(name: str) -> None:
    """With what stands in their places, they check without an error and are formatted."""
    body = SNIPPETS[name]["body"]
    text = "\n".join(body) if isinstance(body, list) else body
    text = re.sub(r"\$\{\d+:([^}]*)\}", r"\1", text)
    if not text.startswith("darts"):
        text = f'darts 2\n\nimport "std/cnn"\n\n{BEFORE.get(SNIPPETS[name]["prefix"], "")}{text}\n'
    source = Source("snippet", text)
    assert [fault for fault in diagnose(source).diagnostics if fault.severity == "error"] == []
    assert print_file(parse(source)) == text


# ------------------------------------------------------------------------ package


def test_the_manifest_is_true() -> None:
    manifest = read("package.json")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"]
    assert manifest["license"] == project["license"]
    contributes = manifest["contributes"]
    files = [contributes["languages"][0]["configuration"]]
    files += [each["path"] for each in contributes["grammars"] + contributes["snippets"]]
    for file in files:
        read(file)
    code = "".join(path.read_text(encoding="utf-8") for path in (EXTENSION / "src").glob("*.js"))
    for command in contributes["commands"]:
        assert f'registerCommand("{command["command"]}"' in code


PLACES = [
    ("cell a {\n  node n : sum\n  |\n}\n", "a"),
    ("|cell a {\n}\ncell b {\n}", "a"),
    ("cell a {\n}\n\ncell b|", "b"),
    ("cell a {\n}\nnetwork n {\n  stage a*n > re|lu width C\n}\n", None),
    ("cell a {\n}\nnetwork n {\n  stage |a*n width C\n}\n", "a"),
    ("cell a {\n}\nops mine = |relu\ncell b = a\n", None),
    ("cell a {\n}\ncell b = |a\n", "a"),
    ("# cell a {\n|", None),
    ("cell |", None),
    ("", None),
]


@pytest.mark.slow
@needs_node
def test_the_preview_knows_the_cell_at_the_cursor() -> None:
    code = "const { cellAt } = require(process.argv[1]); const cases = JSON.parse(process.argv[2]);"
    code += "console.log(JSON.stringify(cases.map(([text, at]) => cellAt(text, at))))"
    cases = [(text.replace("|", ""), max(text.find("|"), 0)) for text, _ in PLACES]
    found = run("node", "-e", code, EXTENSION / "src" / "place.js", json.dumps(cases))
    assert json.loads(found) == [expected for _, expected in PLACES]


@pytest.mark.slow
@needs_node
def test_the_preview_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREVIEW", str(EXTENSION / "src" / "preview.js"))
    assert "# pass 4" in run("node", "--test", "--test-reporter=tap", "tests/editors/preview.test.js")


@pytest.mark.slow
@needs_node
def test_the_client_starts_and_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTENSION", str(EXTENSION / "src" / "extension.js"))
    assert "# pass 3" in run("node", "--test", "--test-reporter=tap", "tests/editors/extension.test.js")


@pytest.mark.slow
@needs_tools
def test_the_package(tmp_path: Path) -> None:
    """What is installed in VS Code: the client in one file, the grammars, no sources, no modules."""
    copied = ["package.json", "README.md", ".vscodeignore", "language-configuration.json"]
    folder = tmp_path / "grammars" / "editors" / "vscode"
    for name in ("src", "syntaxes", "snippets"):
        shutil.copytree(EXTENSION / name, folder / name)
    for name in copied:
        shutil.copy(EXTENSION / name, folder / name)
    shutil.copy(ROOT / "LICENSE", tmp_path)
    (folder / "node_modules").symlink_to(EXTENSION / "node_modules")
    run("npm", "run", "package", folder=folder)
    with zipfile.ZipFile(folder / "dartsl.vsix") as archive:
        names = {name.removeprefix("extension/") for name in archive.namelist()}
        client = archive.read("extension/dist/extension.js").decode()
    expected = {"syntaxes/darts.tmLanguage.json", "syntaxes/markdown.tmLanguage.json", "snippets/darts.json"}
    expected |= {"package.json", "language-configuration.json", "readme.md", "LICENSE.txt"}
    assert names == expected | {"dist/extension.js", "extension.vsixmanifest", "[Content_Types].xml"}
    assert 'require("vscode")' in client
    assert "vscode-languageclient" not in re.findall(r'require\("([^"]*)"\)', client)
