"""`search --init`: a search that begins with the weights of another one's supernet."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

import dartsl
from dartsl.cli import cli
from dartsl.lang.codes.diagnostics import UserError
from dartsl.searching import loop
from tests.search.runs import checkpoint_of, quiet, same, same_runs

pytestmark = pytest.mark.usefixtures("undrawn")
SHARED: dict[str, Any] = {"method": "random_sharing", "samples": 2, "epochs": 1}
HEAD = ["network.head.linear.weight", "network.head.linear.bias"]


def search(
    tiny: Path, name: str, *, stop: bool = False, console: Console | None = None, **given: Any
) -> dartsl.Run:
    """A search of one epoch, or of one that stops after its first step."""
    return dartsl.search(
        tiny, tiny.parent / name, console=console or quiet(), on_step=lambda step: stop,
        **{"data": tiny.parent / "images.npz", "epochs": 2, **given},
    )  # fmt: skip


def first_state(
    tiny: Path, name: str, monkeypatch: pytest.MonkeyPatch, **given: Any
) -> dict[str, torch.Tensor]:
    """That of a search's network before its first step."""
    begin, found = loop.begin, {}

    def began(session: Any, *rest: Any) -> None:
        begin(session, *rest)
        found.update({key: value.clone() for key, value in session.model.state_dict().items()})

    monkeypatch.setattr(loop, "begin", began)
    search(tiny, name, stop=True, **given)
    monkeypatch.setattr(loop, "begin", begin)
    return found


def test_weights_are_taken_over_and_alphas_begin_afresh(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By statistics too, from a search by another relaxation, whose edges were decided."""
    one = search(tiny, "one", **SHARED)
    state = checkpoint_of(one.path)["state"]["model"]
    plain = first_state(tiny, "plain", monkeypatch)
    warm = first_state(tiny, "warm", monkeypatch, init=one)
    assert warm.keys() == plain.keys()
    for name, value in warm.items():
        assert torch.equal(value, state[name] if name.startswith("network.") else plain[name]), name
    assert any(name.endswith("running_mean") and bool(value.any()) for name, value in warm.items())
    record = json.loads((tiny.parent / "warm" / "run.json").read_text())["init"]
    digest = hashlib.sha256((one.path / "checkpoint.pt").read_bytes()).hexdigest()
    assert record == {"path": str(one.path.resolve()), "sha256": digest, "fresh": [], "alphas": False}
    assert dartsl.Run(tiny.parent / "warm").init == record
    assert dartsl.Run(tiny.parent / "plain").init is None


def test_alphas_are_taken_over_where_they_are_asked_for(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = search(tiny, "one", edge_weights=True)
    console = quiet()
    warm = first_state(
        tiny, "warm", monkeypatch, init=one.path, init_alphas=True, edge_weights=True, console=console
    )
    same(warm, dict(checkpoint_of(one.path)["state"]["model"]))
    count = len(warm)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"note: {count} of {count} tensors begin as those of {one.path.resolve()}, alphas too" in said
    with pytest.raises(UserError, match=r"betas\.normal is missing here and \(5,\) there"):
        search(tiny, "other", init=one, init_alphas=True)


def test_it_goes_on_bit_for_bit_and_from_before_its_first_checkpoint(tiny: Path) -> None:
    one = search(tiny, "one", epochs=2, warmup=1)
    whole = search(tiny, "whole", init=one)
    cut = search(tiny, "cut", init=one, stop=True)
    shutil.copytree(cut.path, tiny.parent / "died")
    assert dartsl.resume(cut.path, console=quiet()).finished  # type: ignore[union-attr]
    same_runs(whole.path, cut.path)
    died = tiny.parent / "died"
    (died / "checkpoint.pt").unlink()
    assert dartsl.resume(died, console=quiet()).finished  # type: ignore[union-attr]
    same_runs(whole.path, died)
    again = tiny.parent / "again"
    shutil.copytree(cut.path, again)
    for name in ("checkpoint.pt", "found.darts"):
        (again / name).unlink()
    for name in ("history.jsonl", "alphas.jsonl"):
        (again / name).write_text("")
    shutil.rmtree(one.path)
    search(tiny, "one", epochs=1, warmup=0)
    with pytest.raises(UserError, match="is not what the run was to begin with"):
        dartsl.resume(again, console=quiet())


def test_a_head_of_other_classes_begins_afresh(tiny: Path) -> None:
    one = search(tiny, "one", stop=True)
    other = tiny.with_name("other.darts")
    other.write_text(tiny.read_text().replace("linear(3)", "linear(4)"))
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (24, 8, 8), dtype=np.uint8)
    labels = np.arange(24) % 4
    np.savez(tiny.parent / "four.npz", x_train=pixels, y_train=labels, x_test=pixels[:3], y_test=labels[:3])
    console = quiet()
    run = search(other, "run", stop=True, init=one, data=tiny.parent / "four.npz", console=console)
    assert run.init is not None
    assert run.init["fresh"] == HEAD
    assert f"of the head {', '.join(HEAD)} begin afresh" in console.file.getvalue()  # type: ignore[attr-defined]


def test_what_does_not_fit_is_refused(tiny: Path) -> None:
    one = search(tiny, "one")
    with pytest.raises(UserError, match="has weights of another network: network") as refused:
        search(tiny, "wider", init=one, parameters={"C": 4})
    assert refused.value.help == "only the head may be another: take the same cells and the same --set"
    with pytest.raises(UserError, match="is not the folder of a search"):
        search(tiny, "file", init=tiny.parent / "images.npz")
    trained = dartsl.train(
        one, tiny.parent / "trained", epochs=1, data=tiny.parent / "images.npz", quiet=True
    )
    with pytest.raises(UserError, match="is a run of `train`, not of a search") as refused:
        search(tiny, "trained-first", init=trained)
    assert "what was trained has the weights of one operation an edge" in str(refused.value.help)
    with pytest.raises(UserError, match="alphas are taken over from a search, and none is named"):
        search(tiny, "nobody", init_alphas=True)
    for name in ("wider", "file", "trained-first", "nobody"):
        assert not (tiny.parent / name).exists()


def test_the_command(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)
    search(tiny, "one", stop=True)

    def command(*args: str) -> Any:
        return CliRunner().invoke(cli, ["search", *args], prog_name="dartsl")

    made = command(
        "tiny.darts", "--data", "images.npz", "--epochs", "1", "--warmup", "0", "--init", "one", "-o", "two",
        "--format", "json",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["result"]["init"]["path"] == str((tiny.parent / "one").resolve())
    for wrong in (
        ["--resume", "two", "--init", "one"],
        ["tiny.darts", "--init-alphas"],
        ["tiny.darts", "--init", "one", "--check-gradients"],
    ):
        assert command(*wrong).exit_code == 2
