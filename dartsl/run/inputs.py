"""What a run's network takes and gives, as `run.json` keeps it: enough to use the network without its data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import Plan
from dartsl.run.files import parse_json, read_file

LEVELS = ("word", "char")
AXES = {"images": 3, "series": 2, "vectors": 1}  # of an example, by its kind

TARGETS = ("target_mean", "target_std")
BEYOND = 3.5e38  # no float32 number, and so no mean or deviation of some, is as large


@dataclass(frozen=True)
class ImageInputs:
    """How an image becomes what the network takes, and what its outputs stand for; or a series, or a vector.

    shape      channels, height, width; channels, length; features
    mean, std  of each channel, of pixels in 0..1 (of `floats`: of the numbers themselves): (pixel - mean) / std
    classes    their names, in the order of the outputs
    resize     the shorter side before the centre crop to height x width, as evaluation takes it; 0: images are
               resized to height x width as they are
    prepared   the user's own code made of images what the network takes: mean, std and resize say nothing
    floats     images are float32, and else uint8
    columns    of a table, of which vectors are made: their names and categories (none of a column of numbers)
    target_mean, target_std  of each number that is predicted, whose names are then in `classes`: its standardised
               value times std, and mean, is the number; empty: outputs stand for classes
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    resize: int = 0
    kind: str = "images"
    prepared: bool = False
    floats: bool = False
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()

    @property
    def numbers(self) -> bool:
        """Whether outputs stand for numbers, and not for classes."""
        return bool(self.target_std)

    def fit(self, plan: Plan) -> bool:
        """Whether they are those of such a network."""
        taken = plan.input.kind == self.kind and plan.input.shape.outer == self.shape
        return taken and plan.classes == len(self.classes)


@dataclass(frozen=True)
class TextInputs:
    """What a text was split into, `word` or `char`; `vocabulary.json` has them in the order of their numbers."""

    level: str
    kind: str = "text"

    def fit(self, plan: Plan) -> bool:
        """Whether they are those of such a network."""
        return plan.input.kind == self.kind


Inputs = ImageInputs | TextInputs


def read_inputs(record: object) -> Inputs:
    """The inputs that a JSON object holds. Raises ValueError for anything that no run has written."""
    if not isinstance(record, dict):
        raise ValueError("no object")
    if record.get("kind") == "text":
        level = record.get("level")
        if level not in LEVELS:
            raise ValueError("level")
        return TextInputs(level)
    return _image_inputs(record)


def require_fitting(inputs: Inputs, plan: Plan, path: Path) -> None:
    """Raise UserError unless the inputs in the file `path` are those of the run's network."""
    if not inputs.fit(plan):
        raise UserError(f"{path} is damaged: `inputs` do not fit the network `{plan.network.name}`")


def read_vocabulary(path: Path, size: int) -> tuple[str, ...]:
    """The words of `vocabulary.json`, in the order of their numbers. Raises UserError unless there are `size`."""
    try:
        found = parse_json(read_file(path))["vocabulary"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise UserError(f"{path} is damaged: it holds no vocabulary")
    if len(found) != size or len(set(found)) != size:
        raise UserError(f"{path} is damaged: its {len(found):,} words are not the network's {size:,}")
    return tuple(found)


def _image_inputs(record: Mapping[str, Any]) -> ImageInputs:
    kind, shape, resize, classes = (record.get(name) for name in ("kind", "shape", "resize", "classes"))
    if kind not in AXES:
        raise ValueError("kind")
    if (
        not isinstance(shape, list)
        or len(shape) != AXES[kind]
        or not all(_is_size(side) and side for side in shape)
    ):
        raise ValueError("shape")
    if not isinstance(resize, int) or not _is_size(resize):
        raise ValueError("resize")
    if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
        raise ValueError("classes")
    mean, std = (_numbers(record, name, shape[0]) for name in ("mean", "std"))
    if min(std) <= 0:
        raise ValueError("std")
    prepared, floats = (_flag(record, name) for name in ("prepared", "floats"))
    scale = (_numbers(record, name, len(classes)) if record.get(name) else () for name in TARGETS)
    target_mean, target_std = scale
    if len(target_mean) != len(target_std) or min(target_std, default=1) <= 0:
        raise ValueError("target_std")
    return ImageInputs(
        tuple(shape),
        mean,
        std,
        tuple(classes),
        resize,
        kind,
        prepared,
        floats,
        _columns(record),
        target_mean,
        target_std,
    )


def _columns(record: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = record.get("columns", [])
    try:
        columns = tuple((name, tuple(categories)) for name, categories in found)
    except (TypeError, ValueError):
        raise ValueError("columns") from None
    if not all(isinstance(word, str) for name, categories in columns for word in (name, *categories)):
        raise ValueError("columns")
    return columns


def _flag(record: Mapping[str, Any], name: str) -> bool:
    """Whether it is so; what a run of old does not say is not."""
    found = record.get(name, False)
    if not isinstance(found, bool):
        raise ValueError(name)
    return found


def _numbers(record: Mapping[str, Any], name: str, count: int) -> tuple[float, ...]:
    found = record.get(name)
    if not isinstance(found, list) or len(found) != count:
        raise ValueError(name)
    if not all(type(number) in (int, float) and abs(number) < BEYOND for number in found):  # no NaN either
        raise ValueError(name)
    return tuple(float(number) for number in found)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= 1_000_000
