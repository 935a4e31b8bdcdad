"""What a sweep has come to so far: read from its folder, figure by figure, as it stands. No torch.

A sweep that is at work, was stopped, or had jobs that failed has results too: those of the jobs that are done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds, parameters
from dartsl.graph.isomorphic import Form, Forms
from dartsl.graph.unused import running
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.layer_choices import shown
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.paths import exists
from dartsl.run.files import Row, parse_json, read_file, read_rows
from dartsl.run.kinds import RESULT
from dartsl.run.layout import HISTORY, RUN
from dartsl.run.schema import Check, MisfitError, maybe, real, record, table, text, whole
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.looking import figures_of, planned_network
from dartsl.sweeping.plan import SEARCH, Arm, Job, Protocol, SweepPlan
from dartsl.training.measured import OF_TEST

ERROR, PERPLEXITY, SQUARES = "test error", "test perplexity", "test mean squared error"
TABLE_ERROR, TABLE_FIGURE = "error in the table", "figure in the table"  # of accuracies; as they stand

_RESULT: Check = record({"parameters": whole(), "test": maybe(OF_TEST)})
_PICKED: Check = record({"score": table(maybe(real)), "picked": whole(high=None)})
_VERSIONS: Check = record({"versions": table(text)})


@dataclass(frozen=True)
class Outcome:
    """What a final training has come to, or a lookup in its place.

    figure      its test error, a part of one, its test perplexity, or, of numbers, the mean squared error of the
                standardised targets: lower is better. None where the data have no test set, or the figure is not
                finite. Or what a table says in place of a training
    low, high   the figure's own 95 % interval, over the test set; None of a table's figures
    parameters  of the network
    """

    job: str
    recipe: str
    figure: float | None
    low: float | None
    high: float | None
    parameters: int


@dataclass(frozen=True)
class Architecture:
    """One of an arm's.

    seed           of its search and of its trainings
    path           its decided spec, which may not be there yet
    text           what that says; None while it is not there
    multiply_adds  for one image, or one word; None where it was not counted: of those that were only trained shortly
    score          the validation loss by which is selected; None while it is not known, or not finite
    picked         whether the arm's selection has taken it
    outcomes       of its final trainings, by recipe
    history        of its search, a row an epoch
    form           of its cells: equal for those that differ by the names of nodes alone; None where it was not trained
    """

    seed: int
    path: Path
    text: str | None
    multiply_adds: int | None = None
    score: float | None = None
    picked: bool = False
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    history: tuple[Row, ...] = ()
    form: Form | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ArmResults:
    """An arm, and its architectures in the order of their seeds."""

    arm: Arm
    architectures: tuple[Architecture, ...]

    @property
    def picked(self) -> Architecture | None:
        """The one that is selected; None while none is."""
        return next((each for each in self.architectures if each.picked), None)

    def figures(self, recipe: str) -> dict[int, float]:
        """Those of the trainings by a recipe that are done, by seed."""
        found = {each.seed: each.outcomes.get(recipe) for each in self.architectures}
        return {seed: one.figure for seed, one in found.items() if one is not None and one.figure is not None}


@dataclass(frozen=True)
class Results:
    """All of a sweep.

    measure   what is compared: `test error`, a part of one, `test perplexity` or `test mean squared error`; of a table
              `error in the table`, a part of one, or `figure in the table`
    failed    jobs whose last try has failed, with its exit code; not those that were stopped
    missing   other jobs that are not done
    seconds   of all tries of each job, as far as they are known
    versions  of what decides numbers, from the runs: several are joined
    """

    folder: Path
    plan: SweepPlan
    measure: str
    arms: tuple[ArmResults, ...]
    failed: Mapping[str, int]
    missing: tuple[str, ...]
    seconds: Mapping[str, float]
    versions: Mapping[str, str]

    @property
    def finished(self) -> bool:
        """Whether all jobs are done."""
        return not self.failed and not self.missing


def read_results(path: Path) -> Results:
    """What lies in the folder of a sweep. Raises UserError where it is none, or what lies in it is damaged."""
    folder = SweepFolder.open(path)
    jobs = folder.plan.jobs
    tried = {job.name: attempt for job in jobs if (attempt := folder.tried(job)) is not None}
    open_jobs = [job.name for job in jobs if not folder.done(job)]
    failed = {name: tried[name].exit for name in open_jobs if name in tried and tried[name].failed}
    reader = _Reader(folder)
    arms = tuple(ArmResults(arm, tuple(reader.architectures(arm))) for arm in folder.plan.arms)
    return Results(
        path,
        folder.plan,
        reader.measure,
        arms,
        failed,
        tuple(name for name in open_jobs if name not in failed),
        {name: attempt.seconds for name, attempt in tried.items()},
        {name: ", ".join(sorted(found)) for name, found in sorted(reader.versions.items())},
    )


class _Reader:
    """Reads the outputs of jobs; what it has seen of measures and versions is collected on the way."""

    def __init__(self, folder: SweepFolder) -> None:
        self.path = folder.path
        self.plan = folder.plan
        self.done = [job for job in folder.plan.jobs if folder.done(job)]
        use = folder.plan.protocol.table
        self.measure = ERROR if use is None else TABLE_FIGURE if use.lower else TABLE_ERROR
        self.versions: dict[str, set[str]] = {}
        self.forms = Forms()

    def architectures(self, arm: Arm) -> Iterator[Architecture]:
        scores, picked = self._picked(arm)
        trained: dict[int | None, dict[str, Outcome]] = {}
        seen = {job.seed: job for job in self.done if job.kind == "lookup" and job.arm == arm.slug}
        for job in self.done:
            if job.kind == "train" and job.arm == arm.slug:
                seed = picked if job.seed is None else job.seed  # without one it is of what was selected
                trained.setdefault(seed, {})[job.recipe or ""] = self._outcome(job)
        for seed in self.plan.seeds(arm):
            path = self.path / self.plan.architecture(arm, seed)
            there, outcomes = exists(path), trained.get(seed, {})
            looked_up = seen.get(seed)
            spec = check(read(str(path))) if there and (outcomes or looked_up) else None
            if spec is not None and looked_up is not None:
                outcomes = self._looked_up(looked_up, spec, path.parent)
            yield Architecture(
                seed,
                path,
                read_file(path).decode("utf-8", "replace") if there else None,
                None if spec is None else counted(spec, self.plan.protocol),
                scores.get(seed),
                seed == picked,
                outcomes,
                self._history(arm, seed),
                None if spec is None else self._form(spec),
            )

    def _form(self, spec: Spec) -> Form:
        laid_out = shown(spec, self.plan.protocol.network)
        return self.forms.of_spec(laid_out, laid_out.cells)

    def _picked(self, arm: Arm) -> tuple[dict[int, float], int | None]:
        """The scores of an arm's architectures by seed, and the seed of the one that is selected."""
        for job in self.done:
            if job.kind == "pick" and job.arm == arm.slug:
                found = _read(self.path / job.out, _PICKED)
                known = {str(seed): seed for seed in self.plan.seeds(arm)}
                scores = {
                    known[seed]: float(score)
                    for seed, score in found["score"].items()
                    if seed in known and score is not None and isfinite(score)
                }
                return scores, found["picked"]
        return {}, None

    def _outcome(self, job: Job) -> Outcome:
        out = self.path / job.out
        found = _read(out / RESULT, _RESULT)
        self._note_versions(out)
        figure, low, high = self._figure(found["test"])
        return Outcome(job.name, job.recipe or "", figure, low, high, found["parameters"])

    def _looked_up(self, job: Job, spec: Spec, run: Path) -> dict[str, Outcome]:
        """Of each column what a table says."""
        use = self.plan.protocol.table
        if use is None:
            return {}
        self._note_versions(run)
        figures = figures_of(self.path / job.out, use)
        count = parameters(running(build(planned_network(spec, self.plan.protocol))))
        return {
            recipe.name: Outcome(job.name, recipe.name, figures[column], None, None, count)
            for recipe, column in zip(self.plan.protocol.recipes, use.columns, strict=True)
        }

    def _note_versions(self, run: Path) -> None:
        """Those of a run; a folder that is none has none."""
        if exists(run / RUN):
            for name, version in _read(run / RUN, _VERSIONS)["versions"].items():
                self.versions.setdefault(name, set()).add(version)

    def _figure(self, test: Mapping[str, Any] | None) -> tuple[float | None, float | None, float | None]:
        if test is None:
            return None, None, None
        part, name = test.get("top1"), "error"
        for key, measure in (("perplexity", PERPLEXITY), ("mse", SQUARES)):
            if key in test:
                self.measure, part, name = measure, test[key], "value"
        assert part is not None
        figure, low, high = (_finite(part[each]) for each in (name, "low", "high"))
        return figure, low, high

    def _history(self, arm: Arm, seed: int) -> tuple[Row, ...]:
        path = self.path / "search" / arm.slug / str(seed) / HISTORY
        return tuple(read_rows(path)) if arm.kind == SEARCH and exists(path) else ()


def counted(spec: Spec, protocol: Protocol) -> int:
    """The multiply-adds of a decided spec, for one image or one word. Raises UserError, SpecError."""
    return multiply_adds(running(build(planned_network(spec, protocol))))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and isfinite(value) else None


def _read(path: Path, wanted: Check) -> dict[str, Any]:
    """A JSON object. Raises UserError where it is not what it must be."""
    try:
        found = parse_json(read_file(path))
        wanted(found, "")
    except MisfitError as place:
        raise UserError(f"{path} is damaged: `{place}` is missing or not what it was") from None
    except ValueError:
        raise UserError(f"{path} is damaged: it is not JSON") from None
    return dict(found)
