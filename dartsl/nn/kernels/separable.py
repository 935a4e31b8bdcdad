"""Kernels of one stage: [normalise] > [ReLU] > depthwise convolution > pointwise convolution > moments.

Images are NCHW; pixels of a channel lie one after another, channels too, and only the stride between images is free.
The channels of a stage are those of `members` side by side. Member m has `channels` input channels, those of block
`source[m]` of x, and `width` output channels, block m of y; several members may read one block. A tile is a run of
`BP` output pixels with all channels of a member: the depthwise convolution gathers its taps through the first-level
cache, and the pointwise one is a matrix product of the tile, in the type `DOT` of numbers rounded to that of `point`.
A program takes the tiles of one part of an image, so that sums over pixels leave it once. No sum is atomic: equal
inputs give equal bits.
"""

from __future__ import annotations

import triton
import triton.language as tl

from dartsl.nn.kernels.jit import jit

# ruff: noqa: N803  # compile-time constants are upper case, as in Triton's own texts

# Taps are gathered one by one in any case: that sizes divide by 16 would make but the reads of a matrix wider, once a
# program (seen in what Triton 3.9 compiles for compute capability 9.0), and DARTS's space would compile twice as many.


@triton.jit
def _prologue(x, mean, scale, offset, NORM: tl.constexpr, RELU: tl.constexpr):
    """What the depthwise convolution reads, of a tile x (BC, BP)."""
    if NORM:
        x = (x - mean[:, None]) * scale[:, None] + offset[:, None]
    if RELU:
        x = tl.where(x < 0.0, 0.0, x)  # what is no number stays
    return x


@triton.jit
def _norm(mean, scale, offset, places, inside, NORM: tl.constexpr):
    """The normalisation of the channels at some places, (BC,) each; zeros where there is none."""
    if NORM:
        m = tl.load(mean + places, inside, 0.0)
        s = tl.load(scale + places, inside, 0.0)
        f = tl.load(offset + places, inside, 0.0)
    else:
        m = tl.zeros(places.shape, tl.float32)
        s = m
        f = m
    return m, s, f


@triton.jit
def _tap(x, row, column, height, breadth, inside, valid, m, s, f, NORM: tl.constexpr, RELU: tl.constexpr):
    """What one tap of the depthwise convolution reads of x, (BC, BP): zeros beyond the image."""
    there = valid & (row >= 0) & (row < height) & (column >= 0) & (column < breadth)
    seen = inside[:, None] & there[None, :]
    value = tl.load(x + (row * breadth + column)[None, :], seen, 0.0).to(tl.float32)
    value = _prologue(value, m, s, f, NORM, RELU)
    if NORM:
        value = tl.where(seen, value, 0.0)
    return value


@triton.jit
def _part(pixels, parts, BP: tl.constexpr):
    """Image, first and last pixel of this program: a part is a whole number of tiles."""
    image = (tl.program_id(0) // parts).to(tl.int64)
    size = tl.cdiv(tl.cdiv(pixels, BP), parts) * BP
    start = tl.program_id(0) % parts * size
    return image, start, tl.minimum(start + size, pixels)


@jit()
def forward(
    x, mean, scale, offset, source, depth, point, y, sums, spreads,
    x_image, y_image, channels, width, height, breadth, rows, columns,
    parts, down, across, top, left, dilate_down, dilate_across,
    KH: tl.constexpr, KW: tl.constexpr, NORM: tl.constexpr, RELU: tl.constexpr, POINT: tl.constexpr,
    MOMENTS: tl.constexpr, BC: tl.constexpr, BO: tl.constexpr, BP: tl.constexpr, PRECISION: tl.constexpr,
    DOT: tl.constexpr,
):  # fmt: skip
    """y (B, members * width, rows, columns); of each part and channel the sum, and the squares around its mean."""
    member, members = tl.program_id(1), tl.num_programs(1)
    image, start, stop = _part(rows * columns, parts, BP)
    c, o = tl.arange(0, BC), tl.arange(0, BO)
    block = tl.load(source + member)
    x += image * x_image + (block * channels + c)[:, None] * (height * breadth)
    y += image * y_image + (member * width + o)[:, None] * (rows * columns)
    depth += (member * channels + c) * (KH * KW)
    inside, outside = c < channels, o < width
    m, s, f = _norm(mean, scale, offset, block * channels + c, inside, NORM)
    if POINT:
        places = (member * width + o)[:, None] * channels + c[None, :]
        matrix = tl.load(point + places, outside[:, None] & inside[None, :], 0.0)  # (BO, BC)
    count = 0.0
    centre = tl.zeros((BO,), tl.float32)
    spread = tl.zeros((BO,), tl.float32)
    for first in range(start, stop, BP):
        p = first + tl.arange(0, BP)
        valid = p < stop
        i, j = p // columns * down - top, p % columns * across - left
        tile = tl.zeros((BC, BP), tl.float32)
        for a in range(KH):
            row = i + a * dilate_down
            for b in tl.static_range(KW):
                column = j + b * dilate_across
                value = _tap(x, row, column, height, breadth, inside, valid, m, s, f, NORM, RELU)
                tile += tl.load(depth + a * KW + b, inside, 0.0).to(tl.float32)[:, None] * value
        if POINT:
            tile = tl.dot(
                matrix.to(DOT), tile.to(matrix.dtype).to(DOT), input_precision=PRECISION
            )  # (BO, BP)
        kept = outside[:, None] & valid[None, :]
        stored = tile.to(y.dtype.element_ty)
        tl.store(y + p[None, :], stored, kept)
        if MOMENTS:
            # Of what is stored: a batch norm would see that. Merged as by Chan, Golub and LeVeque (1979).
            tile = tl.where(kept, stored.to(tl.float32), 0.0)
            size = tl.minimum(stop - first, BP).to(tl.float32)
            new = tl.sum(tile, 1) / size
            away = tl.where(kept, tile - new[:, None], 0.0)
            apart = new - centre
            both = count + size
            spread += tl.sum(away * away, 1) + apart * apart * (count * size / both)
            centre += apart * (size / both)
            count = both
    if MOMENTS:
        place = tl.program_id(0) * (members * width) + member * width + o
        tl.store(sums + place, centre * count, outside)
        tl.store(spreads + place, spread, outside)


@triton.jit
def _slopes(y_mean, of_mean, of_variance, places, outside, size, MOMENTS: tl.constexpr):
    """Of channels, (BO,): the mean, and what its gradient and that of the variance put on a pixel: b + a (y - mean)."""
    if MOMENTS:
        centre = tl.load(y_mean + places, outside, 0.0)
        steady = tl.load(of_mean + places, outside, 0.0) / size
        slope = tl.load(of_variance + places, outside, 0.0) * (2.0 / size)
    else:
        centre = tl.zeros(places.shape, tl.float32)
        steady = centre
        slope = centre
    return centre, steady, slope


@triton.jit
def _given(y, of_y, p, kept, centre, steady, slope, MOMENTS: tl.constexpr):
    """The gradient of a tile of y, (BO, BP), with that of its moments."""
    given = tl.load(of_y + p[None, :], kept, 0.0).to(tl.float32)
    if MOMENTS:
        value = tl.load(y + p[None, :], kept, 0.0).to(tl.float32)
        given += steady[:, None] + slope[:, None] * (value - centre[:, None])
        given = tl.where(kept, given, 0.0)
    return given


@triton.jit
def _store(target, matrix, row, column, rows, columns):
    """A matrix to where it lies one row after another."""
    kept = (row < rows)[:, None] & (column < columns)[None, :]
    tl.store(target + row[:, None] * columns + column[None, :], matrix, kept)


@jit()
def weights(
    x, mean, scale, offset, source, depth, point,
    y, of_y, y_mean, of_mean, of_variance, inner, of_depth, of_point,
    x_image, y_image, of_y_image, channels, width, height, breadth, rows,
    columns, parts, down, across, top, left, dilate_down, dilate_across, size,
    KH: tl.constexpr, KW: tl.constexpr, NORM: tl.constexpr, RELU: tl.constexpr, POINT: tl.constexpr,
    MOMENTS: tl.constexpr, WEIGHTS: tl.constexpr, BC: tl.constexpr, BO: tl.constexpr, BT: tl.constexpr,
    BP: tl.constexpr, PRECISION: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """The gradient `inner` (B, members * channels, rows, columns) of the depthwise result; those of both weights, from
    each program a part of the sum. The gradients of mean and variance of y go into that of y, over `size` pixels."""
    member, members = tl.program_id(1), tl.num_programs(1)
    image, start, stop = _part(rows * columns, parts, BP)
    c, o, t = tl.arange(0, BC), tl.arange(0, BO), tl.arange(0, BT)
    block = tl.load(source + member)
    x += image * x_image + (block * channels + c)[:, None] * (height * breadth)
    here = (member * width + o)[:, None] * (rows * columns)
    y, of_y = y + image * y_image + here, of_y + image * of_y_image + here
    inner += (image * (members * channels) + member * channels + c)[:, None] * (rows * columns)
    depth += (member * channels + c) * (KH * KW)
    inside, outside = c < channels, o < width
    m, s, f = _norm(mean, scale, offset, block * channels + c, inside, NORM)
    if POINT:
        turned = (member * width + o)[None, :] * channels + c[:, None]
        matrix = tl.load(point + turned, inside[:, None] & outside[None, :], 0.0)  # (BC, BO)
    places = member * width + o
    centre, steady, slope = _slopes(y_mean, of_mean, of_variance, places, outside, size, MOMENTS)
    if WEIGHTS:
        found_depth = tl.zeros((BC, BT), tl.float32)
        found_point = tl.zeros((BO, BC), tl.float32)
    for first in range(start, stop, BP):
        p = first + tl.arange(0, BP)
        valid = p < stop
        kept = outside[:, None] & valid[None, :]
        given = _given(y, of_y, p, kept, centre, steady, slope, MOMENTS)
        if POINT:
            rounded = given.to(matrix.dtype).to(DOT)
            given = tl.dot(matrix.to(DOT), rounded, input_precision=PRECISION)  # (BC, BP)
        tl.store(inner + p[None, :], given.to(inner.dtype.element_ty), inside[:, None] & valid[None, :])
        if WEIGHTS:
            i, j = p // columns * down - top, p % columns * across - left
            tile = tl.zeros((BC, BP), tl.float32)
            for a in range(KH):
                row = i + a * dilate_down
                for b in tl.static_range(KW):
                    column = j + b * dilate_across
                    value = _tap(x, row, column, height, breadth, inside, valid, m, s, f, NORM, RELU)
                    if POINT:
                        tile += tl.load(depth + a * KW + b, inside, 0.0).to(tl.float32)[:, None] * value
                    found = tl.sum(given * value, 1)
                    found_depth += tl.where((t == a * KW + b)[None, :], found[:, None], 0.0)
            if POINT:
                turned_tile = tl.trans(tile).to(matrix.dtype).to(DOT)  # (BP, BC)
                found_point = tl.dot(rounded, turned_tile, found_point, input_precision=PRECISION)
    if WEIGHTS:
        at = (tl.program_id(0) * members + member).to(tl.int64)
        _store(of_depth + at * (channels * KH * KW), found_depth, c, t, channels, KH * KW)
        if POINT:
            _store(of_point + at * (width * channels), found_point, o, c, width, channels)


@jit("down", "across")  # by which each tap divides: not where they are 1
def inputs(
    x, mean, scale, offset, ends, depth, inner, of_x, totals, products,
    x_image, channels, height, breadth, rows, columns, members,
    parts, down, across, top, left, dilate_down, dilate_across,
    KH: tl.constexpr, KW: tl.constexpr, NORM: tl.constexpr, RELU: tl.constexpr, BC: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """The gradient of x (B, blocks * channels, height, breadth), of each block from all members that read it, those
    from ends[block] to ends[block + 1]. For that of the normalisation, of each part and channel the sum of the gradient
    before the scale, and of its product with x - mean."""
    block, blocks = tl.program_id(1), tl.num_programs(1)
    image, start, stop = _part(height * breadth, parts, BP)
    c = tl.arange(0, BC)
    inside = c < channels
    x += image * x_image + (block * channels + c)[:, None] * (height * breadth)
    of_x += (image * (blocks * channels) + block * channels + c)[:, None] * (height * breadth)
    inner += (image * (members * channels) + c)[:, None] * (rows * columns)
    m, s, f = _norm(mean, scale, offset, block * channels + c, inside, NORM)
    begin, end = tl.load(ends + block), tl.load(ends + block + 1)
    total = tl.zeros((BC,), tl.float32)
    product = tl.zeros((BC,), tl.float32)
    for first in range(start, stop, BP):
        p = first + tl.arange(0, BP)
        valid = p < stop
        i, j = p // breadth + top, p % breadth + left
        tile = tl.zeros((BC, BP), tl.float32)
        for member in range(begin, end):
            for a in range(KH):
                row = i - a * dilate_down
                for b in tl.static_range(KW):
                    column = j - b * dilate_across
                    there = valid & (row >= 0) & (column >= 0) & (row % down == 0) & (column % across == 0)
                    there = there & (row // down < rows) & (column // across < columns)
                    place = row // down * columns + column // across
                    seen = inside[:, None] & there[None, :]
                    given = tl.load(inner + member * channels * rows * columns + place[None, :], seen, 0.0)
                    kernel = depth + (member * channels + c) * (KH * KW) + a * KW + b
                    tile += tl.load(kernel, inside, 0.0).to(tl.float32)[:, None] * given.to(tl.float32)
        kept = inside[:, None] & valid[None, :]
        if NORM or RELU:
            value = tl.load(x + p[None, :], kept, 0.0).to(tl.float32)
            if RELU:
                tile = tl.where(_prologue(value, m, s, f, NORM, False) <= 0.0, 0.0, tile)
            if NORM:
                tile = tl.where(kept, tile, 0.0)
                total += tl.sum(tile, 1)
                product += tl.sum(tile * (value - m[:, None]), 1)
                tile *= s[:, None]
        tl.store(of_x + p[None, :], tile.to(of_x.dtype.element_ty), kept)
    if NORM:
        place = tl.program_id(0) * (blocks * channels) + block * channels + c
        tl.store(totals + place, total, inside)
        tl.store(products + place, product, inside)
