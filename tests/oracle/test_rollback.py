"""A search that goes back with more weight decay, against the oracle, whose whole state is copied after each epoch."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest

from dartsl.searching import curvature
from dartsl.searching.image_session import ImageSession

from .mapping import assert_equal, renamed
from .naive.early_stopping import stops
from .test_search import CONFIG, data, sides

EVERY, WINDOW, LAG, EARLIEST = 1, 1, 2, 1


def value_of(step: int) -> float:
    """The curvature after a step: it grows from the tenth step on, that of the fifth epoch."""
    return 2.0 ** max(0, step - 8)


@pytest.mark.parametrize(("order", "level"), [("1", 2), pytest.param("2", 0, marks=pytest.mark.slow)])
def test_search_steps(order: str, level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs 1 to 5, back to 3; 4, back to 2; then no decay is left: 3 to 6, at nine times the first one."""
    monkeypatch.setattr(curvature, "curvature", lambda model, batch, pass_, decay: value_of(pass_.step))
    oracle, model = sides(order, nodes=1, level=level)
    config = dataclasses.replace(
        CONFIG, order=order, epochs=6, curvature=1, stop="curvature", stop_window=WINDOW, stop_lag=LAG,
        stop_earliest=EARLIEST, rollback=True, rollback_factor=3.0, rollback_most=0.0027, weight_decay=3e-4,
    )  # fmt: skip
    session = ImageSession(model, config, data(16))
    drawn = []
    make = session._batch
    vars(session)["_batch"] = lambda chosen: drawn.append(make(chosen)) or drawn[-1]
    kept, curvatures, passed = {}, list[float](), list[int]()
    while not session.finished:
        epoch = session.epoch
        assert len(curvatures) == epoch
        session.begin_epoch()
        xi = config.lr_min + 0.5 * (1 + math.cos(math.pi * epoch / 6)) * (config.lr - config.lr_min)
        for indices in session.batches:
            drawn.clear()
            session.take_step(indices)
            oracle.step(*drawn, xi)
            assert_equal(model.state_dict(), renamed(oracle.model, oracle.model.state_dict()))
        curvatures.append(value_of(session.number - 1))
        passed.append(epoch + 1)
        kept[epoch] = copy.deepcopy(oracle)
        decay = oracle.settings.weight_decay
        end = session.end_epoch()
        assert end.history["epoch"] == epoch + 1
        assert end.history["schedules"] == {"weight_decay": pytest.approx(decay, rel=1e-12)}
        ended = None if epoch == 5 else stops(curvatures, EVERY, WINDOW, LAG, config.stop_ratio, EARLIEST)
        if ended is not None and decay * 3 < 0.0028:
            _, back = ended
            curvatures = curvatures[: back + 1]
            oracle = copy.deepcopy(kept[back])
            oracle.settings = dataclasses.replace(oracle.settings, weight_decay=3 * decay)
            assert len(end.said) == 1
            assert end.said[0].startswith(
                f"back to epoch {back + 1}, with weight decay {3 * decay:g}: the mean"
            )
        else:
            assert not end.said
        assert_equal(model.state_dict(), renamed(oracle.model, oracle.model.state_dict()))
    assert passed == [1, 2, 3, 4, 5, 4, 3, 4, 5, 6]
    assert session.rollback.state_dict() == {"weight_decay": pytest.approx(2.7e-3), "kept_epochs": {}}
