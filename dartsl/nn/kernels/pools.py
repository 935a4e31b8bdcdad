"""Kernels of pools of one source: mean, without the padding, and maximum over the same windows, and their moments.

As in `separable.py`: NCHW, the stride between images is free, no sum is atomic. A program has one channel of one image.
The results lie side by side: channel c of the one at `MEAN` is MEAN * channels + c, likewise at `MAX`; -1: none.
"""

from __future__ import annotations

import triton
import triton.language as tl

# ruff: noqa: N803  # compile-time constants are upper case, as in Triton's own texts

SIZES = ["channels", "height", "breadth", "rows", "columns", "down", "across"]


@triton.jit
def _merged(tile, valid, size, count, centre, spread):
    """Mean and squares around it of `count` numbers and those of a tile, of which `size` are valid."""
    new = tl.sum(tl.where(valid, tile, 0.0), 0) / size
    away = tl.where(valid, tile - new, 0.0)
    apart = new - centre
    both = count + size
    return centre + apart * (size / both), spread + tl.sum(away * away, 0) + apart * apart * (
        count * size / both
    )


@triton.jit
def _leave(sums, spreads, place, count, centre, spread):
    """The moments of a channel of an image, as `sums.moments` takes them."""
    tl.store(sums + place, centre * count)
    tl.store(spreads + place, spread)


@triton.jit(do_not_specialize=SIZES)
def forward(
    x, y, taps, sums, spreads,
    x_image, channels, height, breadth, rows, columns, down, across,
    K: tl.constexpr, MEAN: tl.constexpr, MAX: tl.constexpr, MOMENTS: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """y (B, pools * channels, rows, columns); of each maximum its place in the window, the first of equal ones; of each
    image and channel the sum of y, and the squares around its mean."""
    pools: tl.constexpr = 2 if MEAN >= 0 and MAX >= 0 else 1
    image = (tl.program_id(0) // channels).to(tl.int64)
    c = tl.program_id(0) % channels
    pixels = rows * columns
    x += image * x_image + c * (height * breadth)
    taps += (image * channels + c) * pixels
    count = 0.0
    mean_centre = 0.0
    mean_spread = 0.0
    max_centre = 0.0
    max_spread = 0.0
    for first in range(0, pixels, BP):
        p = first + tl.arange(0, BP)
        valid = p < pixels
        i, j = p // columns * down - K // 2, p % columns * across - K // 2
        total = tl.zeros((BP,), tl.float32)
        seen = tl.zeros((BP,), tl.float32)
        best = tl.zeros((BP,), tl.float32)
        tap = tl.full((BP,), -1, tl.int32)
        for a in range(K):
            row = i + a
            for b in tl.static_range(K):
                column = j + b
                there = valid & (row >= 0) & (row < height) & (column >= 0) & (column < breadth)
                value = tl.load(x + row * breadth + column, there, 0.0).to(tl.float32)
                if MEAN >= 0:
                    total += value
                    seen += there.to(tl.float32)
                if MAX >= 0:
                    larger = there & (
                        (value > best) | (value != value) | (tap < 0)
                    )  # as torch: no number stays
                    best = tl.where(larger, value, best)
                    tap = tl.where(larger, a * K + b, tap)
        size = tl.minimum(pixels - first, BP).to(tl.float32)
        if MEAN >= 0:
            here = y + ((image * pools + MEAN) * channels + c) * pixels + p
            stored = (total / tl.maximum(seen, 1.0)).to(y.dtype.element_ty)
            tl.store(here, stored, valid)
            if MOMENTS:
                value = stored.to(tl.float32)
                mean_centre, mean_spread = _merged(value, valid, size, count, mean_centre, mean_spread)
        if MAX >= 0:
            here = y + ((image * pools + MAX) * channels + c) * pixels + p
            tl.store(here, best.to(y.dtype.element_ty), valid)
            tl.store(taps + p, tap.to(tl.int8), valid)
            if MOMENTS:
                max_centre, max_spread = _merged(best, valid, size, count, max_centre, max_spread)
        count += size
    if MOMENTS and MEAN >= 0:
        _leave(sums, spreads, (image * pools + MEAN) * channels + c, count, mean_centre, mean_spread)
    if MOMENTS and MAX >= 0:
        _leave(sums, spreads, (image * pools + MAX) * channels + c, count, max_centre, max_spread)


@triton.jit
def _slopes(y_mean, of_mean, of_variance, place, size, MOMENTS: tl.constexpr):
    """Of a channel the mean, and what its gradient and that of the variance put on a pixel: b + a (y - mean)."""
    if MOMENTS:
        centre = tl.load(y_mean + place)
        steady = tl.load(of_mean + place) / size
        slope = tl.load(of_variance + place) * (2.0 / size)
    else:
        centre = 0.0
        steady = 0.0
        slope = 0.0
    return centre, steady, slope


@triton.jit
def _given(y, of_y, q, there, centre, steady, slope, MOMENTS: tl.constexpr):
    """The gradient of some pixels of y, with that of its moments."""
    given = tl.load(of_y + q, there, 0.0).to(tl.float32)
    if MOMENTS:
        value = tl.load(y + q, there, 0.0).to(tl.float32)
        given += steady + slope * (value - centre)
        given = tl.where(there, given, 0.0)
    return given


@triton.jit
def _inside(start, side, K: tl.constexpr):
    """How many places of a window are in an image of this side."""
    return tl.minimum(start + K, side) - tl.maximum(start, 0)


@triton.jit(do_not_specialize=SIZES)
def inputs(
    y, of_y, taps, y_mean, of_mean, of_variance, of_x,
    of_y_image, channels, height, breadth, rows, columns, down, across, size,
    K: tl.constexpr, MEAN: tl.constexpr, MAX: tl.constexpr, MOMENTS: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """The gradient of x (B, channels, height, breadth): a pixel gathers from the windows that it is in. The gradients
    of mean and variance of y go into that of y, over `size` pixels."""
    pools: tl.constexpr = 2 if MEAN >= 0 and MAX >= 0 else 1
    image = (tl.program_id(0) // channels).to(tl.int64)
    c = tl.program_id(0) % channels
    pixels = rows * columns
    p = tl.program_id(1) * BP + tl.arange(0, BP)
    valid = p < height * breadth
    i, j = p // breadth + K // 2, p % breadth + K // 2
    y += image * (pools * channels) * pixels
    of_y += image * of_y_image
    taps += (image * channels + c) * pixels
    if MEAN >= 0:
        mean_at = MEAN * channels + c
        m0, m1, m2 = _slopes(y_mean, of_mean, of_variance, mean_at, size, MOMENTS)
    if MAX >= 0:
        max_at = MAX * channels + c
        x0, x1, x2 = _slopes(y_mean, of_mean, of_variance, max_at, size, MOMENTS)
    tile = tl.zeros((BP,), tl.float32)
    for a in range(K):
        row = i - a
        for b in tl.static_range(K):
            column = j - b
            there = valid & (row >= 0) & (column >= 0) & (row % down == 0) & (column % across == 0)
            there = there & (row // down < rows) & (column // across < columns)
            q = row // down * columns + column // across
            if MEAN >= 0:
                number = _inside(row - K // 2, height, K) * _inside(column - K // 2, breadth, K)
                given = _given(y + mean_at * pixels, of_y + mean_at * pixels, q, there, m0, m1, m2, MOMENTS)
                tile += given / tl.maximum(number, 1).to(tl.float32)
            if MAX >= 0:
                chosen = there & (tl.load(taps + q, there, -1).to(tl.int32) == a * K + b)
                tile += _given(y + max_at * pixels, of_y + max_at * pixels, q, chosen, x0, x1, x2, MOMENTS)
    here = of_x + (image * channels + c) * (height * breadth) + p
    tl.store(here, tile.to(of_x.dtype.element_ty), valid)
