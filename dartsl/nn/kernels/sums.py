"""Kernels around batch norms: moments from parts, scales, and sums of normalised terms.

As in `separable.py`: NCHW, the stride between images is free, no sum is atomic.
"""

from __future__ import annotations

import triton.language as tl

from dartsl.nn.kernels.jit import jit

# ruff: noqa: N803  # compile-time constants are upper case, as in Triton's own texts


@jit("sums", "spreads", "channels")
def moments(
    sums, spreads, mean, variance,
    programs, parts, pixels, tile, whole, channels,
    BR: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Mean and variance (not corrected) of each channel, over `whole` pixels of all images, from the parts that
    `separable.forward` leaves."""
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = c < channels
    size = tl.cdiv(tl.cdiv(pixels, tile), parts) * tile
    total = tl.zeros((BC,), tl.float32)
    for first in range(0, programs, BR):
        r = first + tl.arange(0, BR)
        kept = (r < programs)[:, None] & inside[None, :]
        total += tl.sum(tl.load(sums + r[:, None] * channels + c[None, :], kept, 0.0), 0)
    centre = total / whole
    spread = tl.zeros((BC,), tl.float32)
    for first in range(0, programs, BR):
        r = first + tl.arange(0, BR)
        count = tl.minimum(tl.maximum(pixels - r % parts * size, 0), size).to(tl.float32)
        kept = (r < programs)[:, None] & inside[None, :] & (count > 0)[:, None]
        part = tl.load(sums + r[:, None] * channels + c[None, :], kept, 0.0)
        own = tl.load(spreads + r[:, None] * channels + c[None, :], kept, 0.0)
        apart = tl.where(kept, part / tl.maximum(count, 1.0)[:, None] - centre[None, :], 0.0)
        spread += tl.sum(own + apart * apart * count[:, None], 0)
    tl.store(mean + c, centre, inside)
    tl.store(variance + c, spread / whole, inside)


@jit()
def scales(
    variance, gain, scale, towards, means, variances, counts,
    channels, features, eps, momentum, correction, GAIN: tl.constexpr, MOVE: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Of each channel gain / sqrt(variance + eps). With `MOVE` running statistics go towards the mean and the corrected
    variance of a batch, and each norm, of `features` channels, counts it."""
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = c < channels
    spread = tl.load(variance + c, inside, 0.0)
    found = 1.0 / tl.sqrt(spread + eps)
    if GAIN:
        found *= tl.load(gain + c, inside, 0.0).to(tl.float32)
    tl.store(scale + c, found, inside)
    if MOVE:
        old = tl.load(means + c, inside, 0.0)
        tl.store(means + c, old + momentum * (tl.load(towards + c, inside, 0.0) - old), inside)
        old = tl.load(variances + c, inside, 0.0)
        tl.store(variances + c, old + momentum * (spread * correction - old), inside)
        first = inside & (c % features == 0)
        tl.store(counts + c // features, tl.load(counts + c // features, first, 0) + 1, first)


@jit()
def of_scales(
    variance, gain, given, of_variance, of_gain,
    channels, eps, GAIN: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """The gradients of variance and gain from that of the scale, `given`."""
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = c < channels
    inverse = 1.0 / tl.sqrt(tl.load(variance + c, inside, 0.0) + eps)
    down = tl.load(given + c, inside, 0.0).to(tl.float32)
    if GAIN:
        tl.store(of_gain + c, (down * inverse).to(of_gain.dtype.element_ty), inside)
        down *= tl.load(gain + c, inside, 0.0).to(tl.float32)
    tl.store(of_variance + c, -0.5 * down * inverse * inverse * inverse, inside)


@jit()
def of_norms(
    totals, products, scale, of_mean, of_scale, of_offset,
    programs, channels, terms, BR: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """The gradients of a normalisation from parts of sums: `totals` (programs, channels) of the gradient by channel,
    the same for all terms, and `products` (programs, terms * channels) of that with x - mean."""
    place = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = place < terms * channels
    c = place % channels
    total = tl.zeros((BC,), tl.float32)
    product = tl.zeros((BC,), tl.float32)
    for first in range(0, programs, BR):
        r = first + tl.arange(0, BR)
        kept = (r < programs)[:, None] & inside[None, :]
        total += tl.sum(tl.load(totals + r[:, None] * channels + c[None, :], kept, 0.0), 0)
        product += tl.sum(tl.load(products + r[:, None] * (terms * channels) + place[None, :], kept, 0.0), 0)
    tl.store(of_mean + place, -tl.load(scale + place, inside, 0.0) * total, inside)
    tl.store(of_scale + place, product, inside)
    tl.store(of_offset + place, total, inside)


@jit("x", "y", "x_image", "pixels")
def add_terms(
    x, mean, scale, offset, y,
    x_image, pixels, channels, terms, ADD: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """y (B, channels, H, W): for each channel c the sum over k of channel k * channels + c of x, normalised; with `ADD`
    it is added to what y has."""
    image = (tl.program_id(0) // channels).to(tl.int64)
    c = tl.program_id(0) % channels
    p = tl.program_id(1) * BP + tl.arange(0, BP)
    valid = p < pixels
    here = y + (image * channels + c) * pixels + p
    found = tl.load(here, valid, 0.0).to(tl.float32) if ADD else tl.zeros((BP,), tl.float32)
    for k in range(terms):
        place = k * channels + c
        value = tl.load(x + image * x_image + place * pixels + p, valid, 0.0).to(tl.float32)
        found += (value - tl.load(mean + place)) * tl.load(scale + place) + tl.load(offset + place)
    tl.store(here, found.to(y.dtype.element_ty), valid)


@jit("x", "given", "of_x", "x_image", "given_image", "pixels")
def split_terms(
    x, mean, scale, given, of_x, totals,
    products, x_image, given_image, pixels, channels,
    terms, BP: tl.constexpr,
):  # fmt: skip
    """The gradient of x from that of y, `given`; of each image the sum of `given` by channel, and of its product with
    x - mean by channel of x."""
    image = (tl.program_id(0) // channels).to(tl.int64)
    c = tl.program_id(0) % channels
    total = 0.0
    for first in range(0, pixels, BP):
        p = first + tl.arange(0, BP)
        total += tl.sum(
            tl.load(given + image * given_image + c * pixels + p, p < pixels, 0.0).to(tl.float32), 0
        )
    tl.store(totals + image * channels + c, total)
    for k in range(terms):
        place = k * channels + c
        centre, factor = tl.load(mean + place), tl.load(scale + place)
        product = 0.0
        for first in range(0, pixels, BP):
            p = first + tl.arange(0, BP)
            valid = p < pixels
            down = tl.load(given + image * given_image + c * pixels + p, valid, 0.0).to(tl.float32)
            value = tl.load(x + image * x_image + place * pixels + p, valid, 0.0).to(tl.float32)
            product += tl.sum(down * (value - centre), 0)
            here = of_x + (image * (terms * channels) + place) * pixels + p
            tl.store(here, (down * factor).to(of_x.dtype.element_ty), valid)
        tl.store(products + image * (terms * channels) + place, product)
