"""Run folders whose files are not what a run wrote: refused in words, by every reader, and left as they are."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dartsl.api.drawing import draw, plot
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.run.folder import RunFolder
from dartsl.searching import loop as searching
from dartsl.searching.derive import rederive, run_network
from dartsl.training import loop as training
from dartsl.training.evaluate import evaluate
from tests.run.runs import made, path, snapshot
from tests.search.runs import quiet

__all__ = ["made", "path"]  # fixtures


def readers(path: Path, kind: str) -> Iterator[Callable[[], object]]:
    """What reads a run folder."""
    if kind == "search":
        yield lambda: rederive(path)
        yield lambda: draw(path)
        yield lambda: searching.resume(path, console=quiet())
    else:
        yield lambda: evaluate(path)
        yield lambda: training.resume(path, console=quiet())
    yield lambda: plot(path, path.parent / "curves.svg")


def refusals(path: Path, kind: str) -> list[str]:
    """What the readers say that refuse; any other error than those for users fails the test."""
    found = []
    for reader in readers(path, kind):
        try:
            reader()
        except UserError as error:
            found.append(error.message)
        except SpecError as error:
            found.append(str(error))
    return found


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# --------------------------------------------------------------------- run.json


@pytest.mark.parametrize("kind", ["search", "train"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("plugins", [5], "`plugins[0]` is missing"),
        ("plugins", [{"path": 5}], "`plugins[0]` is missing"),
        ("plugins", [{"path": "a.py", "sha256": "short"}], "`plugins[0]` is missing"),
        ("plugins", "a.py", "`plugins` is missing"),
        ("parameters", {}, "its parameters and those of network `tiny` differ in `C`"),
        ("parameters", {"C": "2", "D": "3"}, "differ in `D`"),
        ("parameters", {"C": 2}, "`parameters.C` is missing"),
        ("parameters", {"C": "1/0"}, "`parameters.C` is missing"),
        ("parameters", {"C": "9" * 2000}, "`parameters.C` is missing"),
        ("parameters", [], "`parameters` is missing"),
        ("settings", {}, "`settings.epochs` is missing"),
        ("settings", {"epochs": 2, "no_such": 1}, "there is no setting `no_such`"),
        ("settings", {"epochs": "many"}, "`settings.epochs` is not a whole number from 1"),
        ("settings", {"epochs": None}, "`settings.epochs` is not a whole number"),
        ("settings", {"epochs": 10**400}, "`settings.epochs` is not a whole number"),
        ("settings", {"epochs": 2, "lr": float("nan")}, "`settings.lr` is not a number"),
        ("settings", {"epochs": 2, "dtype": ["float32"]}, '`settings.dtype` is not "float32"'),
        ("settings", {"epochs": 2, "mean": [[]]}, "`settings.mean` is not a number"),
        ("settings", {"epochs": 2, "device": 3}, "`settings.device` is not"),
        ("settings", [], "`settings` is missing"),
        ("seed", 1.5, "`seed` is missing"),
        ("seed", True, "`seed` is missing"),
        ("seed", -1, "`seed` is missing"),
        ("kind", "dream", "`kind` is missing"),
        ("kind", [], "`kind` is missing"),
        ("network", None, "`network` is missing"),
        ("network", "other", "other"),
        ("versions", {"torch": 2}, "`versions.torch` is missing"),
        ("inputs", None, "`inputs` is missing"),
        ("inputs", {"kind": "images"}, "`inputs` is not what it was"),
        ("spec_hash", "0", "`spec_hash` is missing"),
        ("seal", 5, "`seal` is missing"),
        ("seal", "x\ud800", "`seal` is missing"),
        ("format", True, "run format True"),
        ("format", 2.0, "run format 2.0"),
        ("format", None, "run format None"),
        ("format", 10**400, "run format 1000"),
    ],
)
def test_an_entry_of_run_json_is_named(path: Path, kind: str, name: str, value: Any, words: str) -> None:
    edit(path / "run.json", **{name: value})
    before = snapshot(path)
    said = refusals(path, kind)
    assert said
    assert all(words in line for line in said), said
    if not (name == "network" and value == "other") and name != "parameters":
        assert len(said) == len(list(readers(path, kind)))
    assert snapshot(path) == before


@pytest.mark.parametrize("kind", ["search", "train"])
@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, "", "9" * 5000, "[]", "null", "{", "\x00", "\xff"]
)
def test_what_is_no_run_json_is_refused(path: Path, kind: str, text: str) -> None:
    (path / "run.json").write_bytes(text.encode("latin-1"))
    assert len(refusals(path, kind)) == len(list(readers(path, kind)))


# ------------------------------------------------------------------------- rows


@pytest.mark.parametrize("kind", ["search"])
@pytest.mark.parametrize(
    ("file", "row", "words"),
    [
        ("history.jsonl", {"epoch": None}, "line 2 of .*history.jsonl is damaged: `epoch` is missing"),
        ("history.jsonl", {"epoch": 10**300}, "`epoch` is missing"),
        ("history.jsonl", {"epoch": 7}, "line 2 of .* is damaged: it is of epoch 7"),
        ("history.jsonl", {"epoch": 2, "train_loss": "low"}, "`train_loss` is missing"),
        ("history.jsonl", {"epoch": 2, "train_loss": 10**400}, "`train_loss` is missing"),
        ("history.jsonl", {"epoch": 2, "entropy": 5}, "`entropy` is missing"),
        ("alphas.jsonl", {"epoch": None}, "line 2 of .*alphas.jsonl is damaged: `epoch` is missing"),
        ("alphas.jsonl", {"epoch": 2, "alphas": []}, "`alphas` is missing"),
        ("alphas.jsonl", {"epoch": 2, "alphas": {}}, "do not fit its spec"),
        ("alphas.jsonl", {"epoch": 2, "alphas": {"normal": 5}}, "`alphas.normal` is missing"),
        (
            "alphas.jsonl",
            {"epoch": 2, "alphas": {"normal": [[None]]}},
            r"`alphas.normal\[0\]\[0\]` is missing",
        ),
        (
            "alphas.jsonl",
            {"epoch": 2, "alphas": {"normal": [[float("nan")]]}},
            "is missing or not what it was",
        ),
        ("alphas.jsonl", {"epoch": 2, "alphas": {"normal": [[float("inf")] * 3] * 5}}, "is missing or not"),
        ("alphas.jsonl", {"epoch": 2, "alphas": {"normal": [[0.0] * 3] * 4}}, "do not fit its spec"),
    ],
)
def test_a_row_is_named(path: Path, kind: str, file: str, row: dict[str, Any], words: str) -> None:
    lines = (path / file).read_text().splitlines()
    (path / file).write_text(f"{lines[0]}\n{json.dumps(row)}\n")
    before = snapshot(path)
    reader = (
        partial(plot, path, path.parent / "curves.svg")
        if file == "history.jsonl"
        else partial(rederive, path)
    )
    with pytest.raises(UserError, match=words):
        reader()
    refusals(path, kind)
    (path / "found.darts").unlink(missing_ok=True)
    before.pop(path / "found.darts", None)
    assert {file: text for file, text in snapshot(path).items() if file in before} == before


@pytest.mark.parametrize("kind", ["search"])
def test_alphas_of_a_cell_that_the_network_has_not_are_refused(path: Path, kind: str) -> None:
    rows = [json.loads(line) for line in (path / "alphas.jsonl").read_text().splitlines()]
    rows[1]["alphas"]["strange"] = rows[1]["alphas"]["normal"]
    (path / "alphas.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = refusals(path, kind)
    assert len(said) == len(list(readers(path, kind)))
    assert all("`strange`" in line for line in said), said


@pytest.mark.parametrize("kind", ["train"])
@pytest.mark.parametrize("validation", [5, {}, {"val_loss": 1.0}, {"val_loss": None, "val_acc": 0.5}, []])
def test_what_is_said_of_the_last_epoch_must_be_there(path: Path, kind: str, validation: Any) -> None:
    rows = [json.loads(line) for line in (path / "history.jsonl").read_text().splitlines()]
    rows[1]["validation"] = validation
    (path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"`validation.*` is missing or not what it was"):
        training.resume(path, console=quiet())


# ------------------------------------------------------------------------ files


@pytest.mark.parametrize("kind", ["search", "train"])
@pytest.mark.parametrize("name", ["run.json", "history.jsonl", "alphas.jsonl", "checkpoint.pt", "spec.darts"])
@pytest.mark.parametrize("what", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused_and_not_waited_for(path: Path, kind: str, name: str, what: str) -> None:
    if not (path / name).exists():
        return  # a training has no alphas
    (path / name).unlink()
    if what == "pipe":
        os.mkfifo(path / name)
    elif what == "folder":
        (path / name).mkdir()
    else:
        (path / name).symlink_to("/dev/zero")
    said = refusals(path, kind)
    assert said
    assert all("not a regular file" in line or name == "spec.darts" for line in said), said


# ------------------------------------------------------------------------- fuzz


JUNK: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e308,
    10**400,
    float("nan"),
    "",
    "x",
    "\x00",
    "../..",
    [],
    [[]],
    {},
    {"": 0},
]


def mutated(value: Any, draws: random.Random) -> Any:
    """A JSON value with one thing in it removed, or replaced by what it cannot be."""
    if isinstance(value, dict) and value and draws.random() < 0.8:
        name = draws.choice(list(value))
        if draws.random() < 0.15:
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: mutated(value[name], draws)}
    if isinstance(value, list) and value and draws.random() < 0.8:
        place = draws.randrange(len(value))
        return [*value[:place], mutated(value[place], draws), *value[place + 1 :]]
    return draws.choice(JUNK)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("search", "run.json"),
        ("search", "history.jsonl"),
        ("search", "alphas.jsonl"),
        ("train", "run.json"),
        ("train", "history.jsonl"),
    ],
)
def test_no_reader_fails_otherwise(path: Path, kind: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is changed, of the readers that build no network."""
    draws = random.Random(f"{kind} {file}")
    text = (path / file).read_text()
    quick: list[Callable[[], object]] = [lambda: plot(path, path.parent / "curves.svg")]
    quick += (
        [lambda: rederive(path), lambda: draw(path)]
        if kind == "search"
        else [lambda: run_network(RunFolder.open(path))]
    )
    monkeypatch.setattr("dartsl.run.plot.picture", lambda *_: b"")
    for _ in range(60):
        if file == "run.json":
            changed = json.dumps(mutated(json.loads(text), draws))
        else:
            rows = [json.loads(line) for line in text.splitlines()]
            found = mutated(rows, draws)
            changed = "".join(json.dumps(row) + "\n" for row in found) if isinstance(found, list) else "{}\n"
        (path / file).write_text(changed)
        for reader in quick:
            try:
                reader()
            except (UserError, SpecError):
                continue
