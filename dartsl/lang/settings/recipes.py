"""What is said of a training whose optimiser has default settings where the search had settings of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dartsl.lang.records.inputs import Input, Tokens
from dartsl.lang.settings.values import TrainConfig, search_config

OPTIMISER = ("lr", "momentum", "weight_decay", "clip")  # settings of searches and trainings alike


def not_taken_over(
    config: TrainConfig, takes: type[Input], searched: Mapping[str, Any], given: Collection[str]
) -> list[str]:
    """A note where a text is trained by the default learning rate, which is that of large networks of recurrent cells,
    and the search did not take all of its defaults. `given` are the settings that the spec or the call name."""
    if takes.kind != Tokens.kind or "lr" in given:
        return []
    usual = search_config(takes)
    theirs = {
        name: searched[name]
        for name in OPTIMISER
        if name not in given and searched.get(name, getattr(usual, name)) != getattr(usual, name)
    }
    differing = {name: value for name, value in theirs.items() if value != getattr(config, name)}
    if not differing:
        return []
    here = ", ".join(f"{name} {getattr(config, name):g}" for name in differing)
    there = ", ".join(f"{name} {value:g}" for name, value in differing.items())
    options = " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in differing.items())
    block = " ".join(f"{name} = {value:g}" for name, value in differing.items())
    return [
        f"the training has {here}, the defaults for text (DARTS's for Penn Treebank); the search has {there}, which a "
        f"training does not take over: for these give {options}, or write `train {{ {block} }}` in the spec"
    ]
