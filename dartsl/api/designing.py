"""From what a sweep is asked for to its plan: settings are judged, and counts and costs made, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import dartsl
from dartsl.api.arguments import require
from dartsl.api.jobs import job_of, located, search_config, train_config
from dartsl.api.settings import SweepSettings
from dartsl.api.specs import SpecLike, check, source_of
from dartsl.api.table_use import require_expressed, table_use
from dartsl.lang.check.model import Spec
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.suggestions import close
from dartsl.lang.settings.methods import CROSS_ENTROPY, DARTS
from dartsl.lang.settings.values import (
    COLUMNS,
    CONFIGS,
    SearchConfig,
    TrainConfig,
    names_table,
    option_text,
    typed,
)
from dartsl.run.job import Job
from dartsl.run.names import absolute
from dartsl.run.notes import log_warnings
from dartsl.searching.prices import is_file
from dartsl.sweeping.costs import random_adds, search_cost, train_cost
from dartsl.sweeping.design import BY_SEARCH, Costs, Design, arms_of, columns_of, recipes_of
from dartsl.sweeping.jobs import jobs_of
from dartsl.sweeping.lookups import BY_TABLE, TABLE, TableUse
from dartsl.sweeping.machine import device_of, threads_of
from dartsl.sweeping.plan import Arm, Protocol, Recipe, SweepPlan

SHORT = "short:"
RESERVED = {"seed": "--seeds and --first-seed", "device": "--device", "method": "--method"}


def planned(
    spec: SpecLike, jobs: int, command: str, asked: SweepSettings
) -> tuple[SweepPlan, dict[str, str], str]:
    """The plan of a sweep, the texts of the spec and what it imports by their places in its folder, and the spec's
    name. Raises SpecError, UserError."""
    from dartsl.run.folder import spec_hash
    from dartsl.run.layout import texts_of
    from dartsl.run.names import stem

    checked = check(spec) if isinstance(spec, Spec) else check(source_of(spec))
    log_warnings(checked.warnings)
    job = job_of(checked, asked.get("network"), asked.get("parameters"))
    maker = _Maker(job, asked, threads_of(jobs))
    design = maker.design()
    protocol = design.complete()
    plan = SweepPlan(
        command=command,
        source=checked.root.source.name,
        spec_sha256=spec_hash(checked.files),
        protocol=protocol,
        arms=design.all_arms(protocol),
        jobs=(),
        dartsl=dartsl.__version__,
    )
    plan = replace(plan, jobs=tuple(jobs_of(design, plan)))
    texts = texts_of(checked.files)
    if maker.table is not None:
        texts = {**texts, TABLE: maker.table[1]}
    return plan, texts, stem(checked.root.source)


class _Maker:
    """What a sweep is asked for, piece by piece."""

    def __init__(self, job: Job, asked: SweepSettings, threads: int) -> None:
        self.job = job
        self.spec = job.spec
        self.asked = asked
        self.threads = threads
        self.labelled = not job.picked().takes.sequence
        whole = ("first_seed", "random", "random_at_cost", "epochs", "train_epochs")
        counts: Mapping[str, Any] = asked
        require(**{name: counts[name] for name in whole if counts.get(name) is not None})
        self.table = table_use(asked)

    def design(self) -> Design:
        """All of it. Raises UserError for what cannot be used."""
        seeds = self._seeds()
        if self.job.plan().decided:
            raise UserError(
                f"network `{self.job.picked().name}` leaves nothing to choose", "`dartsl train` trains it"
            )
        arms = arms_of(self._methods(), self._several("search", "vary"))
        search = self._search_settings(arms[0])
        searches = {arm.slug: self._search({**search, **arm.settings}) for arm in arms}
        if self.table is not None:
            require_expressed(self.job, self.table[0])
            return self._looked_up(self.table[0], seeds, arms, search, searches)
        recipes = recipes_of(self._several("train", "recipes"))
        train = self._train_settings(recipes[0], search["data"], searches[arms[0].slug])
        trains = {recipe.name: self._train({**train, **recipe.settings}) for recipe in recipes}
        first = trains[recipes[0].name]
        select = self._select(first)
        protocol = Protocol(
            seeds=seeds,
            random=self._random(),
            random_at_cost=0,
            at_cost_exact=None,
            select=select,
            recipes=recipes,
            search=search,
            train=train,
            parameters={name: str(value) for name, value in self.job.parameters.items()},
            network=self.asked.get("network"),
            threads=self.threads,
            device=device_of(self.asked.get("device")),
        )
        costs = self._costs(searches, trains, first, select)
        return Design(protocol, arms, costs, self._short(first, select), self._most(select))

    def _looked_up(
        self,
        use: TableUse,
        seeds: tuple[int, ...],
        arms: tuple[Arm, ...],
        search: dict[str, str],
        searches: Mapping[str, SearchConfig],
    ) -> Design:
        """Where a table's figures stand in place of trainings."""
        protocol = Protocol(
            seeds=seeds,
            random=self._random(),
            random_at_cost=0,
            at_cost_exact=None,
            select=BY_SEARCH if use.selection is None else f"{BY_TABLE}{use.selection}",
            recipes=columns_of(use.columns),
            search=search,
            train={},
            parameters={name: str(value) for name, value in self.job.parameters.items()},
            network=self.asked.get("network"),
            threads=self.threads,
            device=device_of(self.asked.get("device")),
            table=use,
        )
        return Design(protocol, arms, Costs(self._search_costs(searches), 0.0, {}))

    def _search_settings(self, arm: Arm) -> dict[str, str]:
        """Those of all searches. What the spec says of epochs, data and costs is written out: the plan says it, and
        paths hold from the sweep's folder."""
        found = self._texts("search", self.asked.get("search") or {}, self.asked.get("epochs"))
        one = self._search({**found, **arm.settings})
        costs = {"cost": one.cost} if is_file(one.cost) else {}
        return {"epochs": str(one.epochs), **found, "data": absolute(one.data), **costs}

    def _train_settings(self, recipe: Recipe, data: str, search: SearchConfig) -> dict[str, str]:
        """Those of all trainings, written out as those of searches are; `data`, the loss and the columns are theirs."""
        found = self._texts("train", self.asked.get("train") or {}, self.asked.get("train_epochs"))
        one = self._train({**found, **recipe.settings})
        own = absolute(one.data) if one.data else data
        columns = {name: option_text(getattr(search, name)) for name in COLUMNS if names_table(own)}
        kept = {name: text for name, text in columns.items() if text}
        kept |= {"loss": search.loss} if search.loss != CROSS_ENTROPY else {}
        return {"epochs": str(one.epochs), **kept, **found, "data": own}

    def _seeds(self) -> tuple[int, ...]:
        seeds, first = self.asked.get("seeds", 3), self.asked.get("first_seed", 0)
        require(repeats=seeds)
        return tuple(range(first, first + seeds))

    def _random(self) -> int:
        found = self.asked.get("random")
        return self.asked.get("seeds", 3) if found is None else found

    def _methods(self) -> Sequence[str]:
        """Those asked for, or the spec's own."""
        return tuple(self.asked.get("methods") or (str(self.spec.search.get("method", DARTS)),))

    def _texts(self, command: str, settings: Mapping[str, object], epochs: int | None) -> dict[str, str]:
        """Settings of all searches or trainings as a command line has them, `--data` and `--epochs` among them."""
        for name, option in RESERVED.items():
            if name in settings:
                raise UserError(f"`{name}` is for {option} to say", "leave it out here", exit_code=2)
        data = self.asked.get("data")
        given = {"epochs": epochs, "data": None if data is None else str(data)}
        return _as_texts(
            command, {**{name: each for name, each in given.items() if each is not None}, **settings}
        )

    def _several(self, command: str, name: str) -> dict[str, list[str]]:
        """Settings with several values each. Raises UserError."""
        found: Mapping[str, Any] = self.asked
        several: dict[str, list[str]] = {}
        for setting, values in (found.get(name) or {}).items():
            if setting in RESERVED:
                raise UserError(f"`{setting}` is for {RESERVED[setting]} to say", exit_code=2)
            several[setting] = [_as_texts(command, {setting: value})[setting] for value in values]
            if not several[setting]:
                raise UserError(f"`{name}` gives `{setting}` no value", "give one or more", exit_code=2)
        return several

    def _search(self, texts: Mapping[str, str]) -> SearchConfig:
        return located(self.job, search_config(self.spec, _values("search", texts), self.job.network))

    def _train(self, texts: Mapping[str, str]) -> TrainConfig:
        return located(self.job, train_config(self.spec, _values("train", texts), self.job.network))

    def _select(self, train: TrainConfig) -> str:
        """The rule of selection. Raises UserError for what is none."""
        found = self.asked.get("select")
        if found is None:
            return f"{SHORT}{max(1, train.epochs // 5)}"
        epochs = found.removeprefix(SHORT)
        if found != BY_SEARCH and not (found.startswith(SHORT) and epochs.isdecimal() and int(epochs) > 0):
            raise UserError(
                f"`{found}` is no rule of selection",
                "give short:EPOCHS, such as short:2, for the validation loss of a short training, or search, for "
                "that of the search; table:COLUMN needs --table",
                exit_code=2,
            )
        return found if found == BY_SEARCH else f"{SHORT}{int(epochs)}"

    def _short(self, train: TrainConfig, select: str) -> dict[str, str]:
        """The settings of a training by which is selected: it holds validation data out, and reads no test data."""
        if select == BY_SEARCH:
            return {}
        epochs = int(select.removeprefix(SHORT))
        given: dict[str, object] = {"epochs": epochs, "test": False}
        if self.labelled:
            given |= {"final": False} if train.final else {}
            given |= {"warmup": epochs - 1} if train.warmup >= epochs else {}
            if train.validation == 0:
                raise UserError(
                    "with validation 0 there is nothing to select by", "give --train validation=0.1"
                )
        return {name: option_text(value) for name, value in given.items()}

    def _most(self, select: str) -> int:
        """Random architectures at equal cost, at most. Raises UserError where none can be selected."""
        found = self.asked.get("random_at_cost")
        if select == BY_SEARCH:
            if found:
                raise UserError(
                    "random architectures at equal cost are selected by short trainings",
                    "give --select short:EPOCHS, or leave --random-at-cost out",
                    exit_code=2,
                )
            return 0
        return 4 * self._random() if found is None else found

    def _costs(
        self,
        searches: Mapping[str, SearchConfig],
        trains: Mapping[str, TrainConfig],
        first: TrainConfig,
        select: str,
    ) -> Costs:
        adds = random_adds(self.job.plan())
        return Costs(
            self._search_costs(searches),
            0.0
            if select == BY_SEARCH
            else train_cost(adds, replace(first, final=False), int(select.removeprefix(SHORT))),
            {name: train_cost(adds, config) for name, config in trains.items()},
        )

    def _search_costs(self, searches: Mapping[str, SearchConfig]) -> dict[str, float]:
        return {slug: search_cost(self.job.plan(config.partial), config) for slug, config in searches.items()}


def _as_texts(command: str, settings: Mapping[str, object]) -> dict[str, str]:
    texts = {name: option_text(value) for name, value in settings.items()}
    _values(command, texts)
    return texts


def _values(command: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of settings that are given as a command line has them. Raises UserError for what is none."""
    known = {each.name: each for each in fields(CONFIGS[command])}
    found = {}
    for name, text in texts.items():
        if name not in known:
            near = close(name, known)
            help = f"did you mean `{near}`?" if near else f"`dartsl {command} --help` lists them"
            raise UserError(f"`dartsl {command}` has no setting `{name}`", help, exit_code=2)
        try:
            found[name] = typed(known[name], text)
        except ValueError as fault:
            raise UserError(f"`{text}` is not a value for the setting `{name}`", f"give {fault}", 2) from None
    return found
