"""Run folders whose files are not what a run wrote: refused in words, by every reader, and left as they are."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.api import draw
from dartsl.lang.diagnostics import SpecError, UserError
from dartsl.lang.loader import read
from dartsl.plotting import plot
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder
from dartsl.search import loop as searching
from dartsl.search.derive import rederive, run_network
from dartsl.train import loop as training
from dartsl.train.evaluate import evaluate
from tests.search.conftest import PARTS, TINY, stop_after
from tests.search.runs import checkpoint_of, quiet, run
from tests.search.test_text_loop import story
from tests.train.conftest import TINY as DECIDED
from tests.train.runs import settings

__all__ = ["stop_after", "story"]  # fixtures

Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs `search` and `train`, of two epochs each."""
    import numpy as np

    folder = tmp_path_factory.mktemp("made")
    (folder / "parts.darts").write_text(PARTS)
    (folder / "tiny.darts").write_text(TINY)
    (folder / "decided.darts").write_text(DECIDED.replace("linear(7)", "linear(3)"))
    draws = np.random.default_rng(0)
    images, labels = draws.integers(0, 256, (28, 8, 8), dtype=np.uint8), np.arange(28) % 3
    np.savez(folder / "images.npz", x_train=images, y_train=labels, x_test=images[:6], y_test=labels[:6])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "render", lambda _dot, _kind: b"<svg/>")
        run(folder / "tiny.darts", "search")
    config = settings(folder / "decided.darts", ema=0.9)
    training.train(read(str(folder / "decided.darts")), config, out=folder / "train", console=quiet())
    return folder


@pytest.fixture
def path(made: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of one of them, by the test's parameter `kind`."""
    return Path(shutil.copytree(made / request.getfixturevalue("kind"), tmp_path / "run"))


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


def snapshot(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != ".lock"}


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
@pytest.mark.parametrize("watched", [5, {}, {"val_loss": 1.0}, {"val_loss": None, "val_acc": 0.5}, []])
def test_what_is_said_of_the_last_epoch_must_be_there(path: Path, kind: str, watched: Any) -> None:
    rows = [json.loads(line) for line in (path / "history.jsonl").read_text().splitlines()]
    rows[1]["watched"] = watched
    (path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"`watched.*` is missing or not what it was"):
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


# ------------------------------------------------------------------ checkpoints


def put(where: str, value: Any) -> Change:
    """Replace what lies in a state at a path such as `model/w`; `*` is the first name there."""

    def change(state: Any) -> None:
        *names, last = where.split("/")
        for name in names:
            state = state[_found(state, name)]
        if value is KeyError:
            del state[_found(state, last)]
        else:
            key = _found(state, last) if last == "*" or isinstance(state, list) else last
            state[key] = value(state.get(key)) if callable(value) else value

    return change


def _found(state: Any, name: str) -> Any:
    if isinstance(state, list):
        return int(name)
    return next(iter(state)) if name == "*" else name


def longer(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1), tensor.reshape(-1)])


OF_BOTH = [
    ("epoch", float("inf")),
    ("epoch", float("nan")),
    ("epoch", -1),
    ("epoch", 1.0),
    ("epoch", True),
    ("epoch", 10**30),
    ("seconds", float("nan")),
    ("seconds", -1.0),
    ("model/*", KeyError),
    ("model/*", longer),
    ("model/*", torch.Tensor.double),
    ("model/*", torch.Tensor.bool),
    ("model/strange", torch.zeros(1)),
    ("strange", 1),
]
OPTIMIZER = [
    ("state/0/momentum_buffer", longer),
    ("state/0/momentum_buffer", torch.Tensor.double),
    ("state/0/momentum_buffer", "x"),
    ("state/0/strange", torch.zeros(1)),
    ("state/9999", {}),
    ("state/-1", {}),
    ("param_groups/0/lr", float("nan")),
    ("param_groups/0/lr", -1.0),
    ("param_groups/0/momentum", 0.5),
    ("param_groups/0/weight_decay", 1.0),
    ("param_groups/0/params", [0]),
    ("param_groups", []),
    ("state", []),
]
OF_SEARCH = [
    *OF_BOTH,
    ("step", -5),
    ("step", float("inf")),
    ("batches/step", -5),
    ("batches/step", 4),
    ("batches/generator", longer),
    ("validation/generator", torch.Tensor.float),
    ("train/count", -1),
    ("train/loss", float("nan")),
    ("device", 3),
    *((f"weights_optimizer/{where}", value) for where, value in OPTIMIZER),
    ("alphas_optimizer/state/0/exp_avg", longer),
    ("alphas_optimizer/state/0/step", torch.tensor(-5.0)),
    ("alphas_optimizer/state/0/step", torch.tensor(float("nan"))),
    ("alphas_optimizer/state/0/step", torch.zeros(2)),
    ("alphas_optimizer/param_groups/0/betas", (0.1, 0.2)),
]
OF_TRAINING = [
    *OF_BOTH,
    ("place", -5),
    ("place", 99),
    ("average/*", KeyError),
    ("average/*", longer),
    ("average", {}),
    ("tally", {}),
    *((f"optimizer/{where}", value) for where, value in OPTIMIZER),
]


@pytest.mark.parametrize(
    ("kind", "where", "value"),
    [*(("search", *each) for each in OF_SEARCH), *(("train", *each) for each in OF_TRAINING)],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(
    path: Path, kind: str, where: str, value: Any
) -> None:
    record = checkpoint_of(path)
    state = record["state"]
    if "state/-1" in where or "state/9999" in where:
        name, _, number = where.rpartition("/")
        put(f"{name}/x", {})(state)
        entries = state[name.split("/")[0]]["state"]
        entries[int(number)] = entries.pop("x")
    elif "/state/0/" in where:
        name, _, rest = where.partition("/state/0/")
        entry = state[name]["state"][0]
        entry[rest] = value(entry[rest]) if callable(value) else value
    else:
        put(where, value)(state)
    checkpoint.write_record(path / "checkpoint.pt", record)
    history = path / "history.jsonl"
    history.write_text(history.read_text() + '{"epoch": 3, "l')  # as a crash leaves it
    before = snapshot(path)
    resume = searching.resume if kind == "search" else training.resume
    with pytest.raises(UserError, match="does not fit the run it lies in"):
        resume(path, console=quiet())
    assert snapshot(path) == before


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


@pytest.mark.parametrize("kind", ["search", "train"])
@pytest.mark.parametrize("file", ["run.json", "history.jsonl", "alphas.jsonl"])
def test_no_reader_fails_otherwise(path: Path, kind: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is changed, of the readers that build no network."""
    if not (path / file).exists():
        return  # a training has no alphas
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


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("carries", lambda carries: [longer(carry) for carry in carries]),
        ("carries", lambda carries: [carry[:, :-1] for carry in carries]),
        ("carries", lambda carries: [*carries, *carries]),
        ("carries", lambda carries: 5),
        ("validation_carries", lambda carries: [carry.double() for carry in carries]),
        ("batches", lambda batches: {**batches, "step": 10**6}),
    ],
)
def test_states_of_a_text_that_do_not_fit_are_refused(
    story: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, name: str, change: Change
) -> None:
    from tests.search.test_text_loop import run as run_text

    stop_after(2)
    path = run_text(story, "run", epochs=1).path
    monkeypatch.undo()
    record = checkpoint_of(path)
    record["state"][name] = change(record["state"][name])
    checkpoint.write_record(path / "checkpoint.pt", record)
    with pytest.raises(UserError, match="does not fit the run it lies in"):
        searching.resume(path, console=quiet())
