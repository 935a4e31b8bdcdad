"""The direction of imports, and what must be possible without torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dartsl"
LAYERS = (
    "lang",
    "graph",
    "nn",
    "data",
    "step",
    "run",
    "searching",
    "training",
    "exchange",
    "sweeping",
    "api",
    "notebook",
    "lsp",
    "cli",
    "docs",
)
LANG = ("codes", "records", "settings", "syntax", "check", "plan")  # the folders of lang; its files come last
WITH_TORCH = {"nn", "data", "step", "run", "searching", "training", "exchange"}
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of each module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            # `from dartsl import data` names the folder only in its alias.
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def layer_of(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


def test_every_folder_has_its_place_in_the_order() -> None:
    assert {layer for path in FILES if (layer := layer_of(path))} <= set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way(layer: str) -> None:
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    wrong = []
    for path in FILES:
        if layer_of(path) != layer:
            continue
        for line, module in imports(path):
            parts = module.split(".")
            against = (
                parts[0] == "dartsl" and len(parts) > 1 and parts[1] in LAYERS and parts[1] not in allowed
            )
            torch_too_early = parts[0] == "torch" and layer not in WITH_TORCH
            if against or torch_too_early:
                wrong.append(f"{path}:{line}: {module}")
    assert wrong == []


def test_every_folder_of_lang_has_its_place_in_the_order() -> None:
    assert {path.name for path in (PACKAGE / "lang").iterdir() if any(path.glob("*.py"))} == set(LANG)


@pytest.mark.parametrize("folder", LANG)
def test_imports_within_lang_go_one_way(folder: str) -> None:
    allowed = LANG[: LANG.index(folder) + 1]
    wrong = []
    for path in sorted((PACKAGE / "lang" / folder).rglob("*.py")):
        for line, module in imports(path):
            parts = module.split(".")
            if parts[:2] == ["dartsl", "lang"] and (len(parts) < 3 or parts[2] not in allowed):
                wrong.append(f"{path}:{line}: {module}")
    assert wrong == []


SHOWN = {  # what a command needs besides the functions that it calls, to print what they give or to offer names
    "dartsl.data.text.readers",
    "dartsl.exchange.formats",
    "dartsl.graph.render",
    "dartsl.searching.report",
    "dartsl.training.report",
}


def test_a_command_calls_the_functions_of_the_api() -> None:
    """It does not redo what they do: of what they are made of it uses lang and run alone, types, and the server."""
    wrong = []
    for path in (PACKAGE / "cli").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = [ast.Pass()]
        for node in ast.walk(tree):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module is None or not module.startswith("dartsl."):
                continue
            if module.split(".")[1] not in ("api", "cli", "lang", "lsp", "run") and module not in SHOWN:
                wrong.append(f"{path.name}:{node.lineno}: {module}")
    assert wrong == []


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_importing_dartsl_imports_neither_torch_nor_ipython() -> None:
    run_python(
        "import sys, dartsl; dartsl.check('digits'); assert not {'torch', 'IPython'} & set(sys.modules)"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "digits"],
        ["fmt", "--check", "digits"],
        ["explain", "E0501"],
        ["specs"],
        ["search", "--help"],
        ["info", "digits", "--memory", "none"],
    ],
)
def test_commands_without_tensors_do_not_import_torch(arguments: list[str]) -> None:
    code = """if True:
        import sys
        from dartsl.cli import main
        try:
            main()
        except SystemExit as end:
            assert not end.code, end.code
        assert "torch" not in sys.modules
    """
    assert run_python(code, *arguments) or arguments[0] in ("check", "fmt")


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        (["--help"], ["lark", "networkx", "numpy", "importlib.metadata"]),
        (["check", "digits"], ["networkx", "numpy"]),
    ],
)
def test_what_starts_at_once_imports_nothing_slow(arguments: list[str], slow: list[str]) -> None:
    code = """if True:
        import sys
        from dartsl.cli import main
        arguments, slow = sys.argv[1:-1], sys.argv[-1].split(",")
        sys.argv[1:] = arguments
        try:
            main()
        except SystemExit as end:
            assert not end.code, end.code
        assert [name for name in slow if name in sys.modules] == []
    """
    assert run_python(code, *arguments, ",".join(slow))


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "digits", "--data", "nowhere"],
        ["search", "digits", "--data", "nowhere", "--check-gradients"],
        ["search", "text", "--data", "nowhere"],
        ["train", "zoo/darts_v2", "--data", "nowhere"],
        ["train", "zoo/rnn_v2", "--data", "nowhere"],
    ],
)
def test_data_that_is_not_there_is_said_before_torch_is_imported(arguments: list[str]) -> None:
    code = """if True:
        import sys
        from dartsl.cli import main
        sys.stderr = sys.stdout
        try:
            main()
        except SystemExit as end:
            assert end.code == 1, end.code
        assert "torch" not in sys.modules
    """
    assert "nowhere: no such" in run_python(code, *arguments)
