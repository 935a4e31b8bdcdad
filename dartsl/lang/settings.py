"""The settings of `search {}` and `train {}`: one definition for the spec, the command line and the documentation.

Every field carries its help, its bounds and, where it is one of few, its values, as dataclass metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from functools import partial
from math import isfinite
from typing import Any, TypeVar

from dartsl.lang.diagnostics import UserError
from dartsl.lang.inputs import Input

MOST = 1_000_000_000  # as of a number in a spec: what is above does not fit into a float32 in the end


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    values: tuple[Any, ...] | None = None,
    only: str | None = None,
    **by_kind: Any,
) -> Any:
    """A dataclass field with what a checker and a command line need to know about it.

    `low` and `high` bound a number (each number of a list); `open_low` leaves `low` itself out. `only` is the one
    kind of input (`dartsl.lang.inputs`) whose networks have the setting; `by_kind` has the defaults that differ, as
    `text=20.0`.
    """
    meta: dict[str, Any] = {"help": help, "low": low, "high": high, "open_low": open_low, "values": values}
    meta |= {"only": only, "by_kind": by_kind}
    return field(default=default, metadata=meta)


of_images = partial(setting, only="images")
of_text = partial(setting, only="text")


@dataclass(frozen=True)
class SearchConfig:
    """Settings of `dartsl search`.

    The defaults are DARTS's for CIFAR-10, those for networks of text its for Penn Treebank (arXiv 1806.09055, A.1
    and A.2): `search_config` gives them.
    """

    order: str = setting(
        "1",
        "how the alpha gradient is taken: first order, second order, or exact",
        values=("1", "2", "exact"),
    )
    epochs: int = setting(
        50, "passes over the weights' half of the training data (text: all of it)", low=1, high=1_000_000
    )
    batch: int = setting(64, "images per step, from each half; rows of text side by side", low=1, text=256)
    warmup: int = setting(0, "epochs at the start in which only weights are trained", low=0)
    lr: float = setting(0.025, "learning rate of the weights at the start", low=0, open_low=True, text=20.0)
    lr_min: float = of_images(0.001, "learning rate of the weights that the cosine falls to", low=0)
    momentum: float = setting(0.9, "momentum of the weights' SGD", low=0, high=1, text=0.0)
    weight_decay: float = setting(3e-4, "L2 decay of the weights", low=0, text=5e-7)
    clip: float = setting(5.0, "bound on the norm of the weights' gradient; 0 for none", low=0, text=0.25)
    alphas_lr: float = setting(3e-4, "learning rate of the alphas' Adam", low=0, open_low=True, text=3e-3)
    alphas_betas: tuple[float, ...] = setting(
        (0.5, 0.999), "betas of the alphas' Adam", low=0, high=1, text=(0.9, 0.999)
    )
    alphas_decay: float = setting(1e-3, "L2 decay of the alphas", low=0)
    r: float = setting(
        0.01, "norm of the weights' perturbation in the finite difference (order 2)", low=0, open_low=True
    )
    split: float = of_images(
        0.5,
        "part of the training data that trains weights; the rest trains alphas",
        low=0,
        high=1,
        open_low=True,
    )
    crop: int = of_images(4, "padding, in pixels, of the random crop; 0 for none", low=0, high=256)
    flip: bool = of_images(True, "flip images left to right at random")
    cutout: int = of_images(
        0, "side, in pixels, of the square that cutout blanks; 0 for none", low=0, high=1_000_000
    )
    mean: tuple[float, ...] = of_images(
        (), "mean of each channel in 0..1; empty: measured on the training images"
    )
    std: tuple[float, ...] = of_images(
        (), "deviation of each channel in 0..1; empty: measured on the training images", low=0
    )
    stream: str = of_images(
        "auto",
        "whether a folder's images are read as they are needed; auto: when they need over 2 GiB",
        values=("auto", "always", "never"),
    )
    workers: int = of_images(4, "processes that read a streamed folder; 0 for none", low=0, high=1024)
    level: str = of_text("word", "what a text is split into: words or characters", values=("word", "char"))
    bptt: int = of_text(
        0,
        "words (or characters) of a window of text; 0: what the network's `tokens` says",
        low=0,
        high=1_000_000,
    )
    short_windows: float = of_text(0.05, "probability that a training window is half as long", low=0, high=1)
    ar: float = of_text(
        0.0, "activation regularisation: factor of the outputs' mean square, dropped ones", low=0
    )
    tar: float = of_text(
        1e-3, "temporal activation regularisation: factor of the mean square of the outputs' change", low=0
    )
    derive: str = setting(
        "connected",
        "what is made of the mixing weights: the likeliest cells whose output depends on the input, or, by argmax, "
        "the strongest operations whatever comes of it",
        values=("connected", "argmax"),
    )
    seed: int = setting(0, "seed of everything random", low=0)
    data: str = setting("", "data set: `digits`, text: `markov`, or the path of a file or folder")
    device: str = setting("auto", "torch device, such as `cpu` or `cuda:0`; auto: a GPU where there is one")
    dtype: str = setting("float32", "floating type of weights and activations", values=("float32", "float64"))
    optimise: int = setting(
        2, "level of optimisation: the same mathematics, in less time and memory", low=0, high=2
    )
    amp: bool = setting(False, "compute convolutions in bfloat16; weights stay float32")
    memory: str = setting(
        "normal",
        "`low` computes each layer again in the backward pass: less memory, more time",
        values=("normal", "low"),
    )
    tensorboard: bool = setting(
        False, "write event files into the run's `tensorboard/` too; needs dartsl[tensorboard]"
    )


@dataclass(frozen=True)
class TrainConfig:
    """Settings of `dartsl train`.

    The defaults are DARTS's for CIFAR-10, those for networks of text its for Penn Treebank (arXiv 1806.09055):
    `train_config` gives them.
    """

    epochs: int = setting(600, "passes over the training data", low=1, high=1_000_000, text=8000)
    batch: int = setting(96, "images per step; rows of text side by side", low=1, text=64)
    lr: float = setting(0.025, "learning rate at the start", low=0, open_low=True, text=20.0)
    lr_min: float = of_images(0.0, "learning rate that the cosine falls to", low=0)
    schedule: str = of_images("cosine", "how the learning rate falls", values=("cosine", "exponential"))
    decay: float = of_images(
        0.97, "factor per epoch of the exponential schedule", low=0, high=1, open_low=True
    )
    warmup: int = of_images(0, "epochs in which the learning rate rises linearly", low=0)
    momentum: float = setting(0.9, "momentum of SGD", low=0, high=1, text=0.0)
    weight_decay: float = setting(3e-4, "L2 decay of the weights", low=0, text=8e-7)
    clip: float = setting(5.0, "bound on the norm of the gradient; 0 for none", low=0, text=0.25)
    auxiliary: float = of_images(0.0, "weight of the auxiliary head's loss; 0 for no such head", low=0)
    drop_path: float = of_images(0.0, "drop-path probability at the last epoch", low=0, high=1)
    label_smoothing: float = of_images(0.0, "label smoothing", low=0, high=1)
    class_weights: str = of_images(
        "none",
        "weights of the classes in the training loss; balanced: images / (classes * images of the class)",
        values=("none", "balanced"),
    )
    crop: int = of_images(4, "padding, in pixels, of the random crop; 0 for none", low=0, high=256)
    flip: bool = of_images(True, "flip images left to right at random")
    cutout: int = of_images(
        0, "side, in pixels, of the square that cutout blanks; 0 for none", low=0, high=1_000_000
    )
    mean: tuple[float, ...] = of_images(
        (), "mean of each channel in 0..1; empty: measured on the training images"
    )
    std: tuple[float, ...] = of_images(
        (), "deviation of each channel in 0..1; empty: measured on the training images", low=0
    )
    level: str = of_text("word", "what a text is split into: words or characters", values=("word", "char"))
    bptt: int = of_text(
        0,
        "words (or characters) of a window of text, on average; 0: what the network's `tokens` says",
        low=0,
        high=1_000_000,
    )
    short_windows: float = of_text(
        0.05, "probability that a training window is about half as long", low=0, high=1
    )
    ar: float = of_text(
        0.0, "activation regularisation: factor of the outputs' mean square, dropped ones", low=0
    )
    tar: float = of_text(
        1e-3, "temporal activation regularisation: factor of the mean square of the outputs' change", low=0
    )
    asgd: bool = of_text(True, "average the weights (ASGD) once the validation loss no longer falls")
    nonmono: int = of_text(
        5, "last epochs that are left out where the least validation loss so far is sought", low=0
    )
    seed: int = setting(0, "seed of everything random", low=0)
    data: str = setting("", "data set: `digits`, text: `markov`, or the path of a file or folder")
    device: str = setting("auto", "torch device, such as `cpu` or `cuda:0`; auto: a GPU where there is one")
    validation: float = of_images(
        0.1, "part of the training data, its last images, that is held out for validation", low=0, high=1
    )
    final: bool = of_images(False, "train on all training data: nothing is set apart")
    accumulate: int = of_images(
        1, "parts that a step's batch is computed in, one after another, to save memory", low=1
    )
    ema: float = of_images(
        0.0, "decay of the moving average of weights that is evaluated; 0 for none", low=0, high=1
    )
    resized_crop: bool = of_images(False, "train on random parts of images, resized (a folder of images)")
    jitter: tuple[float, ...] = of_images(
        (), "bounds on random changes of brightness, contrast, saturation, hue (a folder of images)", low=0
    )
    resize: int = of_images(
        0, "shorter side before the centre crop of evaluation; 0: 8 / 7 of the crop", low=0, high=100_000
    )
    stream: str = of_images(
        "auto",
        "whether a folder's images are read as they are needed; auto: when they need over 2 GiB",
        values=("auto", "always", "never"),
    )
    workers: int = of_images(4, "processes that read a streamed folder; 0 for none", low=0, high=1024)
    dtype: str = setting("float32", "floating type of weights and activations", values=("float32", "float64"))
    optimise: int = setting(
        2, "level of optimisation: the same mathematics, in less time and memory", low=0, high=2
    )
    amp: bool = of_images(False, "compute convolutions in a shorter type; weights stay float32")
    amp_type: str = of_images(
        "bfloat16", "the type of amp; float16 (on a GPU) scales the loss", values=("bfloat16", "float16")
    )
    compile: bool = of_images(False, "compile the network by torch.compile")
    memory: str = setting(
        "normal",
        "`low` computes each layer again in the backward pass: less memory, more time",
        values=("normal", "low"),
    )
    tensorboard: bool = setting(
        False, "write event files into the run's `tensorboard/` too; needs dartsl[tensorboard]"
    )


CONFIGS: Mapping[str, type[SearchConfig] | type[TrainConfig]] = {"search": SearchConfig, "train": TrainConfig}

Config = TypeVar("Config", SearchConfig, TrainConfig)


def coerce(spec: Field[Any], value: object) -> Any:
    """The value of a setting, in the type of its field.

    An integer stands for a number with a fraction, and for one of the string values (`order = 2`).
    Raises ValueError, with what would be accepted, where it does not fit.
    """
    meta = spec.metadata
    default: Any = spec.default
    kind: type = type(default)
    if meta["values"] is not None:
        text = str(value).lower() if not isinstance(value, bool) else ""
        if text not in meta["values"]:
            *most, last = (_shown(v) for v in meta["values"])
            raise ValueError(f"{', '.join(most)} or {last}")
        return text
    if kind is tuple:
        items = value if isinstance(value, tuple | list) else (value,)
        if default and len(items) != len(default):
            raise ValueError(f"{len(default)} numbers")
        return tuple(_number(item, float, meta) for item in items)
    if kind is bool or kind is str:
        if not isinstance(value, kind):
            raise ValueError("`true` or `false`" if kind is bool else "a string in double quotes")
        return value
    return _number(value, kind, meta)


def _shown(value: str) -> str:
    """One of the values of a setting, as it is written."""
    return value if value.isdigit() else f'"{value}"'


def _number(value: object, kind: type, meta: Mapping[str, Any]) -> Any:
    wanted = "a whole number" if kind is int else "a number"
    low, high = meta["low"], meta["high"]
    if low is not None:
        wanted += f" above {low}" if meta["open_low"] else f" from {low}"
    if high is not None:
        wanted += f" to {high:,}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(wanted)
    if isinstance(value, float) and not isfinite(value):  # isfinite cannot take every int
        raise ValueError(wanted)
    if kind is float and abs(value) > MOST:
        raise ValueError(f"{wanted}, and at most {MOST:,}" if high is None else wanted)
    if kind is int and value != int(value):
        raise ValueError(wanted)
    number = kind(value)
    too_low = low is not None and (number <= low if meta["open_low"] else number < low)
    if too_low or (high is not None and number > high):
        raise ValueError(wanted)
    return number


def configure(base: Config, values: Mapping[str, object]) -> Config:
    """`base` with some settings replaced. Raises KeyError on an unknown name, ValueError on a bad value."""
    known = {spec.name: spec for spec in fields(base)}
    return replace(base, **{name: coerce(known[name], value) for name, value in values.items()})


def search_config(takes: type[Input], *layers: Mapping[str, object]) -> SearchConfig:
    """The settings of a search over a network that takes such an input: see `_settled`."""
    return _settled(SearchConfig(), takes, layers)


def train_config(takes: type[Input], *layers: Mapping[str, object]) -> TrainConfig:
    """The settings of the training of a network that takes such an input: see `_settled`."""
    return _settled(TrainConfig(), takes, layers)


def usable(takes: type[Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some settings of a training that a network has which takes such an input."""
    only = {spec.name: spec.metadata["only"] for spec in fields(TrainConfig)}
    return {name: value for name, value in values.items() if only[name] in (None, takes.kind)}


def _settled(base: Config, takes: type[Input], layers: Sequence[Mapping[str, object]]) -> Config:
    """The defaults for a network that takes such an input, and each layer over those before.

    Raises KeyError on an unknown name, ValueError on a bad value, and UserError on a setting of another kind
    of network, which would do nothing.
    """
    known = {spec.name: spec.metadata for spec in fields(base)}
    for name in (name for layer in layers for name in layer):
        theirs = known[name]["only"]
        if theirs not in (None, takes.kind):
            raise UserError(
                f"the setting `{name}` is for networks of {theirs}, and this one is of {takes.kind}",
                "leave it out: it would do nothing",
                exit_code=2,
            )
    defaults = {name: meta["by_kind"] for name, meta in known.items() if takes.kind in meta["by_kind"]}
    base = configure(base, {name: by_kind[takes.kind] for name, by_kind in defaults.items()})
    for layer in layers:
        base = configure(base, layer)
    return base
