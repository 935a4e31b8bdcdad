"""The weights of a training's run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import dartsl
from dartsl import UserError
from dartsl.exchange import weights
from dartsl.exchange.exporting import Subject, subject_of_spec
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder
from dartsl.run.records import Identity
from dartsl.training.weights import load_trained

IDENTITY = Identity("train", "hash", "cifar10", {})


def trained(path: Path, state: dict[str, Any]) -> RunFolder:
    checkpoint.save(path, IDENTITY, state)
    return cast(RunFolder, SimpleNamespace(checkpoint=path, info=SimpleNamespace(identity=IDENTITY)))


@pytest.fixture(scope="module")
def subject() -> Subject:
    return subject_of_spec(dartsl.check("zoo/darts_v2"), None, {"C": 4, "n": 1})


@pytest.fixture(scope="module")
def model(subject: Subject) -> Supernet:
    """As it is trained: with an auxiliary head and drop-path."""
    return from_plan(subject.spec, subject.plan, Build(seed=5, drop_path=True, auxiliary=True)).eval()


def test_weights_of_a_training_without_its_auxiliary_head(
    tmp_path: Path, subject: Subject, model: Supernet
) -> None:
    folder = trained(
        tmp_path / "checkpoint.pt", {"model": dict(model.state_dict()), "average": {}, "epoch": 3}
    )
    mine = weights.model_of(subject.spec, subject.plan, seed=0, dtype="float32", plugins=[])
    assert load_trained(mine, folder) == 3
    images = torch.randn(2, *subject.plan.input.shape.dims)
    torch.testing.assert_close(mine(images), model(images)[:, :10], rtol=1e-4, atol=1e-5)


def test_averaged_weights_go_before_others(tmp_path: Path, subject: Subject, model: Supernet) -> None:
    average = {"network.head.linear.bias": torch.full((10,), 3.0)}
    folder = trained(
        tmp_path / "checkpoint.pt", {"model": dict(model.state_dict()), "average": average, "epoch": 3}
    )
    mine = weights.model_of(subject.spec, subject.plan, seed=0, dtype="float32", plugins=[])
    load_trained(mine, folder)
    assert torch.equal(mine.state_dict()["network.head.linear.bias"], torch.full((10,), 3.0))


@pytest.mark.parametrize("state", [{}, {"model": 3}, {"model": {"x": torch.zeros(1)}}])
def test_another_checkpoint_is_refused(tmp_path: Path, subject: Subject, state: dict[str, Any]) -> None:
    mine = weights.model_of(subject.spec, subject.plan, seed=0, dtype="float32", plugins=[])
    with pytest.raises(UserError, match="does not fit"):
        load_trained(mine, trained(tmp_path / "checkpoint.pt", state))
