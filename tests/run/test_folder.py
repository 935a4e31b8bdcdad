"""Run folders: whole, self-contained, refused when they are not what they should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.ast import File
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.parser import parse
from dartsl.run.folder import RunFolder, free_name, spec_hash
from dartsl.run.inputs import ImageInputs
from dartsl.run.kinds import ALPHAS
from dartsl.run.records import RunInfo

PART = 'darts 1\n\nimport "std/cnn"\n\nop mine = relu > conv(3)/stride > bn\n'
ROOT = """darts 1

import "./sub/part"

cell block {
  input  x
  node   y : sum
  edge   x -> y : mine | identity
  output y
}

network net {
  input image(1, 8, 8)
  stem  conv(3, out = 2)
  stage block width 2
  head  global_avg_pool > linear(2)
}
"""

INFO = RunInfo(
    kind="search",
    source="root.darts",
    spec_hash="0" * 64,
    network="net",
    parameters={},
    settings={"epochs": 2},
    seed=0,
    command="dartsl search root.darts",
    plugins=[],
    data_hash="1" * 64,
    inputs=ImageInputs((1, 8, 8), (0.25,), (0.5,), ("cat", "dog")),
    versions={"dartsl": "0"},
)


def made(path: Path, files: Sequence[File], info: RunInfo) -> RunFolder:
    with RunFolder.begun(path, files, info) as run:
        return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "spec"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "part.darts").write_text(PART)
    (folder / "root.darts").write_text(ROOT)
    return folder / "root.darts"


def test_a_run_holds_its_spec_with_all_imports_but_the_library(root: Path, tmp_path: Path) -> None:
    spec = check(read(str(root)))
    run = made(tmp_path / "deep" / "run", spec.files, INFO)
    assert run.spec.read_text() == ROOT
    assert (run.path / "sub" / "part.darts").read_text() == PART
    assert not (run.path / "std").exists()
    copied = check(read(str(run.spec)))
    assert spec_hash(copied.files) == spec_hash(spec.files)
    opened = RunFolder.open(run.path)
    assert opened.info == INFO
    assert opened.history() == opened.rows(ALPHAS) == []


def test_what_exists_is_refused_and_left_alone(root: Path, tmp_path: Path) -> None:
    files = check(read(str(root))).files
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="exists") as caught:
        made(tmp_path / "run", files, INFO)
    assert "--out" in str(caught.value.help)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make the folder"):
        made(tmp_path / "file" / "run", files, INFO)
    with pytest.raises(UserError, match="exists"):
        made(tmp_path / "file", files, INFO)


STARTED = {"spec.darts", "sub/part.darts", "history.jsonl", "alphas.jsonl", "run.json"}


@pytest.mark.parametrize("left", [set(), {"spec.darts"}, {"spec.darts", "sub/part.darts"}, STARTED])
def test_what_a_run_left_that_never_began_is_taken_over(root: Path, tmp_path: Path, left: set[str]) -> None:
    """With the temporary files of what it was killed at, wherever they are; of another seed, say, or of a training."""
    files, path = check(read(str(root))).files, tmp_path / "run"
    made(path, files, INFO)
    assert {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} - {
        ".lock"
    } == STARTED
    for name in STARTED - left:
        (path / name).unlink()
    for name in (".run.json.1.tmp", ".checkpoint.pt.77.tmp", "sub/.part.darts.999999999.tmp"):
        (path / name).write_text("half of it")
    run = made(path, files, replace(INFO, kind="train", seed=9))
    assert RunFolder.open(path).info.seed == 9
    found = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} - {".lock"}
    assert found == STARTED - {"alphas.jsonl"}
    assert run.unbegun


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notes.txt", ""),
        ("checkpoint.pt", ""),
        ("history.jsonl", '{"epoch": 1}\n'),
        ("history.jsonl", '{"ep'),
        ("other.darts", ""),
        ("found.darts", ""),
        ("sub/notes.txt", ""),
        (".notes.txt.12.tmp", ""),
        ("tensorboard/events", ""),
    ],
)
def test_what_holds_more_is_left_as_it_is(root: Path, tmp_path: Path, name: str, text: str) -> None:
    files, path = check(read(str(root))).files, tmp_path / "run"
    made(path, files, INFO)
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_text(text)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(UserError, match="exists"):
        made(path, files, replace(INFO, seed=9))
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_nothing_is_written_through_a_link_to_another_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "part.darts").write_text("mine")
    try:
        (tmp_path / "run" / "sub").symlink_to(tmp_path / "mine", target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(UserError, match="exists"):
        made(tmp_path / "run", check(read(str(root))).files, INFO)
    assert (tmp_path / "mine" / "part.darts").read_text() == "mine"


def test_a_run_that_is_just_being_started_is_not_taken_over(root: Path, tmp_path: Path) -> None:
    files = check(read(str(root))).files
    with (
        RunFolder.begun(tmp_path / "run", files, INFO),
        pytest.raises(UserError, match="another process is at work"),
    ):
        made(tmp_path / "run", files, INFO)


def test_temporary_files_are_swept_when_the_folder_is_held(tmp_path: Path) -> None:
    """Those of files that its holder alone writes; of others, where their writer is gone. Nothing else."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    swept = [f".checkpoint.pt.{os.getppid()}.tmp", ".run.json.1.tmp", f".curves.svg.{gone.pid}.tmp"]
    kept = [f".curves.svg.{os.getppid()}.tmp", ".notes.tmp", "run.json.1.tmp", ".a.b.tmp", ".x.1.tmp.txt"]
    for name in swept + kept:
        (tmp_path / name).write_text("")
    with RunFolder(tmp_path, INFO).held():
        assert {path.name for path in tmp_path.iterdir()} - {".lock"} == set(kept)


def test_a_run_that_was_never_recorded_says_how_it_is_started(root: Path, tmp_path: Path) -> None:
    made(tmp_path / "run", check(read(str(root))).files, INFO)
    (tmp_path / "run" / "run.json").unlink()
    with pytest.raises(UserError, match="not a run folder") as caught:
        RunFolder.open(tmp_path / "run")
    assert f"--out {tmp_path / 'run'}" in str(caught.value.help)


@pytest.mark.parametrize("name", ["spec", "found"])
def test_an_import_that_the_run_would_overwrite_is_refused(root: Path, tmp_path: Path, name: str) -> None:
    (root.parent / f"{name}.darts").write_text(PART)
    root.write_text(ROOT.replace("sub/part", name))
    with pytest.raises(UserError, match=rf"would lie at {name}\.darts"):
        made(tmp_path / "run", check(read(str(root))).files, INFO)
    assert not (tmp_path / "run").exists()


def test_the_hash_is_of_the_tree_and_its_imports(root: Path) -> None:
    def now() -> str:
        return spec_hash(check(read(str(root))).files)

    before = now()
    root.write_text(ROOT.replace("cell block {", "cell   block { # the only one"))
    assert now() == before
    (root.parent / "sub" / "part.darts").write_text(PART.replace("conv(3)", "conv(5)"))
    assert now() != before


def test_the_hash_of_a_spec_of_darts_1_is_that_of_older_runs(root: Path) -> None:
    """A run goes on only where the hash is what it recorded; the prelude and `std/cnn` of darts 1 never change."""
    assert (
        spec_hash(check(read(str(root))).files)
        == "cb6077d73a9665d67713ad573450a59cd5aaf7bfd8916bbdf923454d57f08aa3"
    )


def test_what_the_library_gains_changes_no_hash(root: Path) -> None:
    """In darts 2: neither a primitive, nor an operation of `std/blocks` that the spec does not use."""
    root.write_text('darts 2\nimport "std/blocks"\nop again = residual(conv(3))\n')
    files = check(read(str(root))).files

    def with_more(name: str, text: str) -> str:
        more = parse(Source(name, f"darts 2\n{text}")).declarations
        return spec_hash(
            [replace(f, declarations=f.declarations + more) if f.source.name == name else f for f in files]
        )

    for name in ("std/prelude_2.darts", "std/blocks.darts"):
        assert with_more(name, "op unheard(f) = sum(f, f)") == spec_hash(files)
    without = [replace(f, declarations=()) if f.source.name == "std/prelude_2.darts" else f for f in files]
    assert spec_hash(without) == spec_hash(files)
    other = [replace(f, declarations=()) if f.source.name == "std/blocks.darts" else f for f in files]
    assert spec_hash(other) != spec_hash(files)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is not a run folder"),
        ("{", "is not JSON"),
        ("[]", "run format None"),
        (json.dumps({"format": 7}), "run format 7, and this version of dartsl reads formats 1 and 2"),
        (json.dumps({"format": 1, "kind": "search"}), "`source` is missing"),
        (json.dumps({**asdict(INFO), "seed": "x"}), "`seed` is missing or not what it was"),
        (json.dumps({**asdict(INFO), "parameters": {"C": "wide"}}), "`parameters.C` is missing or not"),
        (json.dumps({**asdict(INFO), "inputs": {"kind": "text"}}), "`inputs` is not what it was"),
    ],
)
def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=words):
        RunFolder.open(tmp_path)


BLEND = """darts 1

cell block {
  input  a, b, t
  node   y : MERGE
  edge   a, t -> y : relu
  edge   b -> y : identity
  output y
}
"""


@pytest.mark.parametrize(
    ("cell", "same"),
    [
        (BLEND.replace("MERGE", "lerp"), True),
        (BLEND.replace("MERGE", "lerp").replace("a, t", "t, a"), False),
        (BLEND.replace("MERGE", "concat").replace("a, t", "t, a"), False),
        (BLEND.replace("MERGE", "sum").replace("a, t", "t, a"), True),
    ],
)
def test_a_run_of_format_1_opens_where_its_spec_means_what_it_meant(
    tmp_path: Path, cell: str, same: bool
) -> None:
    files = check(Source("root.darts", cell)).files
    run = made(tmp_path / "run", files, replace(INFO, format=1))
    if same:
        assert RunFolder.open(run.path).info.identity.format == 1
        return
    with pytest.raises(
        UserError, match=r"run format 1, which merged sources in order of declaration.*`block`"
    ) as caught:
        RunFolder.open(run.path)
    assert caught.value.help == "start a new run of the spec"
    run.found.write_text("")
    with pytest.raises(UserError) as caught:
        RunFolder.open(run.path)
    assert "found.darts still says what it found" in str(caught.value.help)


def test_rows_after_a_checkpoint_are_forgotten_and_missing_ones_noticed(root: Path, tmp_path: Path) -> None:
    run = made(tmp_path / "run", check(read(str(root))).files, INFO)
    for epoch in (1, 2, 3):
        run.record({"epoch": epoch}, {ALPHAS: {"epoch": epoch, "alphas": {}}})
    run.keep_epochs(2)
    assert [row["epoch"] for row in run.history()] == [row["epoch"] for row in run.rows(ALPHAS)] == [1, 2]
    with pytest.raises(UserError, match="does not hold the 3 epochs"):
        run.keep_epochs(3)


def test_a_training_run_has_no_alphas(root: Path, tmp_path: Path) -> None:
    info = replace(INFO, kind="train")
    run = made(tmp_path / "run", check(read(str(root))).files, info)
    run.record({"epoch": 1, "validation": None, "averaged": False}, {})
    run.keep_epochs(1)
    assert not (run.path / "alphas.jsonl").exists()


def test_the_history_of_an_older_training_is_read(root: Path, tmp_path: Path) -> None:
    """What is `validation` today was called `watched` before version 0.2."""
    run = made(tmp_path / "run", check(read(str(root))).files, replace(INFO, kind="train"))
    old = {"epoch": 1, "watched": {"val_loss": 1.0, "val_acc": 0.5}}
    run.record(old, {})
    new = {"epoch": 1, "validation": old["watched"]}
    assert run.history() == [new]
    run.keep_epochs(1)
    assert json.loads((run.path / "history.jsonl").read_text()) == new


def test_the_first_free_name(tmp_path: Path) -> None:
    assert free_name(tmp_path, "a") == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert free_name(tmp_path, "a") == tmp_path / "a-3"


def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    other = RunFolder(folder, INFO)
    with RunFolder(folder, INFO).held(), pytest.raises(UserError, match="another process"), other.held():
        pass
    with other.held():  # given back
        pass
