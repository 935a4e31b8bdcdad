"""The methods that `method = "..."` names: each stands for the settings of its paper, any of which may be written
beside it. One entry of `PRESETS` is one method.

Sources of the settings are the papers and the authors' own code; what has no setting here stands in `note`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from dartsl.lang.records.inputs import Images, Tokens
from dartsl.lang.settings.methods import (
    ADVERSARIAL,
    BETA_DECAY,
    CURVATURE,
    DARTS,
    DIRICHLET,
    GUMBEL_HARD,
    NAMES,
    PERTURBATION,
    RANDOM,
    SAMPLED,
    SIGMOID,
    SKIPS,
    UNIFORM,
    ZERO,
    ZERO_ONE,
)
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.stages import FRESH, Stages


@dataclass(frozen=True)
class Share:
    """A length of `part` of `whole` epochs: of a run of other epochs, as large a part, but `least` or more."""

    part: int
    whole: int
    least: int = 0

    def of(self, epochs: int) -> int:
        """Rounded to the nearest whole number, a half up; at least one epoch is left over."""
        nearest = floor(Fraction(self.part * epochs, self.whole) + Fraction(1, 2))
        return max(min(nearest, epochs - 1), self.least)


@dataclass(frozen=True)
class Preset:
    """A method.

    about   what it is, in a few words
    source  authors, place and arXiv number
    parts   the settings that make it the method that it is, in networks of every kind
    recipe  how its authors train on CIFAR-10 where that is not as DARTS does, for all networks but those of text
    passes  forward and backward passes per step, of first order
    note    what its authors do besides, which no setting says
    """

    about: str
    source: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    passes: int = 2
    note: str = ""

    def settings(self, kind: str) -> dict[str, Any]:
        """Those that it stands for in a network of `kind`; lengths in epochs may be a `Share`."""
        return {**self.parts, **(self.recipe if kind != Tokens.kind else {})}

    def left_out(self, kind: str) -> list[str]:
        """The names of the settings that it stands for in other networks than those of `kind`."""
        return [name for name in self.settings(Images.kind) if name not in self.settings(kind)]


_ROBUST = "Zela et al., ICLR 2020, arXiv 1909.09656"
_STOP_BY_CURVATURE: Mapping[str, Any] = {
    "stop": CURVATURE,
    "curvature": 2,
    "stop_ratio": 1.3,
    "stop_window": 5,
    "stop_lag": 4,
    "stop_earliest": Share(10, 50),
}
PRESETS: Mapping[str, Preset] = {
    DARTS: Preset(
        "the softmax of the alphas, by first order: all settings at their defaults",
        "Liu, Simonyan and Yang, ICLR 2019, arXiv 1806.09055",
        note="The paper's second order is `order = 2`.",
    ),
    "drnas": Preset(
        "mixing weights drawn from Dirichlet distributions",
        "Chen et al., ICLR 2021, arXiv 2006.10355",
        {"relaxation": DIRICHLET, "warmup": Share(10, 50)},
        {"lr": 0.1, "lr_min": 0.0, "alphas_lr": 6e-4},
        note="In one stage; the authors have `stage(partial = 6), stage(keep = 4, partial = 4)`, kept, and no `none`.",
    ),
    "gdas": Preset(
        "one operation an edge, drawn anew in each step; weights step first",
        "Dong and Yang, CVPR 2019, arXiv 1910.04465",
        {
            "relaxation": GUMBEL_HARD,
            "temperature": Schedule(10.0, 0.1, "linear"),
            "steps_first": "weights",
        },
        {"epochs": 250, "batch": 256, "nesterov": True, "weight_decay": 5e-4},
        note="The authors' code for NAS-Bench-201 adds the other mixing weights as numbers; that is not done here.",
    ),
    "pc_darts": Preset(
        "a quarter of the channels is mixed, and each edge has a learnt weight",
        "Xu et al., ICLR 2020, arXiv 1907.05737",
        {"edge_weights": True, "warmup": Share(15, 50)},
        {"partial": 4, "batch": 256, "lr": 0.1, "lr_min": 0.0, "alphas_lr": 6e-4},
        note="For ImageNet the authors take `partial = 2`, 35 of 50 epochs of warmup, batch 1024 and alphas_lr 6e-3.",
    ),
    "sdarts_rs": Preset(
        "mixing weights perturbed at random while weights are trained",
        "Chen and Hsieh, ICML 2020, arXiv 2002.05283",
        {"perturb": RANDOM, "epsilon": Schedule(0.03, 0.3, "toward")},
    ),
    "sdarts_adv": Preset(
        "mixing weights moved up the training loss while weights are trained",
        "Chen and Hsieh, ICML 2020, arXiv 2002.05283",
        {"perturb": ADVERSARIAL, "perturb_steps": 7, "epsilon": Schedule(0.03, 0.3, "toward")},
        passes=11,
    ),
    "fair_darts": Preset(
        "a sigmoid for each alpha, drawn to 0 or 1, and a threshold",
        "Chu et al., ECCV 2020, arXiv 1911.12126",
        {
            "relaxation": SIGMOID,
            "alphas_start": ZERO,
            "penalty": (ZERO_ONE,),
            "zero_one_weight": 10.0,
            "derive": "threshold",
            "threshold": 0.85,
        },
        {"batch": 128, "lr": 0.005, "alphas_lr": 3e-3, "alphas_betas": (0.9, 0.999)},
        note="The authors' space has no operation `none`.",
    ),
    "beta_darts": Preset(
        "an ever heavier penalty on the logsumexp of each row of alphas",
        "Ye et al., CVPR 2022, arXiv 2203.01665",
        {"penalty": (BETA_DECAY,), "beta_decay_weight": 50.0},
    ),
    "darts_minus": Preset(
        "a skip connection beside each edge's candidates, which fades",
        "Chu et al., ICLR 2021, arXiv 2009.01027",
        {"auxiliary_skip": True, "auxiliary_skip_weight": Schedule(1.0, 0.0, "toward")},
    ),
    "p_darts": Preset(
        "stages of fewer candidates in deeper networks, with dropout after skip connections",
        "Chen et al., ICCV 2019, arXiv 1904.12760",
        {
            "stages": Stages.of(
                "stage(n = 1), stage(keep = 5, n = 3, skip_dropout = 0.4), stage(keep = 3, n = 5, skip_dropout = 0.7)"
            ),
            "stages_start": FRESH,
            "skip_dropout": 0.1,
            "skip_limit": 2,
            "alphas_clip": 5.0,
            "warmup": Share(10, 75),
        },
        {"epochs": 75, "batch": 96, "lr_min": 0.0, "alphas_lr": 6e-4},
        note="In `darts_cnn` these are 5, 11 and 17 layers; a network without the parameter `n` is as it is.",
    ),
    "robust_es": Preset(
        "an end where the curvature of the validation loss in the alphas grows",
        _ROBUST,
        _STOP_BY_CURVATURE,
        note="By first order; the authors take `order = 2`. No search of fewer than 18 epochs is ended.",
    ),
    "robust_ada": Preset(
        "where that curvature grows, back some epochs and on with more weight decay",
        _ROBUST,
        {**_STOP_BY_CURVATURE, "rollback": True, "rollback_factor": 10.0, "rollback_most": 0.03},
        note="By first order; the authors take `order = 2`. No search of fewer than 18 epochs goes back.",
    ),
    "oles": Preset(
        "operations that stop training where their gradients on both halves of the data disagree",
        "Jiang et al., NeurIPS 2023, OpenReview yAOwkf4FyL",
        {"freeze": True, "freeze_threshold": 0.4, "freeze_steps": 20},
        note="Similarities are of both batches of a step; the authors' are of a batch and the one of a step before.",
    ),
    "darts_pt": Preset(
        "edges decided after the search, by what the network loses without each candidate",
        "Wang et al., ICLR 2021, arXiv 2108.04392",
        {"derive": PERTURBATION, "projection_interval": Share(5, 50, least=1)},
        note="The search goes on for its decisions. The authors' space has no operation `none`.",
    ),
    "random_sharing": Preset(
        "one random architecture trained per step; the best of many by the weights that they share",
        "Li and Talwalkar, UAI 2019, arXiv 1902.07638",
        {"relaxation": UNIFORM, "derive": SAMPLED, "samples": 1000},
        {"clip": 1.0, "sample_batches": 10},
        note="The authors draw `none` as well, and 1,000 architectures for each 10,000 steps of the search.",
    ),
    "darts_plus": Preset(
        "an end as soon as a cell would have two skip connections",
        "Liang et al., 2019, arXiv 1909.06035",
        {"stop": SKIPS, "stop_skips": 2},
        note='Its other rule is `stop = "stable"`.',
    ),
}


def notes(method: str, kind: str) -> list[str]:
    """What a user should know of a method in a network of `kind`: lines."""
    names = PRESETS[method].left_out(kind)
    listed = ", ".join(f"`{name}`" for name in names)
    return [f"of the method `{method}`, {listed} are for images, and left out"] if names else []


NAMES["method"].update({name: preset.about for name, preset in PRESETS.items()})
