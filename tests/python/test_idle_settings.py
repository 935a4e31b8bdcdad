"""A setting that does nothing in a run is noted, with the reason; it does nothing indeed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import dartsl
from dartsl.lang.settings.effects import OF_SEARCH, OF_TRAINING, Found, idle
from dartsl.lang.settings.values import SearchConfig, TrainConfig
from tests.python.conftest import COMMON
from tests.search.runs import checkpoint_of, same

FOLDER = Found(folder=True)
STREAMED = Found(folder=True, streamed=True)
PARTS = (
    "temperature",
    "beta_decay_weight",
    "zero_one_weight",
    "kl_weight",
    "entropy_weight",
    "cost",
    "target",
    "cost_mode",
    "cost_weight",
    "cost_factor",
    "cost_exponent",
    "threshold",
    "projection_interval",
    "samples",
    "sample_batches",
    "stop_skips",
    "stop_epochs",
    "stop_ratio",
    "stop_window",
    "stop_lag",
    "stop_earliest",
    "rollback_factor",
    "rollback_most",
    "freeze_threshold",
    "freeze_steps",
    "perturb_steps",
    "epsilon",
    "auxiliary_skip_weight",
    "stages_start",
)  # of parts that no search has named
LEARNING = (
    "warmup",
    "steps_first",
    "alphas_lr",
    "alphas_betas",
    "alphas_clip",
    "alphas_decay",
    "alphas_start",
)  # of alphas


@pytest.mark.parametrize(
    ("config", "found", "names"),
    [
        (SearchConfig(), Found(), ["workers", "stream", "r", *PARTS]),
        (SearchConfig(order="2"), FOLDER, ["workers", *PARTS]),
        (SearchConfig(order="2", relaxation="gumbel"), STREAMED, [*PARTS[1:]]),
        (
            SearchConfig(order="exact"),
            Found(prepared=True, apart=True),
            ["workers", "stream", "crop", "flip", "cutout", "mean", "std", "r", "split", *PARTS],
        ),
        (
            SearchConfig(order="2", stop="stable", epochs=12, warmup=2),
            STREAMED,
            ["stop", *(name for name in PARTS if name != "stop_epochs")],
        ),
        (
            SearchConfig(order="2", stop="stable", epochs=13, warmup=2),
            STREAMED,
            [name for name in PARTS if name != "stop_epochs"],
        ),
        (
            SearchConfig(order="2", stop="skips", skip_limit=1),
            Found(folder=True, streamed=True, skips=False),
            ["stop", "skip_limit", *(name for name in PARTS if name != "stop_skips")],
        ),
        (
            SearchConfig(relaxation="uniform", derive="sampled"),
            STREAMED,
            ["r", *(name for name in PARTS if not name.startswith("sample")), *LEARNING],
        ),
        (TrainConfig(), Found(), ["workers", "stream", "decay", "amp_type", "resize"]),
        (TrainConfig(asgd=False), STREAMED, ["decay", "amp_type", "nonmono"]),
        (
            TrainConfig(schedule="exponential", amp=True, resized_crop=True),
            Found(folder=True, streamed=True, apart=True),
            ["crop", "lr_min", "validation"],
        ),
        (
            TrainConfig(amp=True, final=True),
            FOLDER,
            ["workers", "decay", "resize", "validation"],
        ),
        (TrainConfig(amp=True, validation=0.0), Found(folder=True, streamed=True, apart=True), ["decay"]),
    ],
)  # fmt: skip
def test_settings_without_effect(config: SearchConfig | TrainConfig, found: Found, names: list[str]) -> None:
    table = OF_SEARCH if isinstance(config, SearchConfig) else OF_TRAINING
    assert table.keys() <= set(type(config).__dataclass_fields__)
    sentences = idle(config, [*table, "epochs", "seed"], found)
    assert sorted(each.split("`")[1] for each in sentences) == sorted([*names, "graphs"])  # on no GPU
    assert idle(config, [], found) == []


def test_the_reason_is_said() -> None:
    assert idle(TrainConfig(), ["resize"], Found()) == [
        "the setting `resize` does nothing here: it is the size of folder images that are read as they are needed, "
        "and these images are held in memory"
    ]


def search(out: str, **settings: Any) -> Path:
    return dartsl.search("small.darts", out, data="images.npz", **{**COMMON, **settings}).path


def train(out: str, **settings: Any) -> Path:
    return dartsl.train("run", out, **{**COMMON, **settings}).path


@pytest.mark.parametrize(
    ("run", "setting", "value"),
    [
        (search, "workers", 2), (search, "r", 0.5), (search, "stream", "never"),
        (train, "decay", 0.5), (train, "resize", 20), (train, "workers", 2), (train, "amp_type", "float16"),
    ],
)  # fmt: skip
def test_a_setting_that_is_noted_changes_nothing(
    run: Callable[..., Path], setting: str, value: Any, work: Path, quiet: Console
) -> None:
    search("run", console=quiet)
    plain = run("plain", console=quiet)
    assert "note:" not in quiet.file.getvalue()  # type: ignore[attr-defined]
    other = run("other", console=quiet, **{setting: value})
    same(checkpoint_of(plain), checkpoint_of(other))
    assert f"note: the setting `{setting}` does nothing here: " in quiet.file.getvalue()  # type: ignore[attr-defined]
