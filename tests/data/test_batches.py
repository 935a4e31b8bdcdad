"""Split, order and resumption of batches."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor

from dartsl.data import Batches, RandomBatches, split_by_index
from dartsl.lang.codes.diagnostics import UserError


def mixed(count: int) -> Tensor:
    return torch.arange(count - 1, -1, -1) % 3


@pytest.mark.parametrize(("count", "part", "first"), [(10, 0.5, 5), (11, 0.5, 5), (10, 0.75, 7), (2, 0.5, 1)])
def test_split_by_index(count: int, part: float, first: int) -> None:
    weights, alphas = split_by_index(mixed(count), part)
    assert weights.tolist() == list(range(first))
    assert alphas.tolist() == list(range(first, count))


@pytest.mark.parametrize(
    ("count", "part", "who"), [(1, 0.5, "weights"), (10, 1.0, "alphas"), (10, 0.05, "weights")]
)
def test_too_small_to_split(count: int, part: float, who: str) -> None:
    with pytest.raises(UserError, match=f"none for the {who}"):
        split_by_index(mixed(count), part)


def test_sorted_by_class_is_refused() -> None:
    for labels in ([0, 0, 1, 1, 2, 2], [2, 2, 1, 1, 0, 0]):
        with pytest.raises(UserError, match="sorted by class"):
            split_by_index(torch.tensor(labels))
    falling = torch.tensor([[0.0, 3.0], [1.0, 2.0], [0.0, 1.5]])
    with pytest.raises(UserError, match="sorted by target"):
        split_by_index(falling)
    split_by_index(torch.zeros(6, dtype=torch.int64))
    split_by_index(torch.tensor([0, 1]))


def test_an_epoch_holds_each_image_once_and_the_last_batch_the_rest() -> None:
    indices = torch.arange(100, 123)
    batches = Batches(indices, 5, seed=3)
    epochs = []
    for _ in range(3):
        epochs.append(list(batches))
        batches.advance()
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [5, 5, 5, 5, 3]
        assert sorted(torch.cat(epoch).tolist()) == indices.tolist()
    assert len(batches) == 5
    assert len({tuple(torch.cat(epoch).tolist()) for epoch in epochs}) == 3


def test_seeds() -> None:
    def first(seed: int) -> list[int]:
        return torch.cat(list(Batches(torch.arange(50), 8, seed))).tolist()

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("stop", range(11))
def test_resumption_goes_on_exactly(stop: int) -> None:
    """Stopped after any step, also after the last one of an epoch, through a file."""

    def three_epochs(
        batches: Batches, alphas: RandomBatches, done: list[list[int]], stop: int | None
    ) -> bytes:
        while len(done) < 12:
            for batch in batches:
                done.append([*batch.tolist(), -1, *alphas.draw().tolist()])
                if len(done) == stop:
                    file = io.BytesIO()
                    torch.save({"batches": batches.state_dict(), "alphas": alphas.state_dict()}, file)
                    return file.getvalue()
            batches.advance()
        return b""

    def fresh(seed: int) -> tuple[Batches, RandomBatches]:
        return Batches(torch.arange(15), 4, seed), RandomBatches(torch.arange(20, 30), 4, seed)

    whole: list[list[int]] = []
    three_epochs(*fresh(5), whole, None)
    parts: list[list[int]] = []
    saved = three_epochs(*fresh(5), parts, stop + 1)
    state = torch.load(io.BytesIO(saved), weights_only=True)
    batches, alphas = fresh(99)
    batches.load_state_dict(state["batches"])
    alphas.load_state_dict(state["alphas"])
    assert batches.step == stop % 4 + 1
    three_epochs(batches, alphas, parts, None)
    assert parts == whole


def test_random_batches() -> None:
    indices = torch.arange(10, 40)
    alphas = RandomBatches(indices, 12, seed=0)
    drawn = [alphas.draw().tolist() for _ in range(20)]
    assert all(len(set(batch)) == 12 for batch in drawn)
    assert {index for batch in drawn for index in batch} == set(indices.tolist())
    assert len(RandomBatches(indices, 100, seed=0).draw()) == 30
