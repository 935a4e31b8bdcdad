"""The methods of search that a setting names. No torch."""

from __future__ import annotations

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.codes.suggestions import close
from dartsl.lang.records.inputs import Images
from dartsl.lang.settings.presets import PRESETS, Preset
from dartsl.lang.settings.stages import Stages
from dartsl.lang.settings.values import search_config, written
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file

# What every block says, whatever the method: how weights and alphas are trained.
TRAINING = (
    *("order", "epochs", "batch", "warmup", "lr", "lr_min", "momentum", "weight_decay", "clip"),
    *("alphas_lr", "alphas_betas", "alphas_decay"),
)


def methods() -> dict[str, Preset]:
    """The methods that `dartsl.search(..., method="...")` takes, by name, each with its source and its settings."""
    return dict(PRESETS)


def method_of(name: str) -> Preset:
    """The method of that name. Raises UserError (exit code 2) where there is none."""
    if name not in PRESETS:
        near = close(name, PRESETS)
        help = f"did you mean `{near}`?" if near else "`dartsl methods` lists them"
        raise UserError(f"there is no method `{name}`", help, exit_code=2)
    return PRESETS[name]


def settings_of(name: str) -> dict[str, object]:
    """What a method comes to in a network of images: how it is trained, then its own parts. Raises UserError."""
    preset = method_of(name)
    config = search_config(Images, {"method": name})
    names = dict.fromkeys([*TRAINING, *preset.settings(Images.kind)])
    return {each: getattr(config, each) for each in names}


def search_block(name: str) -> str:
    """A method as a `search { }` block, which means the same in a spec of images. Raises UserError."""
    preset, settings = method_of(name), settings_of(name)
    width = max(map(len, settings))
    comments = [f"{name}: {preset.about}", preset.source, preset.note]
    lines = [
        *(f"# {line}" for line in comments if line),
        "search {",
        *(f"  {each:<{width}} = {written(value)}" for each, value in settings.items()),
        "}",
    ]
    if not isinstance(settings.get("stages"), Stages):
        return "\n".join(lines)
    header = "darts 1\n\n"  # stages have lines of their own
    return print_file(parse(Source(name, header + "\n".join(lines)))).removeprefix(header).rstrip()
