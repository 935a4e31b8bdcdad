"""The jobs of a sweep: each command of it, in an order in which every job comes after those that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from dartsl.lang.settings.values import CONFIGS
from dartsl.sweeping.design import BY_SEARCH, Design
from dartsl.sweeping.plan import (
    AT_COST,
    SEARCH,
    SPEC,
    Arm,
    Job,
    Recipe,
    SweepPlan,
    own_command,
)

PICKED = "picked"  # the folder of what was selected, and the last part of the name of a training of it
APART = 1_000_000  # between the seeds of the random architectures of equal number and of equal cost


def jobs_of(design: Design, plan: SweepPlan) -> Iterator[Job]:
    """All jobs of a sweep, whose plan has the protocol and the arms."""
    makers = _Jobs(design, plan)
    arms = plan.arms
    yield from (makers.sample(arm) for arm in arms if arm.kind != SEARCH)
    yield from (
        makers.search(arm, seed) for seed in plan.protocol.seeds for arm in arms if arm.kind == SEARCH
    )
    if plan.protocol.short_epochs is not None:
        yield from (makers.select(arm, seed) for arm in arms for seed in plan.seeds(arm))
    if plan.protocol.table is not None:
        yield from (makers.look_up(arm, seed) for arm in arms for seed in plan.seeds(arm))
    yield from (makers.pick(arm) for arm in arms if makers.is_picked(arm))
    if plan.protocol.table is not None:
        return
    for recipe in plan.protocol.recipes:
        for arm in arms:
            if arm.kind == AT_COST:
                yield makers.train_picked(arm, recipe)
            else:
                yield from (makers.train(arm, seed, recipe) for seed in plan.seeds(arm))


class _Jobs:
    """Makes them, one by one."""

    def __init__(self, design: Design, plan: SweepPlan) -> None:
        self.costs = design.costs
        self.short = design.short
        self.plan = plan
        self.protocol = plan.protocol
        network = [] if self.protocol.network is None else ["--network", self.protocol.network]
        parameters = [f"{name}={value}" for name, value in self.protocol.parameters.items()]
        self.network = [*network, *(word for each in parameters for word in ("--set", each))]

    def sample(self, arm: Arm) -> Job:
        seed = self.protocol.seeds[0] + (APART if arm.kind == AT_COST else 0)
        words = ["sample", SPEC, "--seed", str(seed), "--count", str(len(self.plan.seeds(arm)))]
        return self._job(f"sample/{arm.slug}", "sample", arm, [*words, *self.network], arm.slug)

    def search(self, arm: Arm, seed: int) -> Job:
        settings = {**self.protocol.search, **arm.settings, "seed": str(seed), "device": self.protocol.device}
        words = ["search", SPEC, *options("search", settings), *self.network]
        return self._job(
            self._searched(arm, seed), "search", arm, words, seed=seed, cost=self.costs.searches[arm.slug]
        )

    def select(self, arm: Arm, seed: int) -> Job:
        recipe = self.protocol.recipes[0]
        words = self._training(self.plan.architecture(arm, seed), seed, {**recipe.settings, **self.short})
        needs = self._architecture(arm, seed)
        cost = self.costs.short
        return self._job(f"select/{arm.slug}/{seed}", "select", arm, words, seed=seed, needs=needs, cost=cost)

    def is_picked(self, arm: Arm) -> bool:
        """Whether one of an arm's architectures is selected."""
        return self.protocol.select != BY_SEARCH or arm.kind == SEARCH

    def look_up(self, arm: Arm, seed: int) -> Job:
        name = f"lookup/{arm.slug}/{seed}"
        needs, command = self._architecture(arm, seed), tuple(own_command(name))
        return Job(name, "lookup", arm.slug, seed, None, command, f"{name}.json", needs)

    def pick(self, arm: Arm) -> Job:
        before = {"search": "search", "short": "select", "table": "lookup"}
        kind = before[self.protocol.select.split(":")[0]]
        needs = tuple(f"{kind}/{arm.slug}/{seed}" for seed in self.plan.seeds(arm))
        name = f"pick/{arm.slug}"
        return Job(name, "pick", arm.slug, None, None, tuple(own_command(name)), picked(arm), needs)

    def train(self, arm: Arm, seed: int, recipe: Recipe) -> Job:
        words = self._training(self.plan.architecture(arm, seed), seed, recipe.settings)
        return self._final(arm, seed, recipe, words, self._architecture(arm, seed))

    def train_picked(self, arm: Arm, recipe: Recipe) -> Job:
        words = self._training(f"{PICKED}/{arm.slug}.darts", self.protocol.seeds[0], recipe.settings)
        return self._final(arm, None, recipe, words, (f"pick/{arm.slug}",))

    def _final(
        self, arm: Arm, seed: int | None, recipe: Recipe, words: list[str], needs: tuple[str, ...]
    ) -> Job:
        name = f"train/{arm.slug}/{PICKED if seed is None else seed}{recipe.name and f'/{recipe.name}'}"
        cost = self.costs.trains[recipe.name]
        return self._job(name, "train", arm, words, seed=seed, recipe=recipe.name, needs=needs, cost=cost)

    def _training(self, spec: str, seed: int, settings: Mapping[str, str]) -> list[str]:
        given = {**self.protocol.train, **settings, "seed": str(seed), "device": self.protocol.device}
        return ["train", spec, *options("train", given), *self.network]

    def _searched(self, arm: Arm, seed: int) -> str:
        return f"search/{arm.slug}/{seed}"

    def _architecture(self, arm: Arm, seed: int) -> tuple[str, ...]:
        """The job that gives an architecture."""
        return (self._searched(arm, seed) if arm.kind == SEARCH else f"sample/{arm.slug}",)

    def _job(
        self,
        name: str,
        kind: str,
        arm: Arm,
        words: list[str],
        out: str = "",
        *,
        seed: int | None = None,
        recipe: str | None = None,
        needs: tuple[str, ...] = (),
        cost: float = 0.0,
    ) -> Job:
        out = out or name
        return Job(name, kind, arm.slug, seed, recipe, (*words, "--out", out), out, needs, cost)


def picked(arm: Arm) -> str:
    """The file that says which of an arm's architectures is selected."""
    return f"{PICKED}/{arm.slug}.json"


def options(command: str, settings: Mapping[str, str]) -> Iterator[str]:
    """Settings as the options of a command."""
    flags = {each.name for each in fields(CONFIGS[command]) if isinstance(each.default, bool)}
    for name, value in settings.items():
        option = name.replace("_", "-")
        if name in flags:
            yield f"--{option}" if value == "true" else f"--no-{option}"
        else:
            yield from (f"--{option}", value)
