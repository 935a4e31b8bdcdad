"""Advice where a step fails: nothing that the run has already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from dartsl.lang.records.inputs import Tokens
from dartsl.lang.settings.values import SearchConfig, TrainConfig, search_config, train_config
from dartsl.run.advice import one_of
from dartsl.searching.image_session import ImageSession
from dartsl.searching.text_session import TextSession
from dartsl.training.session import ImageSession as ImageTraining
from dartsl.training.text_session import TextSession as TextTraining

SEARCH, SEARCH_TEXT, TRAIN, TRAIN_TEXT = (
    SearchConfig(),
    search_config(Tokens),
    TrainConfig(),
    train_config(Tokens),
)


def advice(kind: Any, config: SearchConfig | TrainConfig, *parameters: str) -> Mapping[str, str]:
    """What a session of a network with these parameters would say."""
    plan = SimpleNamespace(parameters=dict.fromkeys(parameters, 1))
    session = SimpleNamespace(
        config=config, model=SimpleNamespace(plan=plan), usual_clip=kind.__dict__.get("usual_clip", 5)
    )
    found: Mapping[str, str] = kind.advice.fget(session)
    return found


@pytest.mark.parametrize(
    ("kind", "config", "finite"),
    [
        (ImageSession, SEARCH, "a lower lr or alphas_lr, a lower clip, or --dtype float64"),
        (ImageSession, replace(SEARCH, clip=0.0, dtype="float64"), "a lower lr or alphas_lr or --clip 5"),
        (
            TextSession,
            replace(SEARCH_TEXT, clip=0.0),
            "a lower lr or alphas_lr, --clip 0.25, or --dtype float64",
        ),
        (ImageTraining, TRAIN, "a lower lr, a lower clip, or some --warmup"),
        (ImageTraining, replace(TRAIN, clip=0.0, warmup=2, amp=True), "a lower lr, --clip 5, or --no-amp"),
        (TextTraining, TRAIN_TEXT, "a lower lr or a lower clip"),
        (TextTraining, replace(TRAIN_TEXT, clip=0.0), "a lower lr or --clip 0.25"),
    ],
)
def test_where_a_number_is_not_finite(kind: Any, config: SearchConfig | TrainConfig, finite: str) -> None:
    assert advice(kind, config)["finite"] == f"start again with {finite}"


@pytest.mark.parametrize(
    ("kind", "config", "memory"),
    [
        (ImageSession, replace(SEARCH, order="2"), "--memory low, a smaller --batch, NARROWER, or --order 1"),
        (ImageSession, replace(SEARCH, memory="low", batch=1), "NARROWER"),
        (TextSession, replace(SEARCH_TEXT, memory="low"), "a smaller --batch or NARROWER"),
        (ImageTraining, TRAIN, "--accumulate 2, --memory low, a smaller --batch, --amp, or NARROWER"),
        (ImageTraining, replace(TRAIN, accumulate=4, amp=True, batch=1), "--accumulate 8, --memory low, or NARROWER"),
        (ImageTraining, replace(TRAIN, dtype="float64"),
         "--accumulate 2, --memory low, a smaller --batch, or NARROWER"),
        (TextTraining, TRAIN_TEXT, "--memory low, a smaller --batch, a smaller --bptt, or NARROWER"),
    ],
)  # fmt: skip
def test_where_memory_is_short(kind: Any, config: SearchConfig | TrainConfig, memory: str) -> None:
    for parameters, narrower in (
        (("n", "C"), " (--set C=...)"),
        (("vocab", "H"), " (--set H=...)"),
        (("n",), ""),
    ):
        wanted = memory.replace("NARROWER", f"a narrower network{narrower}")
        assert advice(kind, config, *parameters)["memory"] == wanted


def test_options_are_listed() -> None:
    assert one_of(["a"]) == "a"
    assert one_of([None, "a", None, "b"]) == "a or b"
    assert one_of(["a", "b", "c"]) == "a, b, or c"
