"""Training one network once, or with several seeds, each in a sub-folder `seed0`, `seed1`, ... of the run's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import TrainConfig
from dartsl.lang.syntax.paths import exists
from dartsl.run import schema
from dartsl.run.commands import command_line
from dartsl.run.files import parse_json, read_file, write_json
from dartsl.run.folder import RunFolder, free_name
from dartsl.run.job import Job
from dartsl.run.layout import CHECKPOINT, RUN
from dartsl.run.names import RUNS, stem
from dartsl.run.resuming import AS_IT_WAS, Anew, reopened
from dartsl.run.torchrun import require_one_process
from dartsl.training import loop
from dartsl.training.report import seeds_report

SEEDS = "seeds.json"
FORMAT = 1
RECORD = schema.record({"format": schema.one_of(FORMAT), "seeds": schema.whole(2, 1_000_000)})


def start(job: Job, config: TrainConfig, seeds: int | None = None) -> list[loop.TrainResult]:
    """Train the seed of the settings, or the seeds 0 to seeds - 1; of the results the last may be of one interrupted.

    Raises what `dartsl.training.loop.train` raises, and UserError where the folder exists.
    """
    if seeds is None:
        return [loop.train(job, config)]
    require_one_process("dartsl train --seeds")
    path = job.out or free_name(RUNS, f"{stem(job.source)}-seeds")
    if exists(path) and not _unbegun(path):
        resume = command_line("--resume", path)
        raise UserError(f"{path} exists", help=f"name another folder by --out, or go on with {resume}")

    def record() -> None:
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / SEEDS, {"format": FORMAT, "seeds": seeds})

    first = loop.train(replace(job, out=path / "seed0"), replace(config, seed=0), record)
    anew = Anew(given=job.given, callbacks=job.callbacks)
    return _rest(path, seeds, anew, job.console, [first])


def _unbegun(path: Path) -> bool:
    """Whether a folder is empty, or what a training of several seeds left that died before its first checkpoint."""
    first = path / "seed0"
    return (
        path.is_dir()
        and {entry.name for entry in path.iterdir()} <= {SEEDS, first.name}
        and not (first / CHECKPOINT).exists()
    )


def resume(path: Path, anew: Anew = AS_IT_WAS, *, console: Console | None = None) -> list[loop.TrainResult]:
    """Go on with one training, or with several seeds; results as those of `start`. Raises UserError."""
    if not (path / SEEDS).exists():
        return [loop.resume(path, anew, console=console)]
    require_one_process("dartsl train --seeds")
    try:
        record = parse_json(read_file(path / SEEDS))
        RECORD(record, "")
    except ValueError:
        raise UserError(f"{path / SEEDS} is damaged, or of another version of dartsl") from None
    return _rest(path, record["seeds"], anew, console, [])


def _rest(
    path: Path, seeds: int, anew: Anew, console: Console | None, done: list[loop.TrainResult]
) -> list[loop.TrainResult]:
    """The seeds after those in `done`: those that were begun go on, the others start as the first one did."""
    say = console or Console()
    for seed in range(seeds):
        if seed == len(done):
            say.print(f"seed {seed} of {seeds}", highlight=False, markup=False)
            done.append(_one(path, seed, anew, console))
        if not done[seed].finished or (done[seed].interrupted and seed + 1 < seeds):
            command = command_line("dartsl", "train", "--resume", path)
            say.print(f"go on with all seeds: {command}", highlight=False, markup=False, soft_wrap=True)
            return done
    tests = [result.test for result in done if result.test is not None]
    if tests:
        say.print(seeds_report(tests, path), highlight=False, markup=False, soft_wrap=True)
    return done


def _one(path: Path, seed: int, anew: Anew, console: Console | None) -> loop.TrainResult:
    folder = path / f"seed{seed}"
    if seed == 0:
        return loop.resume(folder, anew, console=console)
    like = RunFolder.open(path / "seed0")
    if (folder / RUN).exists():
        # The first one may have been prolonged before all was interrupted: the seeds are of one length.
        given = like.info.settings["epochs"] if anew.epochs is None else anew.epochs
        return loop.resume(folder, replace(anew, epochs=given), console=console)
    job, config = reopened(like, TrainConfig(), anew)
    return loop.train(replace(job, out=folder, console=console), replace(config, seed=seed))
