"""The training of what was found, from Python: the functions behind `dartsl.train` and `dartsl.evaluate`.

As in `dartsl.api`, of which this is a part, a spec is given by its path, a shipped spec's name, a `Source` or a `Spec`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dartsl.api import Parameters, Plugins, SpecLike, check, configured, names_a_run, source_of
from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import TrainConfig, configure
from dartsl.lang.source import Source

if TYPE_CHECKING:
    from dartsl.train.evaluate import Evaluated
    from dartsl.train.loop import TrainResult


def train(
    spec: SpecLike,
    out: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    plugins: Plugins = (),
    **settings: Any,
) -> TrainResult:
    """Train a decided spec's network, or what the run of a search has found, from scratch.

    `out` is the run's folder, by default `runs/`, the spec's name and `-trained`. `settings` are those of `train {}`,
    over the spec's and the defaults (`TrainConfig`). The test images are looked at once, at the end.
    Raises SpecError, UserError.
    """
    from dartsl.train import loop

    known: Sequence[str | Path] = plugins
    data = ""
    if isinstance(spec, str | Path):
        source, found, data = source_to_train(str(spec))
        known = plugins or found
    else:
        source = source_of(spec)
    config = configured(configure(TrainConfig(data=data), check(source).train), settings)
    return loop.train(
        source,
        config,
        network=network,
        parameters=parameters,
        out=None if out is None else Path(out),
        plugins=known,
    )


def evaluate(run: str | Path, *, device: str | None = None) -> Evaluated:
    """The test figures of a trained run's last checkpoint, with confidence intervals. Raises UserError."""
    from dartsl.train import evaluate as evaluation

    return evaluation.evaluate(Path(run), device=device)


def source_to_train(name: str) -> tuple[Source, Sequence[str], str]:
    """The text behind a SPEC, or of what the run of a search has found, and that run's plugins and data.

    Raises UserError.
    """
    from dartsl.lang.loader import read
    from dartsl.run.folder import RunFolder

    if not names_a_run(name):
        return read(name), (), ""
    folder = RunFolder.open(Path(name))
    if folder.info.kind != "search":
        raise UserError(
            f"{name} is a run of `{folder.info.kind}`, not of a search",
            help=f"go on with it: dartsl train --resume {name}",
        )
    if not folder.found.exists():
        raise UserError(
            f"{name} has found nothing yet", help=f"let it end first: dartsl search --resume {name}"
        )
    return read(str(folder.found)), folder.info.plugins, str(folder.info.settings.get("data", ""))
