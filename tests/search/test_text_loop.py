"""A search on text from its spec to a found file; interrupted anywhere, it goes on bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dartsl import compile
from dartsl.api.jobs import search_config
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.nn.supernet import Supernet
from dartsl.searching import loop
from dartsl.searching.memory import step_peak
from dartsl.searching.text_session import tied_weights
from tests.search.runs import checkpoint_of, job, quiet, same_runs

pytestmark = pytest.mark.usefixtures("undrawn")

STORY = """darts 1

import "std/rnn"

cell recurrent {
  input  x, h
  node   s0     : highway > mix_bn
  node   s1..s2 : sum > mix_bn keep 1
  edge   x, h   -> s0     : identity
  edge   s0..s1 -> s1..s2 : activations
  output mean(s1..s2)
}

network story(H = 4, vocab = 6) {
  input tokens(5)
  stem  embedding(vocab, out = H) > locked_dropout(0.2)
  stage scan(recurrent, carry = "h", dropout_x = 0.25, dropout_h = 0.25) width H
  head  locked_dropout(0.25) > linear(vocab, tie = "stem")
}

search {
  epochs        = 2
  batch         = 4
  lr            = 2
  alphas_lr     = 0.1
  short_windows = 0.4
  level         = "char"
}
"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "story.darts").write_text(STORY)
    generator = torch.Generator().manual_seed(0)
    letters = torch.randint(0, 6, (150,), generator=generator).tolist()
    text = "".join("abcdef"[i] for i in letters)
    (folder / "train.txt").write_text(text + "abcdef")
    (folder / "valid.txt").write_text(text[40:100])
    (folder / "test.txt").write_text(text[:30])
    return folder / "story.darts"


def run(spec: Path, name: str, **changes: object) -> loop.SearchResult:
    config = search_config(check(read(str(spec))), {"data": str(spec.parent), "device": "cpu", **changes})
    return loop.search(job(spec, name), config)


@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_an_interrupted_run_goes_on_bit_for_bit(
    story: Path, stop_after: Callable[[int], None], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(story, "whole", order=order)
    steps = checkpoint_of(story.parent / "whole")["state"]["step"]
    for looks in (1, steps // 2, steps // 2 + 2, steps):
        stop_after(looks)
        stopped = run(story, f"stopped{looks}", order=order)
        monkeypatch.undo()
        monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")
        assert not stopped.finished
        assert checkpoint_of(stopped.path)["state"]["step"] == looks
        assert loop.resume(stopped.path, console=quiet()).finished
        same_runs(story.parent / "whole", stopped.path)


def test_edges_are_decided_by_the_validation_loss(
    story: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three edges, and the node that two of them lead to; within what is measured it stops, and goes on."""
    settings = {"derive": "perturbation", "projection_interval": 1, "epochs": 1}
    whole = run(story, "whole", **settings).path
    rows = [json.loads(line) for line in (whole / "history.jsonl").read_text().splitlines()]
    made = [each for row in rows[1:] for each in row["projection"]["decided"]]
    assert [next(name for name in ("edge", "node") if name in each) for each in made] == ["edge"] * 3 + [
        "node"
    ]
    for each in made[:3]:
        assert each["kept"] == max(each["loss_without"], key=lambda name: each["loss_without"][name])
        assert len(each["loss_without"]) == 4  # all but `none`
    steps = checkpoint_of(whole)["state"]["step"] // 5
    stop_after(steps + 2)
    stopped = run(story, "parts", **settings)
    assert not stopped.finished
    monkeypatch.undo()
    assert loop.resume(stopped.path, console=quiet()).finished
    same_runs(whole, stopped.path)


def test_an_architecture_is_selected_by_the_validation_loss(
    story: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In evaluation mode, over all windows; within what is measured it stops, and goes on."""
    settings = {"method": "random_sharing", "samples": 4, "epochs": 1}
    whole = run(story, "whole", **settings).path
    rows = [json.loads(line) for line in (whole / "history.jsonl").read_text().splitlines()]
    found = rows[-1]["selection"]
    assert (found["drawn"], found["batches"]) == (4, None)
    assert found["loss"]["best"] == pytest.approx(rows[-1]["validation_loss"])
    assert found["loss"]["best"] <= found["loss"]["median"] <= found["loss"]["worst"]
    stop_after(checkpoint_of(whole)["state"]["step"] + 2)
    stopped = run(story, "parts", **settings)
    assert not stopped.finished
    monkeypatch.undo()
    assert loop.resume(stopped.path, console=quiet()).finished
    same_runs(whole, stopped.path)


def test_the_levels_of_optimisation_search_alike(story: Path) -> None:
    rows = []
    for level in (0, 2):
        path = run(story, f"O{level}", optimise=level, dtype="float64", order="2").path
        rows.append([json.loads(line) for line in (path / "history.jsonl").read_text().splitlines()])
    for plain, passed in zip(*rows, strict=True):
        for name in ("train_loss", "validation_loss", "train_perplexity"):
            assert passed[name] == pytest.approx(plain[name], rel=1e-8)


def test_another_text_is_refused_when_a_run_goes_on(
    story: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(2)
    path = run(story, "run").path
    monkeypatch.undo()
    (story.parent / "valid.txt").write_text("fedcba" * 10)
    with pytest.raises(UserError, match="are not those that the run was started with"):
        loop.resume(path, console=quiet())


def built(**settings: object) -> Supernet:
    return compile(check(Source("story", STORY)), **settings)  # type: ignore[arg-type]


def test_the_embedding_of_a_spec_is_held() -> None:
    model = built()
    assert [tuple(weight.shape) for weight in tied_weights(model)] == [(6, 4)]
    untied = STORY.replace(', tie = "stem"', "")
    assert tied_weights(compile(check(Source("story", untied)))) == []


@pytest.mark.parametrize("order", ["1", "2"])
@pytest.mark.parametrize("level", [0, 2])
def test_the_meta_device_tells_what_the_cpu_holds(level: int, order: str) -> None:
    estimated = step_peak(built(level=level, device="meta"), 6, order)
    assert estimated == pytest.approx(step_peak(built(level=level), 6, order), rel=0.05)
