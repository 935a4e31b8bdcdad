"""Searches in stages against the oracle, float64: two stages of two epochs, afresh in a deeper network (P-DARTS), or
going on with what was learnt (DrNAS)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from dartsl.lang.settings.stages import Stages
from dartsl.nn.draws import stream_seed
from dartsl.nn.supernet import Supernet
from dartsl.run.job import Job
from dartsl.searching.kept import kept_of
from dartsl.searching.stages import Course
from dartsl.step.batches import ImageBatch

from .mapping import TOLERANCE, checked, dartsl_name, spec_text
from .naive.pc_darts import with_partial_channels
from .naive.stages import MaskedNetwork, Masks, StagedSearch, without_the_weakest
from .naive.widening import rows_of, widened
from .test_search import CONFIG, SIZE, data, settings

C, WARMUP, LENGTH, KEEP = 2, 1, 2, 3
ROWS, CANDIDATES = 5, 8
LAYERS = {"fresh": (5, 8), "kept": (5, 5)}


def course(order: str, level: int, start: str, parts: tuple[int, int] = (1, 1)) -> Course:
    deeper = ", n = 2" if start == "fresh" else ""
    config = dataclasses.replace(
        CONFIG,
        order=order,
        optimise=level,
        epochs=2 * LENGTH,
        warmup=WARMUP,
        stages=Stages.of(
            f"stage(epochs = {LENGTH}, partial = {parts[0]}), "
            f"stage(keep = {KEEP}, epochs = {LENGTH}, partial = {parts[1]}{deeper})"
        ),
        stages_start=start,
    )
    job = Job(checked(spec_text("darts_cnn", SIZE, 2)), parameters={"C": max(C, *parts), "n": 1})
    found = Course(job, config)
    found.enter(found.model(), data(16))
    return found


def columns(model: Supernet, kind: str) -> list[list[int]]:
    """Which candidates the rows of a table are."""
    return kept_of(model).get(kind, [list(range(CANDIDATES)) for _ in range(ROWS)])


def begun(model: Supernet, layers: int, masks: Masks, c: int = C, parts: int = 1) -> MaskedNetwork:
    """The oracle's network with the numbers that dartsl's begins with."""
    torch.manual_seed(0)
    naive = MaskedNetwork(c, layers, nodes=2)
    if parts > 1:
        with_partial_channels(naive, c, parts)
    naive.double()
    naive.masks = masks
    theirs = model.state_dict()
    with torch.no_grad():
        for name, value in naive.state_dict().items():
            if name.startswith("alphas."):
                kind = name.removeprefix("alphas.")
                for row, places in enumerate(columns(model, kind)):
                    value[row, places] = theirs[name][row, : len(places)]
            elif dartsl_name(name) in theirs:
                value.copy_(theirs[dartsl_name(name)])
    return naive


def wider(oracle: StagedSearch, parts: tuple[int, int], c: int) -> MaskedNetwork:
    """The oracle's network with the candidates of the next stage; its momentum has their widths from now on."""
    old = oracle.model
    assert isinstance(old, MaskedNetwork)
    new = with_partial_channels(MaskedNetwork(c, len(old.cells), nodes=2), c, parts[1]).double()
    assert isinstance(new, MaskedNetwork)
    new.masks = old.masks

    def draw(name: str, side: str, had: int) -> list[int]:
        path = dartsl_name(f"{name}.weight").removeprefix("network.").removesuffix(".weight")
        generator = torch.Generator().manual_seed(stream_seed(CONFIG.seed, "wider", 1, path, side))
        return torch.randint(had, (had * parts[0] // parts[1] - had,), generator=generator).tolist()

    rows: dict[str, tuple[list[int], list[int] | None]] = {}
    for name, op in old.named_modules():
        rows |= {
            f"{name}.{part}": found for part, found in rows_of(name, op, draw).items() if ".ops." in name
        }

    def of(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = {name: rows.get(name.rpartition(".")[0]) for name in values}
        return {
            name: value if found[name] is None else widened(value, *found[name])
            for name, value in values.items()
        }

    new.load_state_dict(of(old.state_dict()))
    oracle.model, oracle.buffers = new, of(oracle.buffers)
    return new


def assert_same(model: Supernet, naive: MaskedNetwork) -> None:
    """All that dartsl's network has is as the oracle has it; what it does not have, the oracle has masked."""
    mine = {dartsl_name(name): value for name, value in naive.state_dict().items()}
    for name, value in model.state_dict().items():
        wanted = mine[name]
        if name.startswith("alphas."):
            kind = name.removeprefix("alphas.")
            rows = zip(wanted, columns(model, kind), strict=True)
            wanted = torch.stack([row[places] for row, places in rows])
        torch.testing.assert_close(value, wanted, rtol=TOLERANCE, atol=TOLERANCE, msg=name)


def follow(course: Course, oracle: StagedSearch, first: int, epochs: int, since: int) -> list[dict[str, Any]]:
    """A stage on both sides; its cosine runs over `epochs`, from epoch `since` on."""
    session, drawn, rows = course.session, list[ImageBatch](), []
    make = session._batch  # type: ignore[attr-defined]

    def recorded(chosen: Any) -> ImageBatch:
        drawn.append(make(chosen))
        return drawn[-1]

    vars(session)["_batch"] = recorded
    for epoch in range(first, first + LENGTH):
        session.begin_epoch()
        oracle.rests = epoch - first < WARMUP
        cosine = 0.5 * (1 + math.cos(math.pi * (epoch - since) / epochs))
        for place in session.left():
            drawn.clear()
            session.take_step(place)
            oracle.step(*drawn, CONFIG.lr_min + cosine * (CONFIG.lr - CONFIG.lr_min))
            assert_same(session.model, oracle.model)
        rows.append(session.end_epoch().history)
    return rows


# Each order with both starts, and both levels, among the quick ones and the slow ones together.
QUICK = [("1", 2, "fresh"), ("2", 2, "kept")]
SLOW = [("1", 0, "kept"), ("2", 0, "fresh"), ("exact", 0, "kept"), ("exact", 2, "fresh")]
SLOW_PARTIAL = [("2", 0, "kept"), ("exact", 2, "kept"), ("1", 0, "fresh")]


def marked(quick: list[tuple[str, int, str]], slow: list[tuple[str, int, str]]) -> list[Any]:
    return [*quick, *(pytest.param(*each, marks=pytest.mark.slow) for each in slow)]


@pytest.mark.parametrize(("order", "level", "start"), marked(QUICK, SLOW))
def test_search_in_stages(order: str, level: int, start: str) -> None:
    assert_stages(order, level, start)


@pytest.mark.parametrize(("order", "level", "start"), marked([("1", 2, "kept")], SLOW_PARTIAL))
def test_partial_channels_of_each_stage(order: str, level: int, start: str) -> None:
    """A quarter of the channels is mixed first, then a half, whose further channels are copies where they are kept."""
    assert_stages(order, level, start, (4, 2))


def assert_stages(order: str, level: int, start: str, parts: tuple[int, int] = (1, 1)) -> None:
    """A search in two stages is the oracle's, step by step, with such partial channels in each."""
    found = course(order, level, start, parts)
    c = max(C, *parts)
    masks = {kind: torch.ones(ROWS, CANDIDATES, dtype=torch.float64) for kind in ("normal", "reduction")}
    naive = begun(found.session.model, LAYERS[start][0], masks, c, parts[0])
    oracle = StagedSearch(naive, settings(order))
    over = LENGTH if start == "fresh" else 2 * LENGTH
    rows = follow(found, oracle, 0, over, 0)

    masks = without_the_weakest(naive, KEEP)
    found.advance()
    for kind, mask in masks.items():
        assert columns(found.session.model, kind) == [row.nonzero()[:, 0].tolist() for row in mask]
    if start == "fresh":
        naive = begun(found.session.model, LAYERS[start][1], masks, c, parts[1])
        oracle = StagedSearch(naive, settings(order))
    elif parts[0] != parts[1]:
        naive = wider(oracle, parts, c)
    naive.masks = masks
    assert_same(found.session.model, naive)
    rows += follow(found, oracle, LENGTH, over, LENGTH if start == "fresh" else 0)
    assert found.session.finished
    assert found.last
    assert [(row["epoch"], row["stage"]) for row in rows] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert [row["candidates"]["normal"] for row in rows] == [8, 8, 3, 3]
    table = found.session.readings()["reduction"].weights
    softmax = naive.mixing("reduction", torch.zeros(()))
    torch.testing.assert_close(torch.tensor(table, dtype=torch.float64), softmax, rtol=1e-10, atol=1e-12)


def test_a_stage_begins_with_other_numbers() -> None:
    """Not with those that the stage before had begun with."""
    found = course("1", 0, "fresh")
    first, second = found.model(0), found.model(1)
    name = "network.stem0.conv.weight"
    assert not torch.equal(first.state_dict()[name], second.state_dict()[name])
    assert torch.equal(second.state_dict()[name], found.model(1).state_dict()[name])
