"""Batched augmentation against one image at a time, in plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from dartsl.data import Augment, ImageData, measure
from dartsl.data.augment import crop, cutout, flip, normalise
from dartsl.lang.codes.diagnostics import UserError


def generator(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 40, height: int = 7, width: int = 6, channels: int = 3) -> Tensor:
    return torch.randint(1, 256, (count, height, width, channels), dtype=torch.uint8, generator=generator(1))


def image_data(train: Tensor) -> ImageData:
    labels = torch.arange(len(train)) % 2
    return ImageData("made", train, labels, train[:2], labels[:2], 2)


@pytest.mark.parametrize("padding", [1, 3])
def test_crop_is_a_window_of_the_padded_image(padding: int) -> None:
    batch = images()
    corner = Augment((), (), crop=padding).draw(len(batch), (7, 6), generator())
    assert torch.equal(corner, torch.randint(2 * padding + 1, (2, len(batch)), generator=generator()))
    found = crop(batch, padding, *corner).numpy()
    for i, image in enumerate(batch.numpy()):
        padded = np.zeros((7 + 2 * padding, 6 + 2 * padding, 3), np.uint8)
        padded[padding : padding + 7, padding : padding + 6] = image
        top, left = corner[0, i], corner[1, i]
        assert np.array_equal(found[i], padded[top : top + 7, left : left + 6])
    assert {tuple(c) for c in corner.T.tolist()} >= {(0, 0), (0, 2 * padding)} or padding == 3


def test_flip_turns_about_half_left_to_right() -> None:
    batch = images(400)
    (flipped,) = Augment((), (), flip=True).draw(len(batch), (7, 6), generator())
    for before, after, turned in zip(batch, flip(batch, flipped), flipped, strict=True):
        mirror = torch.stack([before[:, x] for x in reversed(range(6))], dim=1)
        assert torch.equal(after, mirror if turned else before)
    assert 160 < int(flipped.sum()) < 240


@pytest.mark.parametrize("side", [1, 2, 3, 4, 16])
def test_cutout_blanks_a_clipped_square(side: int) -> None:
    batch = torch.ones(300, 2, 7, 6)
    centres_y, centres_x = Augment((), (), cutout=side).draw(300, (7, 6), generator())
    draws = generator()
    assert torch.equal(centres_y, torch.randint(7, (300,), generator=draws))
    assert torch.equal(centres_x, torch.randint(6, (300,), generator=draws))
    found = cutout(batch, side, centres_y, centres_x)
    for i in range(300):
        expected = torch.ones(2, 7, 6)
        y, x = int(centres_y[i]), int(centres_x[i])
        for row in range(y - side // 2, y - side // 2 + side):
            for column in range(x - side // 2, x - side // 2 + side):
                if 0 <= row < 7 and 0 <= column < 6:
                    expected[:, row, column] = 0
        assert torch.equal(found[i], expected)
    assert {(int(y), int(x)) for y, x in zip(centres_y, centres_x, strict=True)} == {
        (y, x) for y in range(7) for x in range(6)
    }


def test_normalise() -> None:
    batch = images(5)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    found = normalise(batch, mean, std, torch.float64)
    assert found.shape == (5, 3, 7, 6)
    assert found.is_contiguous()
    for channel in range(3):
        expected = (batch[..., channel].double() / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(found[:, channel], expected)


def test_measured_mean_and_deviation_normalise_to_0_and_1() -> None:
    batch = images(5000)
    mean, std = measure(batch)
    torch.testing.assert_close(
        torch.tensor(mean, dtype=torch.float64), (batch.double() / 255).mean((0, 1, 2))
    )
    torch.testing.assert_close(
        torch.tensor(std, dtype=torch.float64), (batch.double() / 255).std((0, 1, 2), correction=0)
    )
    plain = Augment.of(image_data(batch)).plain(batch, torch.float64)
    torch.testing.assert_close(plain.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(plain.std((0, 2, 3), correction=0), torch.ones(3, dtype=torch.float64))


def test_a_channel_of_one_value_is_centred() -> None:
    batch = torch.full((4, 2, 2, 1), 51, dtype=torch.uint8)
    assert measure(batch) == ((0.2,), (1.0,))


def test_all_together_is_crop_flip_normalise_cutout() -> None:
    batch = images()
    augment = Augment((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), crop=2, flip=True, cutout=3)
    drawn = augment.draw(len(batch), (7, 6), generator(9))
    expected = flip(crop(batch, 2, drawn[0], drawn[1]), drawn[2])
    expected = cutout(normalise(expected, augment.mean, augment.std, torch.float32), 3, drawn[3], drawn[4])
    assert torch.equal(augment(batch, generator(9)), expected)
    assert not torch.equal(augment(batch, generator(8)), expected)


def test_without_augmentation_nothing_is_drawn() -> None:
    batch, draws = images(), generator()
    before = draws.get_state()
    augment = Augment((0.5,) * 3, (0.2,) * 3)
    assert torch.equal(augment(batch, draws), augment.plain(batch))
    assert torch.equal(draws.get_state(), before)


def test_a_part_of_a_batch_gets_the_draws_of_its_images() -> None:
    augment = Augment((0.5,) * 3, (0.2,) * 3, crop=2, flip=True, cutout=3)
    rows = torch.tensor([3, 4, 17])
    whole, part = generator(), generator()
    drawn = augment.draw(20, (7, 6), whole)
    assert torch.equal(augment.draw(20, (7, 6), part, rows), drawn[:, rows])
    assert torch.equal(whole.get_state(), part.get_state())


def test_given_mean_and_std() -> None:
    found = image_data(images())
    assert Augment.of(found, mean=(0.5,), std=(0.1, 0.2, 0.3)).mean == (0.5, 0.5, 0.5)
    with pytest.raises(UserError, match="2 numbers"):
        Augment.of(found, mean=(0.5, 0.5))
    with pytest.raises(UserError, match="holds a 0"):
        Augment.of(found, std=(0.0,))
