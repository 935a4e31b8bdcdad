"""`dartsl methods`."""

from __future__ import annotations

from typing import Any

import click

from dartsl.cli.options import command
from dartsl.cli.output import answer
from dartsl.lang.settings.presets import PRESETS, Preset
from dartsl.lang.settings.schedules import Schedule


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in PRESETS if name.startswith(incomplete)]


@command("methods")
@click.argument("name", metavar="NAME", required=False, shell_complete=_complete)
def methods_command(name: str | None) -> None:
    """List the methods of search, or print one as a block of settings.

    Each name is a value of the setting `method`: it stands for the settings of its paper, any of which may be given
    beside it. With a NAME, these are printed as a `search {}` block for a spec of images.

    \b
    Examples:
      dartsl methods
      dartsl methods fair_darts
      dartsl search digits --method fair_darts
    """
    from dartsl.api.presets import method_of, methods, search_block, settings_of

    if name is not None:
        settings = {each: str(v) if isinstance(v, Schedule) else v for each, v in settings_of(name).items()}
        text = search_block(name)
        answer({"methods": [_record(name, method_of(name)) | {"settings": settings, "text": text}]}, text)
        return
    found = methods()
    width = max(map(len, found))
    lines = []
    for each, preset in found.items():
        lines += [
            f"{each:<{width}}  {preset.about}",
            f"{'':<{width}}  {preset.passes} passes per step; {preset.source}",
        ]
    answer({"methods": [_record(each, preset) for each, preset in found.items()]}, "\n".join(lines))


def _record(name: str, preset: Preset) -> dict[str, Any]:
    return {"name": name, "about": preset.about, "source": preset.source, "passes": preset.passes}
