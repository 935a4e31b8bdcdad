"""What a run's settings come from: an option goes before the spec, and that before the defaults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dartsl
from dartsl import UserError
from dartsl.api.jobs import search_config, train_config, trainable
from dartsl.lang.settings.values import SearchConfig, TrainConfig

from .conftest import GOOD, Dartsl, result_of

SEARCHED = GOOD.replace(
    "flip   = false", "flip   = false\n  alphas_lr = 0.5\n  lr = 0.2\n  order = 2\n  seed = 3"
)
DECIDED = (
    GOOD[: GOOD.index("search {")].replace(" | skip_connect", "").replace(" | sep_conv(3)", "")
    + """
train {
  data    = "tiny.npz"
  epochs  = 1
  batch   = 8
  lr      = 0.2
  flip    = false
  seed    = 3
}
"""
)


def settings_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text())["settings"]
    return found


def test_an_option_of_search_goes_before_the_spec(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    good.write_text(SEARCHED)
    options = ["--batch", "16", "--alphas-lr", "0.25", "--flip", "--order", "1", "--warmup", "0"]
    assert dartsl("search", "good.darts", *options, "--out", "run").exit_code == 0
    found = settings_of(tmp_path / "run")
    given = {"batch": 16, "alphas_lr": 0.25, "flip": True, "order": "1", "warmup": 0}
    of_the_spec = {"epochs": 1, "lr": 0.2, "seed": 3}
    assert {name: found[name] for name in {**given, **of_the_spec}} == {**given, **of_the_spec}
    assert found["momentum"] == SearchConfig().momentum


def test_an_option_of_train_goes_before_the_spec(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    good.write_text(DECIDED)
    options = ["--batch", "16", "--lr", "0.1", "--flip", "--crop", "1"]
    assert dartsl("train", "good.darts", *options, "--out", "run").exit_code == 0
    found = settings_of(tmp_path / "run")
    given = {"batch": 16, "lr": 0.1, "flip": True, "crop": 1}
    of_the_spec = {"epochs": 1, "seed": 3}
    assert {name: found[name] for name in {**given, **of_the_spec}} == {**given, **of_the_spec}
    assert found["momentum"] == TrainConfig().momentum


def test_the_data_of_a_search_go_after_the_spec_of_its_training(
    dartsl: Dartsl, good: Path, tmp_path: Path
) -> None:
    """The search was on tiny.npz; `train {}` says other.npz, and an option others still."""
    for name in ("other.npz", "third.npz"):
        with np.load(tmp_path / "tiny.npz") as arrays:
            np.savez(tmp_path / name, **arrays)
    train = "train {\n  epochs = 1\n  batch = 8\n  flip = false\nDATA}\n"
    good.write_text(GOOD + train.replace("DATA", ""))
    assert dartsl("search", "good.darts", "--out", "run").exit_code == 0
    assert dartsl("train", "run", "--out", "inherits").exit_code == 0
    found = tmp_path / "run" / "found.darts"
    found.write_text(found.read_text().replace("flip   = false", 'flip   = false\n  data = "other.npz"'))
    assert dartsl("train", "run", "--out", "of_the_spec").exit_code == 0
    assert dartsl("train", "run", "--data", "third.npz", "--out", "given").exit_code == 0
    names = [Path(settings_of(tmp_path / run)["data"]).name for run in ("inherits", "of_the_spec", "given")]
    assert names == ["tiny.npz", "other.npz", "third.npz"]


def test_a_training_is_on_what_a_search_was_given_where_the_spec_names_the_same_data_for_both(
    dartsl: Dartsl, good: Path, tmp_path: Path
) -> None:
    """An option of the search had named others, which its training takes over."""
    with np.load(tmp_path / "tiny.npz") as arrays:
        np.savez(tmp_path / "other.npz", **arrays)
    good.write_text(GOOD + 'train {\n  data = "tiny.npz"\n  epochs = 3\n}\n')
    assert dartsl("search", "good.darts", "--data", "other.npz", "--out", "run").exit_code == 0
    found = trainable(tmp_path / "run")
    config = train_config(found.spec, {}, None, found.inherited)
    assert (Path(config.data).name, config.epochs) == ("other.npz", 3)


def test_options_of_info_go_before_the_spec(dartsl: Dartsl, good: Path) -> None:
    good.write_text(SEARCHED.replace("  order = 2", '  order = 2\n  memory = "low"\n  optimise = 1'))
    names = ("batch", "order", "memory", "level")
    plain = result_of(dartsl("info", "good.darts", "--format", "json"))
    assert [plain[name] for name in names] == [8, "2", "low", 1]
    options = ["--batch", "2", "--order", "1", "--memory", "normal", "-O0"]
    given = result_of(dartsl("info", "good.darts", *options, "--format", "json"))
    assert [given[name] for name in names] == [2, "1", "normal", 0]


def test_from_python_it_is_the_same(good: Path) -> None:
    good.write_text(SEARCHED)
    config = search_config(dartsl.check(good), {"batch": 16, "order": "1"})
    assert (config.batch, config.order, config.lr, config.momentum) == (16, "1", 0.2, 0.9)
    good.write_text(DECIDED)
    trained = train_config(dartsl.check(good), {"lr": 0.1}, inherited={"data": "elsewhere.npz"})
    assert (trained.lr, trained.batch, trained.data, trained.epochs) == (0.1, 8, "tiny.npz", 1)
    with pytest.raises(UserError, match="no setting `speed`"):
        train_config(dartsl.check(good), {"speed": 1})
