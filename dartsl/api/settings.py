"""The settings of a search, of a training and of a sweep, as keywords with types: what they mean stands in
`dartsl.lang.settings.values`, and in `dartsl search --help`, `dartsl train --help`, `dartsl sweep --help`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypedDict

LossName = Literal["cross_entropy", "mse"]


class SearchSettings(TypedDict, total=False):
    """Those of `dartsl.search`: the fields of `SearchConfig`, `data` and `loss` apart."""

    method: str
    order: Literal["1", "2", "exact", 1, 2]
    steps_first: Literal["alphas", "weights"]
    epochs: int
    batch: int
    warmup: int
    lr: float
    lr_min: float
    momentum: float
    nesterov: bool
    weight_decay: float
    clip: float
    alphas_lr: float
    alphas_betas: tuple[float, ...] | list[float]
    alphas_clip: float
    alphas_decay: float
    r: float
    split: float
    crop: int
    flip: bool
    cutout: int
    mean: tuple[float, ...] | list[float]
    std: tuple[float, ...] | list[float]
    stream: Literal["auto", "always", "never"]
    workers: int
    level: Literal["word", "char"]
    bptt: int
    short_windows: float
    ar: float
    tar: float
    relaxation: str
    alphas_start: Literal["normal", "zero"]
    temperature: float | str
    penalty: tuple[str, ...] | list[str]
    beta_decay_weight: float
    zero_one_weight: float
    kl_weight: float
    entropy_weight: float
    cost: str
    target: float
    cost_mode: Literal["add", "hinge", "mul"]
    cost_weight: float
    cost_factor: float
    cost_exponent: float
    stop: str
    stop_skips: int
    stop_epochs: int
    stop_ratio: float
    stop_window: int
    stop_lag: int
    stop_earliest: int
    rollback: bool
    rollback_factor: float
    rollback_most: float
    freeze: bool
    freeze_threshold: float
    freeze_steps: int
    curvature: int
    edge_weights: bool
    partial: int
    perturb: Literal["none", "random", "adversarial"]
    perturb_steps: int
    epsilon: float | str
    auxiliary_skip: bool
    auxiliary_skip_weight: float | str
    skip_dropout: float
    derive: Literal["connected", "argmax", "threshold", "perturbation", "sampled"]
    projection_interval: int
    samples: int
    sample_batches: int
    threshold: float
    skip_limit: int
    stages: str | Sequence[str | Mapping[str, float]]
    stages_start: Literal["fresh", "kept"]
    seed: int
    target_column: str | tuple[str, ...] | list[str]
    drop_column: str | tuple[str, ...] | list[str]
    device: str
    dtype: Literal["float32", "float64"]
    optimise: int
    amp: bool
    deterministic: bool
    memory: Literal["normal", "low"]
    graphs: bool
    kernels: Literal["auto", "off"]
    tensorboard: bool


class TrainSettings(TypedDict, total=False):
    """Those of `dartsl.train`: the fields of `TrainConfig`, `data` and `loss` apart."""

    epochs: int
    batch: int
    lr: float
    lr_min: float
    schedule: Literal["cosine", "exponential"]
    decay: float
    warmup: int
    momentum: float
    weight_decay: float
    clip: float
    auxiliary: float
    drop_path: float
    label_smoothing: float
    class_weights: Literal["none", "balanced"]
    crop: int
    flip: bool
    cutout: int
    mean: tuple[float, ...] | list[float]
    std: tuple[float, ...] | list[float]
    level: Literal["word", "char"]
    bptt: int
    short_windows: float
    ar: float
    tar: float
    asgd: bool
    nonmono: int
    seed: int
    target_column: str | tuple[str, ...] | list[str]
    drop_column: str | tuple[str, ...] | list[str]
    device: str
    validation: float
    final: bool
    test: bool
    accumulate: int
    ema: float
    resized_crop: bool
    jitter: tuple[float, ...] | list[float]
    resize: int
    stream: Literal["auto", "always", "never"]
    workers: int
    dtype: Literal["float32", "float64"]
    optimise: int
    amp: bool
    amp_type: Literal["bfloat16", "float16"]
    compile: bool
    deterministic: bool
    memory: Literal["normal", "low"]
    graphs: bool
    kernels: Literal["auto", "off"]
    tensorboard: bool


class SweepSettings(TypedDict, total=False):
    """What `dartsl.sweep` is asked for."""

    seeds: int
    first_seed: int
    methods: Sequence[str]
    vary: Mapping[str, Sequence[object]]
    random: int | None
    random_at_cost: int | None
    select: str | None
    recipes: Mapping[str, Sequence[object]]
    epochs: int | None
    train_epochs: int | None
    data: str | Path | None
    device: str | None
    search: Mapping[str, object]
    train: Mapping[str, object]
    table: str | Path | None
    architectures: str | None
    columns: str | Sequence[str]
    lower_is_better: bool
    isomorphic: bool
    network: str | None
    parameters: Mapping[str, Fraction | int | float] | None
