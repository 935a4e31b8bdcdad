"""Which settings have an effect in which runs: one table for searches, one for trainings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dartsl.lang.settings.methods import (
    ADVERSARIAL,
    BETA_DECAY,
    COST,
    CURVATURE,
    ENTROPY,
    KL,
    NO_PERTURBATION,
    PERTURBATION,
    SAMPLED,
    SCHEDULED,
    SKIPS,
    STABLE,
    UNIFORM,
    ZERO_ONE,
)
from dartsl.lang.settings.search import SearchConfig
from dartsl.lang.settings.train import TrainConfig


@dataclass(frozen=True)
class Found:
    """What the data and the network of a run turned out to be.

    folder    one of images, which might be read as they are needed
    streamed  they are
    prepared  they come from Python as floating numbers, which the network takes as they are
    apart     a part that validates (in a search: that trains alphas) is there already
    skips     a cell that stands somewhere without a stride offers a skip connection
    """

    folder: bool = False
    streamed: bool = False
    prepared: bool = False
    apart: bool = False
    skips: bool = True


@dataclass(frozen=True)
class Effect:
    """When a setting has an effect, given all settings and what the images are; and why it has none otherwise."""

    holds: Callable[[Any, Found], bool]
    otherwise: str


def _streamed(what: str) -> Effect:
    return Effect(lambda config, found: found.streamed, f"{what}, and these images are held in memory")


_ALPHAS = Effect(
    lambda config, found: config.relaxation != UNIFORM, "the relaxation `uniform` learns no alphas"
)
_SKIPS = "no cell without a stride offers a skip connection"
_AUGMENTS = Effect(
    lambda config, found: not found.prepared, "floating images from Python reach the network as they are"
)


def _of_penalty(name: str) -> tuple[Effect, ...]:
    return (
        Effect(lambda config, found: name in config.penalty, f"the penalty `{name}` is not among `penalty`"),
    )


def _first_look(config: SearchConfig) -> int:
    """The number of the epoch, from 1, after which the stop rule `curvature` may first end a search."""
    back = (config.stop_window // 2 + config.stop_lag) * config.curvature
    every = max(config.curvature, 1)
    return -(-(config.stop_earliest + back) // every) * every + 1


_OF_BOTH = {
    "workers": (_streamed("worker processes read a folder of images as they are needed"),),
    "stream": (
        Effect(lambda config, found: found.folder, "only a folder of images can be read as they are needed"),
    ),
    "graphs": (Effect(lambda config, found: config.device.startswith("cuda"), "only a GPU has CUDA graphs"),),
    **dict.fromkeys(("crop", "flip", "cutout", "mean", "std"), (_AUGMENTS,)),
}
OF_SEARCH: Mapping[str, tuple[Effect, ...]] = {
    **_OF_BOTH,
    **dict.fromkeys(
        ("warmup", "steps_first", "alphas_lr", "alphas_betas", "alphas_clip", "alphas_decay", "alphas_start"),
        (_ALPHAS,),
    ),
    "r": (Effect(lambda config, found: config.order == "2", "the finite difference is that of order 2"),),
    "threshold": (
        Effect(lambda config, found: config.derive == "threshold", "it is that of `derive = threshold`"),
    ),
    "stop": (
        Effect(
            lambda config, found: config.stop != STABLE or config.epochs - config.warmup > config.stop_epochs,
            "the rule `stable` looks at more epochs (`stop_epochs`) than come after the warmup and before the last one",
        ),
        Effect(lambda config, found: config.stop != SKIPS or found.skips, _SKIPS),
        Effect(
            lambda config, found: config.stop != CURVATURE or _first_look(config) < config.epochs,
            "the rule `curvature` looks at more epochs than come before the last one",
        ),
    ),
    **dict.fromkeys(
        ("stop_ratio", "stop_window", "stop_lag", "stop_earliest"),
        (Effect(lambda config, found: config.stop == CURVATURE, "it is that of the stop rule `curvature`"),),
    ),
    **dict.fromkeys(
        ("rollback_factor", "rollback_most"),
        (Effect(lambda config, found: config.rollback, "it is that of `rollback`, which is off"),),
    ),
    **dict.fromkeys(
        ("freeze_threshold", "freeze_steps"),
        (Effect(lambda config, found: config.freeze, "it is that of `freeze`, which is off"),),
    ),
    "stages_start": (Effect(lambda config, found: bool(config.stages), "the search has no stages"),),
    "skip_limit": (Effect(lambda config, found: config.skip_limit < 0 or found.skips, _SKIPS),),
    "projection_interval": (
        Effect(lambda config, found: config.derive == PERTURBATION, "it is that of `derive = perturbation`"),
    ),
    **dict.fromkeys(
        ("samples", "sample_batches"),
        (Effect(lambda config, found: config.derive == SAMPLED, "it is that of `derive = sampled`"),),
    ),
    "stop_skips": (
        Effect(lambda config, found: config.stop == SKIPS, "it is that of the stop rule `skips`"),
    ),
    "stop_epochs": (
        Effect(lambda config, found: config.stop == STABLE, "it is that of the stop rule `stable`"),
    ),
    **dict.fromkeys(("cost", "target", "cost_mode"), _of_penalty(COST)),
    **{f"{name}_weight": _of_penalty(name) for name in (BETA_DECAY, ZERO_ONE, KL, ENTROPY)},
    "cost_weight": (
        *_of_penalty(COST),
        Effect(lambda config, found: config.cost_mode != "mul", "`cost_mode = mul` has its cost_factor"),
    ),
    **dict.fromkeys(
        ("cost_factor", "cost_exponent"),
        (
            *_of_penalty(COST),
            Effect(lambda config, found: config.cost_mode == "mul", "it is that of `cost_mode = mul`"),
        ),
    ),
    "perturb_steps": (
        Effect(lambda config, found: config.perturb == ADVERSARIAL, "it is that of `perturb = adversarial`"),
    ),
    "epsilon": (
        Effect(
            lambda config, found: config.perturb != NO_PERTURBATION, "it is that of `perturb`, which is none"
        ),
    ),
    "auxiliary_skip_weight": (
        Effect(lambda config, found: config.auxiliary_skip, "it is that of `auxiliary_skip`, which is off"),
    ),
    "temperature": (
        Effect(
            lambda config, found: "temperature" in SCHEDULED.get(config.relaxation, ()),
            "the relaxation has no temperature",
        ),
    ),
    "split": (
        Effect(lambda config, found: not found.apart, "one data set was given for weights, one for alphas"),
    ),
}
OF_TRAINING: Mapping[str, tuple[Effect, ...]] = {
    **_OF_BOTH,
    "lr_min": (
        Effect(lambda config, found: config.schedule == "cosine", "only the cosine schedule falls to it"),
    ),
    "decay": (
        Effect(
            lambda config, found: config.schedule == "exponential", "it is that of the exponential schedule"
        ),
    ),
    "amp_type": (Effect(lambda config, found: config.amp, "it is the type of `amp`, which is off"),),
    "nonmono": (
        Effect(lambda config, found: config.asgd, "it says when `asgd` averages weights, which is off"),
    ),
    "resize": (_streamed("it is the size of folder images that are read as they are needed"),),
    "crop": (
        _AUGMENTS,
        Effect(
            lambda config, found: not config.resized_crop, "`resized_crop` takes the place of the random crop"
        ),
    ),
    "validation": (
        Effect(lambda config, found: not config.final, "with `final` nothing is set apart for validation"),
        Effect(
            lambda config, found: not found.apart or config.validation == 0,
            "the data set has a validation part of its own",
        ),
    ),
}


def idle(config: SearchConfig | TrainConfig, asked: Iterable[str], found: Found) -> list[str]:
    """Of the settings that were asked for those that have no effect in this run, a sentence each with the reason."""
    effects = OF_SEARCH if isinstance(config, SearchConfig) else OF_TRAINING
    reasons = {
        name: next((each.otherwise for each in effects.get(name, ()) if not each.holds(config, found)), None)
        for name in asked
    }
    return [
        f"the setting `{name}` does nothing here: {reason}"
        for name, reason in reasons.items()
        if reason is not None
    ]
