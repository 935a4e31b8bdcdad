"""What `sweep.json` holds: the protocol of a sweep and every job of it, stated before the first one runs.

It is written once and only read afterwards. Nothing in it is believed that could run code, or write outside the
sweep's folder: see `_require_harmless`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists
from dartsl.run.files import parse_json, read_file, write_json
from dartsl.run.kinds import FOUND
from dartsl.run.schema import (
    Check,
    MisfitError,
    either,
    like,
    many,
    maybe,
    number,
    one_of,
    record,
    table,
    text,
    whole,
)
from dartsl.sweeping.lookups import TABLE_USE, TableUse

FORMAT = 1
SWEEP, SPEC = "sweep.json", "spec.darts"
SEARCH, RANDOM, AT_COST = "search", "random", "random_at_cost"  # the kinds of arms
COMMANDS = {  # of each kind of job, what follows `dartsl`
    "search": "search",
    "sample": "sample",
    "select": "train",
    "pick": "sweep",
    "train": "train",
    "lookup": "sweep",
}
OWN = ("pick", "lookup")  # kinds of jobs that the sweep itself does


@dataclass(frozen=True)
class Recipe:
    """A way to train: settings over those that all trainings of the sweep share. The only one has no name."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Arm:
    """A way to architectures.

    name      what it is called in a report, such as `darts warmup=2`
    slug      its folders' name
    kind      `search`, `random` or `random_at_cost`
    settings  of a search those that make it this arm, its `method` among them, as they are typed
    """

    name: str
    slug: str
    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One command of a sweep, which leaves one output.

    name     what it is called: that of its output, or `sample/ARM`, `pick/ARM`
    kind     `sample`, `search`, `select` (a short training), `pick`, `train`, `lookup`
    arm      the slug of its arm
    seed     of the architecture; None where the job is one of the whole arm
    recipe   the name of a training's recipe; None for other jobs
    command  what follows `dartsl`, in the sweep's folder
    out      the folder or file that it leaves, in the sweep's folder
    needs    the names of the jobs before it
    cost     multiply-adds for each image (or word) of the training data, an estimate
    """

    name: str
    kind: str
    arm: str
    seed: int | None
    recipe: str | None
    command: tuple[str, ...]
    out: str
    needs: tuple[str, ...] = ()
    cost: float = 0.0


@dataclass(frozen=True)
class Protocol:
    """What is compared, how an architecture is selected, and how each is trained.

    seeds           of the searches, and of the trainings of what they find, one after another; random architecture i
                    has the seed seeds[0] + i
    random          random architectures, each of which is trained as a found one is
    random_at_cost  more of them, all trained shortly, of which the best one is trained; 0: none
    at_cost_exact   how many could be trained shortly for what the costliest arm of searches costs; None: not asked for
    select          `short:EPOCHS`, by the validation loss of a training of so many epochs; `search`, by that of the
                    search; `table:COLUMN`, by a column of a table
    recipes         each architecture is trained by each; of a table these are its columns
    search, train   the settings of all searches, and of all trainings, over the spec's
    parameters      of the network, as exact fractions in text, where they are not its defaults
    network         which one of a spec that has several; None: its only one
    threads         of each job
    device          of each job
    table           where figures are looked up in place of trainings; None: all are trained
    sentences       all this in words
    """

    seeds: tuple[int, ...]
    random: int
    random_at_cost: int
    at_cost_exact: int | None
    select: str
    recipes: tuple[Recipe, ...]
    search: Mapping[str, str]
    train: Mapping[str, str]
    parameters: Mapping[str, str]
    network: str | None
    threads: int
    device: str
    table: TableUse | None = None
    sentences: tuple[str, ...] = ()

    @property
    def short_epochs(self) -> int | None:
        """Epochs of the trainings by which is selected; None where the search's own validation loss is taken."""
        return int(self.select.removeprefix("short:")) if self.select.startswith("short:") else None


@dataclass(frozen=True)
class SweepPlan:
    """What `sweep.json` holds. `command` is what made it, `source` what the user called the spec."""

    command: str
    source: str
    spec_sha256: str
    protocol: Protocol
    arms: tuple[Arm, ...]
    jobs: tuple[Job, ...]
    dartsl: str
    format: int = FORMAT

    def job(self, name: str) -> Job:
        """Raises UserError where there is none of that name."""
        for job in self.jobs:
            if job.name == name:
                return job
        raise UserError(f"the sweep has no job `{name}`", f"{SWEEP} lists them", exit_code=2)

    def arm(self, slug: str) -> Arm:
        """The arm whose folders have a name. Raises KeyError."""
        return {arm.slug: arm for arm in self.arms}[slug]

    def seeds(self, arm: Arm) -> tuple[int, ...]:
        """Of the architectures of an arm, one each."""
        protocol = self.protocol
        counts = {RANDOM: protocol.random, AT_COST: protocol.random_at_cost}
        if arm.kind == SEARCH:
            return protocol.seeds
        return tuple(range(protocol.seeds[0], protocol.seeds[0] + counts[arm.kind]))

    def architecture(self, arm: Arm, seed: int) -> str:
        """The decided spec of one of its architectures, by its place in the sweep's folder."""
        if arm.kind == SEARCH:
            return f"search/{arm.slug}/{seed}/{FOUND}"
        return f"{arm.slug}/{seed - self.protocol.seeds[0]}.darts"


SLUG = like(r"[a-z0-9][a-z0-9_.-]{0,99}")
NAME = like(r"[a-z0-9][a-z0-9_.-]{0,99}(/[a-z0-9][a-z0-9_.-]{0,99}){0,4}")  # so that no part of it is `..`
SETTINGS = table(text, like("[a-z][a-z0-9_]{0,99}"))
SEED = whole(high=None)


def _some(check: Check) -> Check:
    """A list that is not empty, and what the check says."""

    def check_all(value: Any, place: str) -> None:
        check(value, place)
        if not value:
            raise MisfitError(place)

    return check_all


_JOB = record(
    {
        "name": NAME,
        "kind": one_of(*COMMANDS),
        "arm": SLUG,
        "seed": maybe(SEED),
        "recipe": maybe(text),
        "command": many(text),
        "out": NAME,
        "needs": many(NAME),
        "cost": number(0),
    }
)
_PROTOCOL = record(
    {
        "seeds": _some(many(SEED)),
        "random": whole(),
        "random_at_cost": whole(),
        "at_cost_exact": maybe(whole()),
        "select": either(one_of("search"), like("short:[1-9][0-9]{0,8}|table:.+")),
        "recipes": _some(many(record({"name": either(SLUG, one_of("")), "settings": SETTINGS}))),
        "search": SETTINGS,
        "train": SETTINGS,
        "parameters": table(text),
        "network": maybe(text),
        "threads": whole(1),
        "device": text,
        "table": maybe(TABLE_USE),
        "sentences": many(text),
    }
)
_ARM = record({"name": text, "slug": SLUG, "kind": one_of(SEARCH, RANDOM, AT_COST), "settings": SETTINGS})
_SWEEP: Check = record(
    {
        "format": one_of(FORMAT),
        "dartsl": text,
        "command": text,
        "source": text,
        "spec_sha256": like("[0-9a-f]{64}"),
        "protocol": _PROTOCOL,
        "arms": many(_ARM),
        "jobs": many(_JOB),
    }
)


def write_plan(folder: Path, plan: SweepPlan) -> None:
    """Write `sweep.json`. Raises UserError."""
    found = asdict(plan)
    first = ("format", "dartsl", "command", "source", "spec_sha256", "protocol", "arms", "jobs")
    write_json(folder / SWEEP, {name: found[name] for name in first})


def read_plan(folder: Path) -> SweepPlan:
    """What `sweep.json` in a folder says. Raises UserError where there is none, or it is not what a sweep writes."""
    path = folder / SWEEP
    if not exists(path):
        raise UserError(
            f"{folder} is not the folder of a sweep: it has no {SWEEP}",
            "name the folder that `dartsl sweep` printed",
        )
    try:
        found = parse_json(read_file(path))
    except ValueError:
        raise UserError(f"{path} is damaged: it is not JSON") from None
    version: Any = found.get("format") if isinstance(found, dict) else None
    if type(version) is not int or version != FORMAT:
        raise UserError(
            f"{folder} has sweep format {str(version)[:20]}, and this version of dartsl reads {FORMAT}"
        )
    try:
        _SWEEP(found, "")
        _require_harmless(found["jobs"], {arm["slug"] for arm in found["arms"]})
        _require_table(found["protocol"], found["jobs"])
    except MisfitError as place:
        raise UserError(f"{path} is damaged: `{place}` is missing or not what it was") from None
    known = ("command", "source", "spec_sha256", "dartsl", "format")
    return SweepPlan(
        **{name: found[name] for name in known},
        protocol=_protocol(found["protocol"]),
        arms=tuple(_made(Arm, arm) for arm in found["arms"]),
        jobs=tuple(_made(Job, job, "command", "needs") for job in found["jobs"]),
    )


def _protocol(found: Mapping[str, Any]) -> Protocol:
    recipes = tuple(_made(Recipe, recipe) for recipe in found["recipes"])
    use = found["table"] and _made(TableUse, found["table"], "columns", "percent")
    made: Protocol = _made(Protocol, {**found, "recipes": recipes, "table": use}, "seeds", "sentences")
    return made


def _made(kind: Any, found: Mapping[str, Any], *lists: str) -> Any:
    """An object of a dataclass, from its fields; of `lists` the tuples. Other fields are of later versions."""
    known = {name: found[name] for name in kind.__dataclass_fields__ if name in found}
    return kind(**known | {name: tuple(found[name]) for name in lists})


def _require_harmless(jobs: Sequence[Mapping[str, Any]], arms: set[str]) -> None:
    """Raises MisfitError where a command would run code or write elsewhere, or needs what does not come before it.

    A folder that someone sends may be forged: its commands are run by whoever goes on with it.
    """
    before: set[str] = set()
    for number_, job in enumerate(jobs):
        place, command = f"jobs[{number_}]", job["command"]
        if job["arm"] not in arms or job["name"] in before:
            raise MisfitError(f"{place}.name")
        if not set(job["needs"]) <= before:
            raise MisfitError(f"{place}.needs")
        if command[:1] != [COMMANDS[job["kind"]]] or any(map(_takes_files, command[1:])):
            raise MisfitError(f"{place}.command")
        if job["kind"] in OWN:
            fits = command == own_command(job["name"])
        else:
            fits = command.count("--out") == 1 and command[command.index("--out") + 1 :][:1] == [job["out"]]
        if not fits or not PurePosixPath(job["out"]).parts:
            raise MisfitError(f"{place}.command")
        before.add(job["name"])


def _require_table(protocol: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> None:
    """Raises MisfitError where jobs look up in no table, or its columns are not the recipes."""
    looked_up = [job["seed"] for job in jobs if job["kind"] == "lookup"]
    use = protocol["table"]
    fits = not looked_up if use is None else len(use["columns"]) == len(protocol["recipes"])
    if not fits or None in looked_up:
        raise MisfitError("protocol.table")


def _takes_files(word: str) -> bool:
    """Whether a word of a command names code, or an output by another option than `--out`."""
    short = word[:1] == "-" and word[1:2].isalpha()  # `-o`, also within `-qo`; `-1` is a number
    return short or (word.startswith(("--plugin", "--out=", "--output")) and word != "--out")


def own_command(name: str) -> list[str]:
    """The command of a job which looks at what others have left: it is run by the sweep itself."""
    return ["sweep", "--resume", ".", "--job", name]
