"""Labelled examples as tensors, images above all, and what every data set must hold, whatever its format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dartsl.data.device import labels_on
from dartsl.data.labels import class_numbers, count_classes, renumbering
from dartsl.data.named import head_advice, head_fault, wrong_head
from dartsl.data.targets import count_targets, target_names, target_values
from dartsl.lang.codes.diagnostics import UserError

Array = NDArray[Any]
# What a network takes of one example, channels first, and its classes: (channels, height, width, classes) of images,
# (channels, length, classes) of series, (features, classes) of vectors.
Expected = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """What is particular to a kind of example, in the words of messages.

    one, several  what they are called
    word          what declares them in a network
    layouts       the axes of an array of them, those without an axis of channels too
    axes          how many axes it has in memory, where channels are the last one
    """

    one: str
    several: str
    word: str
    layouts: tuple[str, ...]
    axes: int


# By the number of axes that an example has in memory.
FORMS: Mapping[int, Form] = {
    1: Form("vector", "vectors", "vector", ("vectors, features",), 2),
    2: Form("series", "series", "series", ("series, length, channels", "series, length"), 3),
    3: Form("image", "images", "image", ("images, height, width, channels", "images, height, width"), 4),
}
IMAGE = FORMS[3]
Column = tuple[str, tuple[str, ...]]  # of a table: its name, and its categories; none where it holds numbers


def kind_of(shape: Sequence[int]) -> str:
    """The kind of input that an example of a shape is, channels first."""
    return FORMS[len(shape)].several


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set with what is to be predicted, on one device.

    Images are uint8 or float32 of shape (N, H, W, C), series float32 (N, L, C), vectors float32 (N, F); labels int64 of
    shape (N,) in 0 .. classes - 1, or targets float64 of shape (N, classes). Each part holds at least one example, and
    all have one shape and type. There is a validation part only where the data set brings one of its own.
    `names` are those of the classes, in the order of their numbers; empty where the data set gives none. `notes` are
    what a user should know about how the data set was understood, a sentence each. `columns` are those of a table, of
    which the vectors are made.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    names: tuple[str, ...] = ()
    valid_images: Tensor | None = None
    valid_labels: Tensor | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, or targets; their numbers where the data set gives none."""
        if self.numbers:
            return target_names(self.names, self.classes)
        return self.names or tuple(str(number) for number in range(self.classes))

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation part of its own."""
        return self.valid_labels is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """That of an example as a network takes it: channels (or features), then height and width, or length."""
        _, *size, channels = self.train_images.shape
        return (channels, *size)

    @property
    def numbers(self) -> bool:
        """Whether numbers are to be predicted, and not classes."""
        return self.train_labels.is_floating_point()

    @property
    def floats(self) -> bool:
        """Whether its numbers are floating, and not pixels of 0 .. 255."""
        return self.train_images.is_floating_point()

    @property
    def form(self) -> Form:
        """What kind of example it holds."""
        return FORMS[len(self.shape)]

    @property
    def bytes(self) -> int:
        """What all its images take."""
        parts = (self.train_images, self.test_images, self.valid_images)
        return sum(images.nbytes for images in parts if images is not None)

    def to(self, device: str | torch.device) -> ImageData:
        """The same data with its tensors on `device`."""
        return replace(
            self,
            train_images=self.train_images.to(device),
            train_labels=labels_on(self.train_labels, device),
            test_images=self.test_images.to(device),
            test_labels=labels_on(self.test_labels, device),
            valid_images=None if self.valid_images is None else self.valid_images.to(device),
            valid_labels=None if self.valid_labels is None else labels_on(self.valid_labels, device),
        )


def assemble(
    name: str,
    train: tuple[Array, Array],
    test: tuple[Array, Array],
    *,
    valid: tuple[Array, Array] | None = None,
    classes: int | None = None,
    names: Sequence[str] = (),
    notes: Sequence[str] = (),
    form: Form = IMAGE,
    columns: Sequence[Column] = (),
    numbers: bool = False,
) -> ImageData:
    """Check what a reader found and make tensors of it.

    `train`, `test` and `valid` are (images, labels): uint8 or float32 (N, H, W, C) or (N, H, W), integers (N,) or
    (N, 1); or series or vectors in place of images, as `form` says.
    Without `classes` their number is that of their `names`, or else the largest training label and one.
    With `numbers` labels are targets, (N,) or (N, T). Raises UserError.
    """
    parts = {"training": train, "test": test} | ({} if valid is None else {"validation": valid})
    images = {part: _examples(name, part, found[0], form) for part, found in parts.items()}
    labels = {
        part: target_values(name, part, found[1], form.several)
        if numbers
        else class_numbers(name, part, found[1])
        for part, found in parts.items()
    }
    _require_alike(name, images, labels, form, "target" if numbers else "label")
    found_notes: tuple[str, ...] = ()
    if numbers:
        count = count_targets(name, labels, names)
    else:
        count, found_notes = count_classes(name, labels, classes or len(names) or None)
    return ImageData(
        name=name,
        train_images=torch.from_numpy(images["training"]),  # (N, H, W, C)
        train_labels=torch.from_numpy(labels["training"]),  # (N,)
        test_images=torch.from_numpy(images["test"]),  # (N, H, W, C)
        test_labels=torch.from_numpy(labels["test"]),  # (N,)
        classes=count,
        names=tuple(names),
        valid_images=None if valid is None else torch.from_numpy(images["validation"]),  # (N, H, W, C)
        valid_labels=None if valid is None else torch.from_numpy(labels["validation"]),  # (N,)
        notes=(*notes, *found_notes),
        columns=tuple(columns),
    )


def _require_alike(
    name: str, images: Mapping[str, Array], labels: Mapping[str, Array], form: Form, what: str
) -> None:
    """Raises UserError where a part has not a label (`what`) each, or not the size or the type of training."""
    for part, x in images.items():
        if len(x) != len(labels[part]):
            raise UserError(
                f"{name}: {len(x)} {part} {form.several}, but {len(labels[part])} {what}s",
                f"each {form.one} needs one {what}, in the same order",
            )
        if x.shape[1:] != images["training"].shape[1:]:
            raise UserError(
                f"{name}: training {form.several} are {_size(images['training'])}, {part} {form.several} {_size(x)}",
                f"all {form.several} of a data set must have one size",
            )
        if x.dtype != images["training"].dtype:
            raise UserError(
                f"{name}: training {form.several} are {images['training'].dtype}, {part} {form.several} {x.dtype}",
                f"all {form.several} of a data set must have one type",
            )


def data_hash(data: ImageData, *, valid: bool = False) -> str:
    """SHA-256 of the training images and labels, with `valid` of the validation images of their own too: what a run
    must find again to go on."""
    digest = hashlib.sha256()
    of_validation = [part for part in (data.valid_images, data.valid_labels) if valid and part is not None]
    for tensor in (data.train_images, data.train_labels, *of_validation):
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def check_expected(
    data: ImageData, expect: Expected, parameter: str | None = None, sizes: Sequence[str | None] = ()
) -> None:
    """Raise UserError unless the data are what a spec's input and head ask for.

    `parameter` is the one of the network that sets its classes, if there is one, and `sizes` those that set the sizes
    of its input, as in `load`.
    """
    *shape, classes = expect
    what = "targets" if data.numbers else "classes"
    if list(data.shape) != shape:
        raise _wrong_size(data, shape, sizes, None if data.classes == classes else (what, classes, parameter))
    if data.classes != classes:
        help_ = None if data.numbers else renumbering(data.train_labels.cpu().numpy(), classes)
        raise wrong_head(data.name, what, data.classes, classes, parameter, help_)


def _wrong_size(
    data: ImageData,
    shape: Sequence[int],
    sizes: Sequence[str | None],
    head: tuple[str, int, str | None] | None,
) -> UserError:
    """Data of another size than the network's input; `head` says what else is wrong: what its head gives, how many,
    and the parameter that sets it."""
    word, several = data.form.word, data.form.several
    fault = (
        f"{data.name}: {several} have {_sizes(data.shape)}, "
        f"but the spec says `input {word}({', '.join(map(str, shape))})`"
    )
    advice = _size_advice(data, shape, sizes)
    if head is not None:
        what, outputs, parameter = head
        fault += f"; {head_fault(what, data.classes, outputs)}"
        change = head_advice(what, data.classes, parameter).removeprefix("try ")
        together = advice.startswith("try ") and parameter is not None  # one command line
        advice += f"{' ' if together else ' and '}{change}"
    advice += ", or name other data by --data"
    if len(shape) > 1 and (*data.shape[1:], data.shape[0]) == tuple(shape):
        axes = ", ".join(map(str, (0, *range(2, len(shape) + 1), 1)))
        advice = f"its channels seem to come first, they must be the last axis: store `x.transpose({axes})`"
    elif len(shape) == 2:
        advice += f"; series are stored as ({data.form.layouts[0].replace(several, 'N')})"
    return UserError(fault, advice)


def _size_advice(data: ImageData, shape: Sequence[int], sizes: Sequence[str | None]) -> str:
    """How the input comes to have the size of the data: by its parameters, where these are all of the sizes that
    differ."""
    named = list(zip(sizes or [None] * len(shape), data.shape, strict=True))
    wrong = dict(pair for pair, size in zip(named, shape, strict=True) if pair[1] != size)
    if None in wrong or any(wrong.get(name, size) != size for name, size in named):
        return f"write `input {data.form.word}({', '.join(map(str, data.shape))})` in the network"
    return f"try {' '.join(f'--set {name}={size}' for name, size in wrong.items())}"


def _examples(name: str, part: str, found: Array, form: Form) -> Array:
    """Those of a part, with an axis of channels. Raises UserError."""
    _require_type(name, part, found, form)
    whole, flat = form.axes, len(form.layouts) > 1
    if flat and found.ndim == whole - 1:
        found = found[..., None]
    if found.ndim != whole:
        shapes = ", or ".join(f"({layout})" for layout in form.layouts)
        raise UserError(
            f"{name}: {part} {form.several} have {found.ndim} axes, shape {found.shape}",
            f"shape them {shapes} when they are {'grey' if form is IMAGE else 'of one channel'}"
            if flat
            else f"shape them {shapes}",
        )
    if 0 in found.shape:
        raise UserError(
            f"{name}: there are no {part} {form.several} (shape {found.shape})", "is the file complete?"
        )
    if found.dtype != np.uint8:
        require_finite(f"{name}: {part} {form.one}", found)
    # A copy where needed: torch wants writable memory without negative strides.
    return np.require(found, requirements=["C", "W"])


def _require_type(name: str, part: str, found: Array, form: Form) -> None:
    if found.dtype == np.float32 or (form is IMAGE and found.dtype == np.uint8):
        return
    if form is IMAGE:
        raise UserError(
            f"{name}: {part} images are {found.dtype}, not uint8 or float32",
            "store pixels as whole numbers 0 .. 255: (x * 255).round().astype('uint8') of values in 0 .. 1; "
            "or any numbers, x.astype('float32')",
        )
    raise UserError(
        f"{name}: {part} {form.several} are {found.dtype}, not float32", "store x.astype('float32')"
    )


def require_finite(what: str, found: Array) -> None:
    """Raises UserError where one of several examples, `what` in a message, holds NaN or an infinity."""
    for place, each in enumerate(found):
        if not np.isfinite(each).all():
            wrong = each[~np.isfinite(each)].flat[0]
            where = tuple(int(axis) for axis in np.argwhere(~np.isfinite(each))[0])
            raise UserError(
                f"{what} {place} holds {wrong}, at {', '.join(map(str, where))}",
                "a missing value must be filled in, or its example left out, before the data are stored",
            )


def _sizes(shape: tuple[int, ...]) -> str:
    """What a shape, channels first, says in words."""
    channels, *size = shape
    if not size:
        return f"{channels} features"
    return f"{channels} channels and {'length' if len(size) == 1 else 'size'} {'x'.join(map(str, size))}"


def _size(found: Array) -> str:
    """`8x8 with 1 channels`, of examples with an axis of channels."""
    _, *size, channels = found.shape
    if not size:
        return f"{channels} features"
    return f"{'x'.join(map(str, size))} with {channels} channels"
