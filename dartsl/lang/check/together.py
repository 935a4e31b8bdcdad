"""Settings that do not go together, by the rules of `dartsl.lang.check.rules`: in a spec, and where a run begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from dartsl.lang.check.blocks import LOSS
from dartsl.lang.check.model import Network, Spec
from dartsl.lang.check.rules import IN_A_SPEC, RULES, TRAIN_RULES, Rule
from dartsl.lang.check.stage_faults import parameter_faults
from dartsl.lang.codes.diagnostics import Diagnostic, Label, UserError
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.records.inputs import Images, Input
from dartsl.lang.settings.methods import MSE
from dartsl.lang.settings.presets import PRESETS
from dartsl.lang.settings.values import (
    CONFIGS,
    SearchConfig,
    TrainConfig,
    configure,
    of_another_kind,
    search_config,
    usable,
    written,
)
from dartsl.lang.syntax.ast import SettingsDecl
from dartsl.lang.syntax.resources import shipped_specs


def broken(config: SearchConfig | TrainConfig) -> Iterator[Rule]:
    """The rules that the settings of a search or a training are against."""
    rules = RULES if isinstance(config, SearchConfig) else TRAIN_RULES
    return (rule for rule in rules if rule.broken(config))


def require_together(config: SearchConfig | TrainConfig) -> None:
    """Raises UserError (exit code 2) for settings of a search or a training that do not go together."""
    for rule in broken(config):
        why, help = _words(rule, config)
        raise UserError(why, help, exit_code=2)


def config_of(spec: Spec, takes: type[Input]) -> SearchConfig:
    """The settings of a search of a spec's network that takes such an input, as its `search {}` says.

    Raises UserError for a method of another kind of network.
    """
    return search_config(takes, usable(SearchConfig, takes, spec.search))


def search_of(spec: Spec, takes: type[Input]) -> SearchConfig:
    """The same; the defaults where the method is not for such a network, which is reported by itself."""
    try:
        return config_of(spec, takes)
    except UserError:
        return search_config(takes)


def together_faults(spec: Spec) -> list[Diagnostic]:
    """E0612 for what the spec's `search {}` is against, over the defaults, in networks of every kind that it has: each
    rule, and a method of another kind."""
    configs, faults = [], []
    for takes in {network.takes: None for network in spec.networks.values()} or {Images: None}:
        try:
            configs.append(config_of(spec, takes))
        except UserError as fault:
            faults.append(fault)
    given = _spans(spec, "search")
    if not configs:
        return [Diagnostic("E0612", faults[0].message, Label(given["method"]), help=faults[0].help)]
    found = [rule for rule in (*RULES, *IN_A_SPEC) if all(rule.broken(config) for config in configs)]
    return [
        *parameter_faults(spec),
        *(_fault(rule, configs[0], given) for rule in found),
        *_training_faults(spec),
        *_unusable(spec),
    ]


def _training_faults(spec: Spec) -> Iterator[Diagnostic]:
    """The same for what its `train {}` is against; a loss of the search counts there, too."""
    config, given = configure(TrainConfig(), spec.train), {**_spans(spec, "search"), **_spans(spec, "train")}
    return (_fault(rule, config, given) for rule in broken(config))


def _unusable(spec: Spec) -> Iterator[Diagnostic]:
    """E0612 for each setting that every network of the spec refuses, with what the first one says (darts 2)."""
    networks = tuple(spec.networks.values()) if spec.root.source.version > 1 else ()
    for kind, given in (("search", spec.search), ("train", spec.train)):
        known = {each.name: each.metadata for each in fields(CONFIGS[kind])}
        for name, place in _spans(spec, kind).items():
            found = [
                of_another_kind(name, known[name], network.takes)
                or (too_early(network, given.get(name)) if name == LOSS else None)
                for network in networks
            ]
            if found and found[0] is not None and all(found):
                group = f"{name} {found[0].message}"
                yield Diagnostic("E0612", found[0].message, Label(place), help=found[0].help, group=group)


def too_early(network: Network, loss: object) -> UserError | None:
    """What is said of a loss that the version does not know in which a network is written: what is found keeps both."""
    source = network.span.source
    if loss != MSE or source.version > 1:
        return None
    return UserError(
        f"`{LOSS} = {MSE}` is known from `darts 2` on, and {source.name} is written in darts {source.version}",
        _as_latest(source),
        exit_code=2,
    )


def _as_latest(source: Source) -> str:
    """How to have a file, or a copy of a shipped one, in the latest version of the language."""
    shipped = next((name for name, path in shipped_specs().items() if path == source.path), None)
    if shipped is None:
        return f"`dartsl fmt --upgrade {source.name}` makes it one of `darts 2`"
    return (
        f"copy it (`dartsl new mine --from {shipped}`), and make the copy one of `darts 2` "
        "(`dartsl fmt --upgrade mine.darts`)"
    )


def _spans(spec: Spec, kind: str) -> dict[str, Span]:
    """The place of each setting that the spec's block of a kind gives."""
    return {
        setting.name.id: setting.span
        for block in spec.root.declarations
        if isinstance(block, SettingsDecl) and block.kind == kind
        for setting in block.settings
    }


def _fault(rule: Rule, config: SearchConfig | TrainConfig, given: Mapping[str, Span]) -> Diagnostic:
    """The diagnostic at the first of a rule's settings that is given. Below stand the others that are, and the method
    where it stands for some."""
    why, help = _words(rule, config)
    places = [Label(given[name]) for name in rule.settings if name in given]
    chosen = PRESETS[config.method].settings(Images.kind) if isinstance(config, SearchConfig) else {}
    stands = [
        f"{name} = {written(getattr(config, name))}"
        for name in rule.settings
        if name in chosen.keys() - given
    ]
    if "method" in given and stands:
        places.append(Label(given["method"], f"it stands for {', '.join(stands)}"))
    return Diagnostic("E0612", why, places[0], tuple(places[1:]), help)


def _words(rule: Rule, config: SearchConfig | TrainConfig) -> tuple[str, str]:
    values = vars(config)
    return rule.why.format_map(values), rule.help.format_map(values)
