"""The training of what was found, and its use, from Python: the functions `dartsl.train`, `dartsl.evaluate`,
`dartsl.predict` and `dartsl.generate`.

As in `dartsl.api.specs`, a spec is given by its path, a shipped spec's name, a `Source` or a `Spec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dartsl.api.specs import Parameters, Plugins, SpecLike, check, names_a_run, settled, source_of
from dartsl.lang.diagnostics import UserError
from dartsl.lang.model import Spec
from dartsl.lang.settings import TrainConfig, train_config, usable
from dartsl.lang.source import Source
from dartsl.nn.plugin_files import Files
from dartsl.run.commands import command_line
from dartsl.run.job import Job

if TYPE_CHECKING:
    from dartsl.training.evaluate import Evaluated
    from dartsl.training.generate import Continued
    from dartsl.training.loop import TrainResult
    from dartsl.training.predict import Images, Prediction


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
    over the spec's and the defaults for its network (`TrainConfig`). The test data are looked at once, at the end.
    Raises SpecError, UserError.
    """
    from dartsl.training import loop

    known: Files = plugins
    inherited: Mapping[str, Any] = {}
    if isinstance(spec, str | Path):
        source, found, inherited = source_to_train(str(spec))
        known = plugins or found
    else:
        source = source_of(spec)
    checked = check(source)
    config = config_to_train(checked, settings, network=network, inherited=inherited)
    folder = None if out is None else Path(out)
    job = Job(checked, network, parameters or {}, known, folder, "dartsl.train(...)")
    return loop.train(job, config)


def evaluate(run: str | Path, *, device: str | None = None, plugins: Plugins = ()) -> Evaluated:
    """The test figures of a trained run's last checkpoint, with confidence intervals; on a GPU where there is one,
    unless `device` names another.

    `plugins` names those of a run that was not made in its folder by this user. Raises UserError.
    """
    from dartsl.run.resuming import Anew
    from dartsl.training import evaluate as evaluation

    return evaluation.evaluate(Path(run), Anew(device, plugins))


def predict(
    run: str | Path,
    images: Images,
    *,
    top_k: int = 1,
    device: str | None = None,
    plugins: Plugins = (),
) -> list[Prediction]:
    """The likeliest classes of each image, by a trained run's network, with the weights that `evaluate` measures.

    `images` are a path or several: of image files, of folders of them, of .npz files with `x_test` or `x`; or an
    array, uint8 (N, H, W, C), or (N, H, W) of one channel. Raises UserError.
    """
    from dartsl.run.resuming import Anew
    from dartsl.training import predict as prediction
    from dartsl.training.trained import trained

    if top_k < 1:
        raise UserError("top_k is a number from 1", exit_code=2)
    return prediction.predictions(trained(Path(run), Anew(device, plugins)), images, top_k)


def generate(
    run: str | Path,
    prompt: str,
    *,
    length: int = 100,
    temperature: float = 1.0,
    top_k: int = 0,
    seed: int = 0,
    device: str | None = None,
    plugins: Plugins = (),
) -> Continued:
    """What a run trained on text makes of a prompt: `length` more words (or characters), drawn one after another.

    The logits are divided by `temperature` (0: always the likeliest); `top_k` leaves the k likeliest alone (0: all).
    Raises UserError.
    """
    from dartsl.run.resuming import Anew
    from dartsl.training import generate as generation
    from dartsl.training.trained import trained

    sampling = generation.Sampling(length, temperature, top_k, seed)
    return generation.continued(trained(Path(run), Anew(device, plugins)), prompt, sampling)


def config_to_train(
    spec: Spec,
    settings: Mapping[str, Any],
    *,
    network: str | None = None,
    inherited: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """`settings` over the spec's own over those of a search's run over the defaults for its network.

    Raises UserError for a setting that is unknown or bad, or of another kind of network.
    """
    from dartsl.lang.check import pick_network

    takes = pick_network(spec, network).takes
    return settled(train_config, takes, settings, usable(takes, inherited or {}), spec.train)


def source_to_train(name: str) -> tuple[Source, Files, Mapping[str, Any]]:
    """The text of a SPEC, or of what the run of a search has found, with the plugins of the run it lies in and,
    where the run itself is named, the settings that say what it was searched on.

    Raises UserError.
    """
    from dartsl.lang.loader import read
    from dartsl.run.beside import plugins_beside
    from dartsl.run.folder import RunFolder
    from dartsl.run.kinds import SEARCH

    if not names_a_run(name):
        source = read(name)
        return source, plugins_beside(source), {}
    folder = RunFolder.open(Path(name))
    folder.require(SEARCH, f"go on with it: {folder.kind.go_on(name)}")
    if not folder.found.exists():
        raise UserError(
            f"{name} has found nothing yet",
            help=f"let it end first: {command_line('dartsl', 'search', '--resume', name)}",
        )
    settings = folder.info.settings
    names: tuple[str, ...] = ("data", "level")
    inherited = {name: settings[name] for name in names if name in settings}
    return read(str(folder.found)), folder.plugins, inherited
