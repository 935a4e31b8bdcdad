"""dartsl's training of DARTS_V2 against the oracle's, float64: logits, both losses, gradients, whole steps."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dartsl.data import ImageData
from dartsl.graph.operations import application
from dartsl.lang.checker import pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.build import Build
from dartsl.nn.draws import Draws
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.step.batches import ImageBatch, ImagePassed
from dartsl.step.finite import NonFiniteError
from dartsl.training.feed import MemoryFeed
from dartsl.training.network import Objective
from dartsl.training.session import ImageSession
from tests.search.runs import same

from .mapping import assert_equal, checked, randomise, renamed, spec_text
from .naive.networks import DARTS_V2
from .naive.training import Kept, Part, TrainedNetwork, Training

CELLS = 5  # reductions at 1 and 3
EPOCHS = 2
CONFIG = TrainConfig(
    device="cpu",
    epochs=EPOCHS,
    batch=8,
    lr=0.1,
    clip=0.5,  # small, so that steps are clipped
    auxiliary=0.4,
    drop_path=0.6,
    label_smoothing=0.1,
    crop=0,
    flip=False,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    dtype="float64",
    final=True,
)


def data(images: int, size: int) -> ImageData:
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randint(256, (images, size, size, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (images,), generator=generator)
    return ImageData("noise", pixels, labels, pixels, labels, 10)


def sides(config: TrainConfig, *, imagenet: bool = False, images: int = 15) -> tuple[Training, ImageSession]:
    """The same network on both sides; without settings of its own the oracle has DARTS's."""
    torch.manual_seed(0)
    oracle = TrainedNetwork(2, CELLS, DARTS_V2, imagenet=imagenet).double()
    randomise(oracle, seed=1)
    size = 200 if imagenet else 32  # the auxiliary head's map is 7x7, or 8x8
    text = spec_text("zoo/darts_v2_imagenet" if imagenet else "zoo/darts_v2", (size, size))
    spec = checked(text.replace("classes = 1000", "classes = 10"))
    planned = plan(spec, pick_network(spec, None), {"C": 2, "n": 1})
    model = from_plan(spec, planned, Build.of(config))
    model.load_state_dict(renamed(oracle, oracle.state_dict()), strict=True)
    training = Training(oracle, clip=config.clip, smoothing=config.label_smoothing)
    return training, ImageSession(model, config, MemoryFeed(data(images, size), config, ""))


def kept(model: Supernet, images: int, pass_: Pass) -> Kept:
    """What dartsl's drop-path keeps of the batch of a pass, as the oracle takes it."""
    like = torch.empty(images, 1, 1, 1, dtype=torch.float64)
    rows = {}
    for node in model.graph:
        if application(model.graph, node).kind == "drop_path":
            layer, target, source, _ = str(node).split(".")
            states = ["c0", "c1", "n0", "n1", "n2", "n3"]
            edge = (int(layer.removeprefix("layer")), int(target[1:]), states.index(source))
            kept = Draws(model.seed).kept_images(pass_, str(node), like)
            rows[edge] = (kept > 0).double().flatten()
    return Kept(1 - pass_.drop_path, rows)


def parts(session: ImageSession, batch: list[ImageBatch]) -> list[Part]:
    """A batch in the parts of equal size that go through the network one by one."""
    first = (session.epoch * session.steps + session.place - 1) * session.config.accumulate
    found = []
    for number, part in enumerate(batch, start=first):
        pass_ = Pass(number, drop_path=session.drop_path)
        found.append(Part(part.images, part.labels, kept(session.model, len(part.labels), pass_)))
    return found


class Recorded:
    """What a session's passes give and what its gradients are before they are clipped, step by step."""

    def __init__(self, session: ImageSession, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passes: list[dict[str, Tensor]] = []
        self.gradients: dict[str, Tensor] = {}
        inner = session._objective

        class Recording(Objective):
            def __call__(_self, output: Tensor, labels: Tensor) -> ImagePassed:  # noqa: N805
                passed = inner(output, labels)
                assert passed.penalty is not None
                head, auxiliary = output.detach().split(10, dim=1)  # type: ignore[no-untyped-call]
                total = passed.loss + passed.penalty
                self.passes.append(
                    {"logits": head, "auxiliary": auxiliary, "loss": passed.loss, "total": total}
                )
                return passed

        monkeypatch.setattr(session, "_objective", Recording(inner.loss, 10, 0.4))
        for name, weight in session.model.named_parameters():
            weight.register_post_accumulate_grad_hook(self._recorder(name))

    def _recorder(self, name: str) -> Callable[[Tensor], None]:
        def record(weight: Tensor) -> None:
            assert weight.grad is not None
            self.gradients[name] = weight.grad.clone()

        return record


def compare_steps(training: Training, session: ImageSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training as it is run: batches, draws, rates and the optimiser are the session's."""
    recorded = Recorded(session, monkeypatch)
    config, dropped, clipped = session.config, 0, False
    for epoch in range(config.epochs):
        session.begin_epoch()
        rate = 0.5 * config.lr * (1 + math.cos(math.pi * epoch / config.epochs))
        for batch in session.left():
            given = parts(session, batch)
            keep = 1 - config.drop_path * epoch / config.epochs
            assert all(part.kept.keep == pytest.approx(keep, rel=1e-15) for part in given)
            dropped += sum(int((row == 0).sum()) for part in given for row in part.kept.rows.values())
            recorded.passes.clear()
            session.take_step(batch)
            passed, slopes = training.step(given, rate)
            clipped |= math.sqrt(sum(float((slope**2).sum()) for slope in slopes.values())) > config.clip
            for ours, theirs in zip(recorded.passes, passed, strict=True):
                wanted = {"logits": theirs.logits, "auxiliary": theirs.extra_logits, "loss": theirs.loss}
                assert_equal(ours, {**wanted, "total": theirs.loss + 0.4 * theirs.extra_loss})
            assert_equal(recorded.gradients, renamed(training.model, slopes))
            assert_equal(session.model.state_dict(), renamed(training.model, training.model.state_dict()))
        session.end_epoch()
    assert clipped
    assert dropped


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_steps_of_darts_v2(level: int, accumulate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs of two steps, of eight and of seven images."""
    config = dataclasses.replace(CONFIG, optimise=level, accumulate=accumulate)
    compare_steps(*sides(config), monkeypatch)


@pytest.mark.parametrize("level", [0, 2])
def test_steps_on_imagenet(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stems, and the auxiliary head of a map of 7x7."""
    config = dataclasses.replace(CONFIG, optimise=level, batch=4)
    compare_steps(*sides(config, imagenet=True, images=4), monkeypatch)


def test_both_sides_see_the_masks() -> None:
    """Without them the oracle's logits are others: the comparison would tell."""
    training, session = sides(CONFIG)
    session.epoch = 1
    session.begin_epoch()
    (part,) = parts(session, next(iter(session.left())))
    kept_all = Kept(part.kept.keep, {edge: torch.ones_like(row) for edge, row in part.kept.rows.items()})
    logits, _ = training.model(part.images, part.kept)
    others, _ = training.model(part.images, kept_all)
    assert (logits - others).abs().max() > 1e-3


@pytest.mark.parametrize("what", ["loss", "gradient", "memory"])
def test_a_failed_step_leaves_no_trace(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With momentum, averages and parts: the state after `undo` is that before, and so is all that follows."""
    config = dataclasses.replace(CONFIG, accumulate=2, ema=0.9)
    (_, session), (_, other) = sides(config), sides(config)
    for each in (session, other):
        each.begin_epoch()
        each.take_step(next(each.left()))
        each.verify()
    before = copy.deepcopy(session.state_dict())
    same(other.state_dict(), before)
    assert all(
        float(entry["momentum_buffer"].abs().max()) > 0 for entry in before["optimizer"]["state"].values()
    )
    with monkeypatch.context() as patch:
        if what == "memory":
            patch.setattr("dartsl.step.gradients.clip_grads_with_norm_", _no_memory)
        hook = session.model.weights()[0].register_hook(
            lambda gradient: gradient * math.nan if what == "gradient" else gradient
        )
        spoilt = session.model.register_forward_hook(
            lambda _model, _inputs, output: output * math.nan if what == "loss" else output
        )
        with pytest.raises((NonFiniteError, torch.OutOfMemoryError)):
            _step_and_look(session)
        hook.remove()
        spoilt.remove()
    session.undo()
    same(session.state_dict(), before)
    for each in (session, other):
        for rest in each.left():
            each.take_step(rest)
        each.end_epoch()
    same(session.state_dict(), other.state_dict())


def _step_and_look(session: ImageSession) -> None:
    session.take_step(next(session.left()))
    session.verify()


def _no_memory(*_: object) -> None:
    raise torch.OutOfMemoryError("out of memory")
