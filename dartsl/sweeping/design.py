"""What a sweep is asked for, and what of it stands in `sweep.json`: arms, recipes, counts, the protocol in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import floor
from re import sub

from dartsl.lang.codes.diagnostics import UserError
from dartsl.sweeping.lookups import COLUMN, TableUse
from dartsl.sweeping.plan import AT_COST, RANDOM, SEARCH, Arm, Protocol, Recipe

BY_SEARCH = "search"  # how `select` names the search's own validation loss


@dataclass(frozen=True)
class Costs:
    """Estimates, in the unit of `Job.cost`.

    searches  of one search of each arm, by its slug
    short     of a training by which is selected, of a random architecture in the mean; 0 where there is none
    trains    of a final training of such an architecture, by its recipe's name
    """

    searches: Mapping[str, float]
    short: float
    trains: Mapping[str, float]


@dataclass(frozen=True)
class Design:
    """What a sweep is asked for: complete, and sound by itself.

    protocol  but for the number of random architectures at equal cost, and the sentences
    arms      those of searches
    short     the settings of a training by which is selected, over those of all trainings
    most      random architectures at equal cost at most
    costs     of each job
    """

    protocol: Protocol
    arms: tuple[Arm, ...]
    costs: Costs
    short: Mapping[str, str] = field(default_factory=dict)
    most: int = 0

    def complete(self) -> Protocol:
        """The protocol as `sweep.json` has it."""
        exact = self._at_cost()
        count = min(self.most, exact or 0)
        protocol = replace(self.protocol, random_at_cost=count, at_cost_exact=exact)
        return replace(protocol, sentences=tuple(sentences(protocol, self.arms)))

    def all_arms(self, protocol: Protocol) -> tuple[Arm, ...]:
        """Those of searches, and those of random architectures."""
        counts = {RANDOM: protocol.random, AT_COST: protocol.random_at_cost}
        return (*self.arms, *(Arm(kind, kind, kind) for kind, count in counts.items() if count))

    def _at_cost(self) -> int | None:
        """How many random architectures could be trained shortly for what the costliest arm takes, selection included;
        None where none are asked for."""
        if not self.most or not self.costs.short:
            return None
        seeds = len(self.protocol.seeds)
        dearest = seeds * (max(self.costs.searches.values()) + self.costs.short)
        return floor(dearest / self.costs.short)


def arms_of(methods: Sequence[str], vary: Mapping[str, Sequence[str]]) -> tuple[Arm, ...]:
    """The arms of searches: each method with each choice of the settings that vary.

    Raises UserError where two of them are one.
    """
    found = []
    for method, *values in product(methods, *vary.values()):
        varied = dict(zip(vary, values, strict=True))
        name = " ".join([method, *(f"{setting}={value}" for setting, value in varied.items())])
        found.append(Arm(name, slug(name), SEARCH, {"method": method, **varied}))
    _require_apart([arm.slug for arm in found], [arm.name for arm in found], "arm")
    return tuple(found)


def recipes_of(vary: Mapping[str, Sequence[str]]) -> tuple[Recipe, ...]:
    """The recipes of the trainings: each choice of the settings that vary. The only one has no name.

    Raises UserError where two of them are one.
    """
    several = {setting for setting, values in vary.items() if len(values) > 1}
    found = []
    for values in product(*vary.values()):
        settings = dict(zip(vary, values, strict=True))
        named = " ".join(f"{setting}={value}" for setting, value in settings.items() if setting in several)
        found.append(Recipe(slug(named) if named else "", settings))
    _require_apart([recipe.name for recipe in found], [recipe.name for recipe in found], "recipe")
    return tuple(found)


def columns_of(columns: Sequence[str]) -> tuple[Recipe, ...]:
    """What stands for the recipes where figures come from a table: each of its columns. The only one has no name.

    Raises UserError where two of them are one.
    """
    several = len(columns) > 1
    found = [
        Recipe((slug(name) or f"column-{place}") if several else "", {COLUMN: name})
        for place, name in enumerate(columns, 1)
    ]
    _require_apart([recipe.name for recipe in found], columns, COLUMN)
    return tuple(found)


def slug(name: str) -> str:
    """A name as a folder may be called."""
    return sub(r"[^a-z0-9_.]+", "-", name.lower()).strip("-._")[:90]


def _require_apart(slugs: Sequence[str], names: Sequence[str], what: str) -> None:
    taken = {RANDOM, AT_COST}
    for each, name in zip(slugs, names, strict=True):
        if each in taken:
            raise UserError(
                f"the {what} `{name}` stands twice in the sweep", "give each value once", exit_code=2
            )
        taken.add(each)


def sentences(protocol: Protocol, arms: Sequence[Arm]) -> list[str]:
    """The protocol in words."""
    if protocol.table is not None:
        return _of_table(protocol, protocol.table, arms)
    first = protocol.seeds[0]
    said = [
        "Search and selection never see the test set; a final training measures it once, at its end.",
        *_arms(protocol, arms),
    ]
    if protocol.random_at_cost:
        said.append(
            "For the multiply-adds of the costliest arm, its selection included, "
            f"{plural(protocol.at_cost_exact or 0, 'random architecture')} can be trained shortly; "
            f"{protocol.random_at_cost} {_be(protocol.random_at_cost)}, and the one that is selected is trained."
        )
    said += [
        _selection(protocol),
        f"Every architecture is trained in the same way: {_settings(protocol.train)}. Architecture i of each arm is "
        f"trained with the seed {f'{first} + i' if first else 'i'}.",
    ]
    if len(protocol.recipes) > 1:
        each = "; ".join(_settings(recipe.settings) for recipe in protocol.recipes)
        said.append(f"Each is trained by {len(protocol.recipes)} recipes: {each}.")
    return said


def _of_table(protocol: Protocol, table: TableUse, arms: Sequence[Arm]) -> list[str]:
    """Where nothing is trained."""
    names = ", ".join(table.columns)
    what = (
        "figures as they stand, lower ones are better"
        if table.lower
        else "accuracies in percent"
        if set(table.columns) <= set(table.percent)
        else f"accuracies in percent in {', '.join(table.percent)}, else in parts of one"
        if set(table.columns) & set(table.percent)
        else "accuracies in parts of one"
    )
    match = "the names of nodes do not count" if table.isomorphic else "the order of edges does not count"
    picked = (
        f"with the lowest figure in the column {table.selection}"
        if table.lower
        else f"with the highest accuracy in the column {table.selection}"
    )
    return [
        f"No architecture is trained: each is looked up in the table {table.source} (SHA-256 {table.sha256}), "
        f"{'column' if len(table.columns) == 1 else 'columns'} {names}: {what}. Search and selection never see them.",
        *_arms(protocol, arms),
        _selection(protocol)
        if table.selection is None
        else f"Of each arm the architecture {picked} is selected.",
        f"An architecture matches by what it is, {match}; several rows of it count as their mean.",
        "There is no random search at equal cost: a lookup costs nothing, and the table does not say what its "
        "trainings have cost.",
    ]


def _arms(protocol: Protocol, arms: Sequence[Arm]) -> list[str]:
    """What is searched, and what is drawn."""
    first, last = protocol.seeds[0], protocol.seeds[-1]
    seeds = f"the seed {first}" if first == last else f"the seeds {first} to {last}"
    said = [f"Searched with {seeds}: {', '.join(arm.name for arm in arms)}; {_settings(protocol.search)}."]
    if protocol.random:
        said.append(
            f"{plural(protocol.random, 'random architecture')} of the same space, each as likely as any other, "
            f"{_be(protocol.random)} treated as found ones are."
        )
    return said


def _selection(protocol: Protocol) -> str:
    epochs = protocol.short_epochs
    if epochs is None:
        return (
            "Of each arm of searches the one with the lowest validation loss at the end of its search is selected; "
            "of random architectures none is."
        )
    recipe = " by the first recipe" if len(protocol.recipes) > 1 else ""
    return (
        f"Of each arm the architecture with the lowest validation loss after a training of {plural(epochs, 'epoch')}"
        f"{recipe} is selected."
    )


def _settings(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def plural(number: int, noun: str) -> str:
    """As `1 epoch`, `3 epochs`, `12,000 epochs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
