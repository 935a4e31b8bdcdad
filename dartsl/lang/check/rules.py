"""Which settings do not go together: a table for searches and one for trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dartsl.lang.settings.methods import (
    COST,
    CURVATURE,
    DIRICHLET,
    KL,
    LATER,
    MSE,
    NEVER,
    NO_PERTURBATION,
    PERTURBATION,
    SAMPLED,
    SIGMOID,
    SINGLE,
    UNIFORM,
)
from dartsl.lang.settings.stages import CARRIED
from dartsl.lang.settings.values import COLUMNS, SearchConfig, names_table


@dataclass(frozen=True)
class Rule:
    """Settings that do not go together.

    settings  the names of those it is about; a diagnostic points at the first of them that the spec gives
    broken    whether the settings of a search or a training, all of them, are against it
    why       the message, in which `{name}` stands for the value of a setting
    help      what may be done about it, likewise
    """

    settings: tuple[str, ...]
    broken: Callable[[Any], bool]
    why: str
    help: str


def _of_alphas(name: str, asks: Callable[[SearchConfig], bool]) -> Rule:
    """A setting that asks for something of the alphas."""
    return Rule(
        (name, "relaxation"),
        lambda config: config.relaxation == UNIFORM and asks(config),
        f"{name} is about alphas, and the relaxation `{{relaxation}}` learns none",
        "leave one of them out",
    )


def _of_classes(name: str, asks: Callable[[Any], bool]) -> Rule:
    """A setting of a training that asks for something of classes."""
    return Rule(
        (name, "loss"),
        lambda config: config.loss == MSE and asks(config),
        f"{name} is about classes, and `loss = {{loss}}` has none",
        "leave one of them out",
    )


def _of_tables(name: str) -> Rule:
    """A setting that names columns. (Where no data are named yet, it waits for them.)"""
    return Rule(
        (name, "data"),
        lambda config: bool(getattr(config, name) and config.data and not names_table(config.data)),
        f"{name} names columns of a table, and the data `{{data}}` are none",
        f"name a .csv file, or leave {name} out",
    )


OF_TABLES = tuple(map(_of_tables, COLUMNS))
RULES = (
    *OF_TABLES,
    Rule(
        ("warmup", "epochs"),
        lambda config: config.warmup >= config.epochs and config.relaxation != UNIFORM,
        "warmup {warmup} of {epochs} epochs leaves none in which alphas are trained",
        "give more epochs than warmup",
    ),
    Rule(
        ("alphas_betas",),
        lambda config: max(config.alphas_betas) >= 1,
        "alphas_betas are two numbers from 0 to below 1",
        "DARTS takes 0.5 and 0.999",
    ),
    Rule(
        ("nesterov", "momentum"),
        lambda config: config.nesterov and config.momentum == 0,
        "nesterov looks ahead by the momentum, which is 0",
        "give a momentum above 0, or leave nesterov out",
    ),
    Rule(
        ("amp", "dtype"),
        lambda config: config.amp and config.dtype != "float32",
        "amp computes in bfloat16, which does not go with dtype {dtype}",
        "leave one of them out",
    ),
    Rule(
        ("stop", "curvature"),
        lambda config: config.stop == CURVATURE and config.curvature == 0,
        "the stop rule `{stop}` looks at the curvature, which is not computed",
        "give curvature = 2, as in the authors' scripts: epochs from one computation to the next",
    ),
    Rule(
        ("rollback", "stop"),
        lambda config: config.rollback and config.stop != CURVATURE,
        "rollback takes the place of a stop by the rule `curvature`, and stop is `{stop}`",
        'give stop = "curvature" with it',
    ),
    Rule(
        ("freeze", "stages"),
        lambda config: config.freeze and bool(config.stages),
        "freeze does not go with stages, whose networks have operations of their own",
        "leave one of them out",
    ),
    Rule(
        ("freeze", "rollback"),
        lambda config: config.freeze and config.rollback,
        "freeze does not go with rollback, which would train what is frozen again",
        "leave one of them out",
    ),
    Rule(
        ("freeze", "relaxation"),
        lambda config: config.freeze and config.relaxation in SINGLE,
        "freeze does not go with the relaxation `{relaxation}`, which runs one operation on each edge: the others have "
        "no gradients to compare, and would be frozen for it",
        "leave one of them out",
    ),
    Rule(
        ("freeze", "derive"),
        lambda config: config.freeze and config.derive == PERTURBATION,
        "freeze does not go with `derive = {derive}`, which goes on training without what it leaves out: this has no "
        "gradients to compare, and would be frozen for it",
        "leave one of them out",
    ),
    Rule(
        ("perturb", "relaxation"),
        lambda config: config.perturb != NO_PERTURBATION and config.relaxation == SIGMOID,
        "perturb = {perturb} does not go with the relaxation `{relaxation}`: its rows need not add up to 1",
        "leave one of them out",
    ),
    Rule(
        ("perturb", "relaxation"),
        lambda config: config.perturb != NO_PERTURBATION and config.relaxation in SINGLE,
        "perturb = {perturb} does not go with the relaxation `{relaxation}`, which runs one operation on each edge: "
        "perturbed weights would need all of them",
        "leave one of them out",
    ),
    Rule(
        ("penalty", "relaxation"),
        lambda config: KL in config.penalty and config.relaxation != DIRICHLET,
        f"the penalty `{KL}` is of Dirichlet distributions, and the relaxation `{{relaxation}}` has none",
        f"give the relaxation `{DIRICHLET}`, or another penalty",
    ),
    Rule(
        ("relaxation", "derive"),
        lambda config: config.derive == PERTURBATION and config.relaxation in SINGLE,
        "relaxation = {relaxation} computes one operation an edge, so nothing is missed of the others, which "
        "`derive = {derive}` leaves out in turn",
        "leave one of them out",
    ),
    _of_alphas("order", lambda config: config.order != "1"),
    _of_alphas("penalty", lambda config: bool(config.penalty)),
    _of_alphas("stop", lambda config: config.stop != NEVER),
    _of_alphas("curvature", lambda config: config.curvature > 0),
    _of_alphas("edge_weights", lambda config: config.edge_weights),
    Rule(
        ("relaxation", "derive"),
        lambda config: config.relaxation == UNIFORM and config.derive != SAMPLED,
        "the relaxation `{relaxation}` learns no alphas, by which `derive = {derive}` could go",
        f'give `derive = "{SAMPLED}"` with it',
    ),
    Rule(
        ("stop", "derive"),
        lambda config: config.derive in LATER and config.stop == CURVATURE,
        "stop = {stop} goes back to an earlier epoch, and `derive = {derive}` goes on from the last one",
        "leave one of them out",
    ),
    Rule(
        ("skip_limit", "derive"),
        lambda config: config.derive in LATER and config.skip_limit >= 0,
        "skip_limit goes by the mixing weights, and `derive = {derive}` decides by what it measures",
        "leave one of them out",
    ),
    Rule(
        ("penalty", "alphas_decay"),
        lambda config: KL in config.penalty and config.alphas_decay > 0,
        f"the penalty `{KL}` takes the place of the alphas' decay, which is {{alphas_decay:g}}",
        "give alphas_decay 0 with it, or leave the penalty out",
    ),
    Rule(
        ("epochs", "stages"),
        lambda config: _shortest(config) == 0,
        "{epochs} epochs are too few for the stages",
        "give each stage an epoch or more",
    ),
    Rule(
        ("warmup", "stages"),
        lambda config: 0 < _shortest(config) <= config.warmup < config.epochs,
        "warmup {warmup}, with which each stage begins, leaves one of them no epoch in which alphas are trained",
        "give more epochs, or less warmup",
    ),
    Rule(
        ("stages", "stop"),
        lambda config: bool(config.stages) and config.stop != NEVER,
        "the stop rule `{stop}` does not go with stages, which have epochs of their own",
        "leave one of them out",
    ),
    Rule(
        ("stages", "derive"),
        lambda config: bool(config.stages) and config.derive in LATER,
        "derive = {derive} does not go with stages, which leave candidates out by themselves",
        "leave one of them out",
    ),
    Rule(
        ("stages", "penalty"),
        lambda config: bool(config.stages) and COST in config.penalty,
        f"the penalty `{COST}` does not go with stages: its target is of one network with all its candidates",
        "leave one of them out",
    ),
    Rule(
        ("stages", "stages_start"),
        lambda config: config.stages_start == CARRIED and any(each.parameters for each in config.stages),
        "stages that go on with the weights of the one before are of one network",
        'leave the parameters of the network out, or give `stages_start = "fresh"`',
    ),
    Rule(
        ("stages", "partial", "stages_start"),
        lambda config: config.stages_start == CARRIED and _narrows(config.stages.partials(config.partial)),
        "stages that go on with the weights of the one before have candidates as wide as that, or wider",
        'let `partial` stay or fall from stage to stage, or give `stages_start = "fresh"`',
    ),
)

TRAIN_RULES = (
    *OF_TABLES,
    _of_classes("label_smoothing", lambda config: config.label_smoothing > 0),
    _of_classes("class_weights", lambda config: config.class_weights != "none"),
)

# These are about a spec alone: what a search is asked for goes over what its spec says.
IN_A_SPEC = (
    Rule(
        ("stages", "epochs"),
        lambda config: config.stages.epochs not in (0, config.epochs),
        "epochs {epochs} are not those of the stages together",
        "leave `epochs` out, or those of each stage: all are as long then",
    ),
)


def _narrows(partials: Sequence[int]) -> bool:
    """Whether a stage has candidates of fewer channels than the one before."""
    return any(after > before for before, after in pairwise(partials))


def _shortest(config: SearchConfig) -> int:
    """The epochs of the shortest stage; 0 where there are too few for all; those of the run where it has no stages."""
    return config.stages.shortest(config.epochs) if config.stages else config.epochs
