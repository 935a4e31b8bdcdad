"""What a setting of a search names: its method, and of its parts relaxations, penalties, rules that stop it.

Here are names and help alone, so that a spec is checked without torch. What they stand for is provided where it is
computed, by an `Implementations` each: `dartsl.nn.relaxations` and `dartsl.searching.readouts` for relaxations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from dartsl.lang.codes.diagnostics import UserError

Part = Literal["method", "relaxation", "penalty", "stop"]
Thing = TypeVar("Thing")

DARTS = "darts"  # the method of a search that names none
SOFTMAX = "softmax"  # the relaxation of DARTS, and of every run that names none
BETA_DECAY, ZERO_ONE, ENTROPY, KL, COST = "beta_decay", "zero_one", "entropy", "kl", "cost"
SIGMOID, GUMBEL, GUMBEL_HARD, DIRICHLET = "sigmoid", "gumbel", "gumbel_hard", "dirichlet"
UNIFORM = "uniform"  # the relaxation that learns no alphas
SINGLE = (GUMBEL_HARD, UNIFORM)  # those that run one operation an edge
NORMAL, ZERO = "normal", "zero"  # where alphas begin
SKIPS, STABLE, CURVATURE = "skips", "stable", "curvature"  # rules by which it may end before
NO_PERTURBATION, RANDOM, ADVERSARIAL = (
    "none",
    "random",
    "adversarial",
)  # of the mixing weights in the weights' step
PERTURBATION = "perturbation"  # the derivation by what the network loses without a candidate
SAMPLED = "sampled"  # that by which of many random architectures does best
LATER = (PERTURBATION, SAMPLED)  # derivations that decide in epochs of their own, after those of the search
CROSS_ENTROPY, MSE = "cross_entropy", "mse"  # losses; DARTS's is the first
LOSSES = (CROSS_ENTROPY, MSE)
NEVER = "none"  # the rule by which a search runs for all its epochs

NAMES: Mapping[Part, dict[str, str]] = {
    "method": {},  # those of `dartsl.lang.settings.presets`
    "relaxation": {
        SOFTMAX: "the softmax of each row of alphas (DARTS)",
        SIGMOID: "the sigmoid of each alpha by itself (FairDARTS)",
        GUMBEL: "the softmax of each row of alphas and Gumbel noise, over the temperature (as SNAS samples)",
        GUMBEL_HARD: "one operation an edge, drawn by Gumbel noise, with the gradient of that softmax (GDAS)",
        DIRICHLET: "drawn from the Dirichlet distribution of each row's elu(alpha) + 1 (DrNAS)",
        UNIFORM: "one architecture of the space, drawn evenly for each batch; no alphas are learnt (Li and Talwalkar)",
    },
    "penalty": {
        BETA_DECAY: "the mean logsumexp of the rows of alphas, ever heavier (beta-DARTS)",
        ZERO_ONE: "minus the mean squared distance of the mixing weights from 1/2 (FairDARTS)",
        KL: "how far the rows' Dirichlet distributions are from the even one, in place of alphas_decay (DrNAS)",
        ENTROPY: "the mean entropy of the rows of mixing weights",
        COST: "the expected cost of what is found, against a target (ProxylessNAS)",
    },
    "stop": {
        NEVER: "the search runs for all its epochs",
        SKIPS: "a derived cell without a stride has too many skip connections (DARTS+)",
        STABLE: "the ranking of the alphas stays the same (DARTS+)",
        CURVATURE: "the curvature grows fast; the architecture is that of some epochs before (RobustDARTS)",
    },
}
# Of a relaxation, the settings that it alone reads: schedules, whose value of now comes with each pass.
SCHEDULED: dict[str, tuple[str, ...]] = {GUMBEL: ("temperature",), GUMBEL_HARD: ("temperature",)}


def register(part: Part, name: str, help: str, scheduled: tuple[str, ...] = ()) -> None:
    """Let a setting name a relaxation, a penalty or a stop rule; `help` is what it is, in a few words, and `scheduled`
    are the schedules that a relaxation reads, such as "temperature".

    Raises ValueError for a name that is taken, or that is no lower-case identifier.
    """
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"the name of a {part} is a lower-case identifier, not {name!r}")
    if name in NAMES[part]:
        raise ValueError(f"the name {name} is taken")
    NAMES[part][name] = help
    if scheduled:
        SCHEDULED[name] = scheduled


@dataclass(frozen=True)
class Implementations(Generic[Thing]):
    """What the names of a part stand for in one half of dartsl; `found` has them by name."""

    part: Part
    found: dict[str, Thing] = field(default_factory=dict)

    def provide(self, name: str, thing: Thing) -> None:
        """Raises ValueError for a name that is not registered, or that has its implementation already."""
        if name not in NAMES[self.part]:
            raise ValueError(
                f"there is no {self.part} {name}: `dartsl.lang.settings.methods.register` adds one"
            )
        if name in self.found:
            raise ValueError(f"the {self.part} {name} has an implementation already")
        self.found[name] = thing

    def of(self, name: str) -> Thing:
        """What a name stands for. Raises UserError where nothing was provided for it."""
        if name not in self.found:
            raise UserError(
                f"nothing is there that computes the {self.part} `{name}`",
                help="import the file that provides it before dartsl reads the spec or the run",
            )
        return self.found[name]
