"""What primitives with parameters learn and compute: numbers, and multiply-adds for one image or word."""

from __future__ import annotations

from math import prod

from dartsl.lang.records.record import ModuleSpec, matrix_size


def norm_parameters(spec: ModuleSpec) -> int:
    """Of a batch norm, where it is affine."""
    return 2 * spec.in_shape[0] if spec.argument("affine") else 0


def scale_and_shift(spec: ModuleSpec) -> int:
    """Two numbers a channel."""
    return 2 * spec.in_shape[0]


def attention_parameters(spec: ModuleSpec) -> int:
    """Queries, keys and values of the width that arrives, and what gives the width asked for; all with biases."""
    before, after = spec.in_shape[0], spec.out_shape[0]
    return 3 * before * (before + 1) + after * (before + 1)


def attention_multiply_adds(spec: ModuleSpec, shape: tuple[int, ...]) -> int:
    """Of the four matrices, and of each place with each other: scores, and their means of values. A causal one counts
    as a whole one."""
    width, places = spec.in_shape[0], prod(spec.in_shape[1:])
    each = width * (3 * width + shape[0]) + 2 * places * width
    return each if len(shape) == 2 else places * each  # a word of a sequence; an image


def linear_parameters(spec: ModuleSpec) -> int:
    """A matrix, which is the embedding's where it is tied, and a bias."""
    arguments = dict(spec.arguments)
    matrix = 0 if arguments.get("tie") else matrix_size(spec)
    return matrix + (spec.out_shape[0] if arguments["bias"] else 0)


def word_vectors(spec: ModuleSpec) -> int:
    """Of an embedding."""
    return spec.number("vocab") * spec.out_shape[0]


def _of_a_row(spec: ModuleSpec) -> int:
    """The weights of a convolution in groups, of a kernel of one row."""
    groups = dict(spec.arguments).get("groups", 1)
    parts = spec.in_shape[0] if spec.primitive.endswith("dwconv") else int(groups)
    return matrix_size(spec) // parts * spec.number("k")


def general_weights(spec: ModuleSpec) -> int:
    """Those of a convolution in groups: k x k of a map, k of a sequence."""
    return _of_a_row(spec) * (1 if len(spec.in_shape) == 2 else spec.number("k"))


def general_multiply_adds(spec: ModuleSpec, shape: tuple[int, ...]) -> int:
    """Every weight at each place."""
    return general_weights(spec) * (1 if len(shape) == 2 else prod(shape[1:]))


def series_weights(spec: ModuleSpec) -> int:
    """Those of a convolution along a series, (C, 1, L): k of each pair of channels of a group."""
    return _of_a_row(spec)


def series_multiply_adds(spec: ModuleSpec, shape: tuple[int, ...]) -> int:
    """Every weight at each sample."""
    return series_weights(spec) * prod(shape[1:])
