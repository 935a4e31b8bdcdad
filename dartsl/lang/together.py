"""Which settings of a search do not go together: one table, for `search {}` in a spec and for a search that begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from dartsl.lang.diagnostics import Diagnostic, Label, UserError
from dartsl.lang.inputs import Images, Input
from dartsl.lang.methods import DIRICHLET, KL, NO_PERTURBATION, SIGMOID
from dartsl.lang.model import Spec
from dartsl.lang.settings import SearchConfig, search_config, usable
from dartsl.lang.syntax import Setting, SettingsDecl


@dataclass(frozen=True)
class Rule:
    """Settings that do not go together.

    settings  the names of those it is about; a diagnostic points at the first of them that the spec gives
    broken    whether the settings of a search, all of them, are against it
    why       the message, in which `{name}` stands for the value of a setting
    help      what may be done about it, likewise
    """

    settings: tuple[str, ...]
    broken: Callable[[SearchConfig], bool]
    why: str
    help: str


RULES = (
    Rule(
        ("warmup", "epochs"),
        lambda config: config.warmup >= config.epochs,
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
        ("amp", "dtype"),
        lambda config: config.amp and config.dtype != "float32",
        "amp computes in bfloat16, which does not go with dtype {dtype}",
        "leave one of them out",
    ),
    Rule(
        ("perturb", "relaxation"),
        lambda config: config.perturb != NO_PERTURBATION and config.relaxation == SIGMOID,
        "perturb = {perturb} does not go with the relaxation `{relaxation}`: its rows need not add up to 1",
        "leave one of them out",
    ),
    Rule(
        ("penalty", "relaxation"),
        lambda config: KL in config.penalty and config.relaxation != DIRICHLET,
        f"the penalty `{KL}` is of Dirichlet distributions, and the relaxation `{{relaxation}}` has none",
        f"give the relaxation `{DIRICHLET}`, or another penalty",
    ),
    Rule(
        ("penalty", "alphas_decay"),
        lambda config: KL in config.penalty and config.alphas_decay > 0,
        f"the penalty `{KL}` takes the place of the alphas' decay, which is {{alphas_decay:g}}",
        "give alphas_decay 0 with it, or leave the penalty out",
    ),
)


def broken(config: SearchConfig) -> Iterator[Rule]:
    """The rules that the settings of a search are against."""
    return (rule for rule in RULES if rule.broken(config))


def require_together(config: SearchConfig) -> None:
    """Raises UserError (exit code 2) for settings of a search that do not go together."""
    for rule in broken(config):
        why, help = _words(rule, config)
        raise UserError(why, help, exit_code=2)


def together_faults(spec: Spec) -> list[Diagnostic]:
    """E0612 for each rule that the spec's `search {}` is against over the defaults, in networks of every kind that it
    has."""
    kinds = {network.takes for network in spec.networks.values()} or {Images}
    configs = [_config(spec, takes) for takes in kinds]
    found = [rule for rule in broken(configs[0]) if all(rule.broken(config) for config in configs)]
    given = [
        setting
        for block in spec.root.declarations
        if isinstance(block, SettingsDecl) and block.kind == "search"
        for setting in block.settings
    ]
    return [_fault(rule, configs[0], given) for rule in found]


def _config(spec: Spec, takes: type[Input]) -> SearchConfig:
    return search_config(takes, usable(SearchConfig, takes, spec.search))


def _fault(rule: Rule, config: SearchConfig, given: Collection[Setting]) -> Diagnostic:
    """The diagnostic at the first of a rule's settings that is given; the others that are given stand below."""
    why, help = _words(rule, config)
    places = [each for name in rule.settings for each in given if each.name.id == name]
    first, *others = (Label(each.span) for each in places)
    return Diagnostic("E0612", why, first, tuple(others), help)


def _words(rule: Rule, config: SearchConfig) -> tuple[str, str]:
    values = vars(config)
    return rule.why.format_map(values), rule.help.format_map(values)
