"""The figures of a report: distributions, cost against error, cells over the epochs, curves of searches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.syntax.paths import exists
from dartsl.run.curves import COST, CURVATURE, ENTROPY, LOSS, SKIPS, Line, curves
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS
from dartsl.run.plot import UNITS
from dartsl.searching.shares import cell_shares
from dartsl.sweeping.evidence import Evidence, Table
from dartsl.sweeping.pages.cells import frames, tried
from dartsl.sweeping.pages.diagrams import Diagrams
from dartsl.sweeping.pages.markup import Markup, element, joined
from dartsl.sweeping.pages.plots import Series, colour, lines, scatter, strips
from dartsl.sweeping.plan import AT_COST, RANDOM, SEARCH
from dartsl.sweeping.results import Architecture, ArmResults, Results
from dartsl.sweeping.wording import arm_name, axis, figure, large, looked_up, number, recipe_title

SHOWN = (
    LOSS,
    ENTROPY,
    SKIPS,
    CURVATURE,
    COST,
)  # of the panels of a history; seconds would differ from run to run


def distribution(table: Table, measure: str) -> Markup:
    """All figures, a strip an arm; nothing before one is known."""
    tones = _tones([(row.slug, row.kind) for row in table.rows])
    rows = [
        Series(
            arm_name(row.arm),
            tones[row.slug],
            tuple((value, 0.0) for value in row.figures),
            tuple(
                f"{arm_name(row.arm)}, seed {seed}: {figure(value, measure)}"
                for seed, value in zip(row.seeds, row.figures, strict=True)
            ),
        )
        for row in table.rows
    ]
    if not any(row.points for row in rows):
        return Markup("")
    label = f"Each {measure} by arm; the table below has the figures"
    plot = strips(rows, axis(measure), label, lambda value: number(value, measure))
    after = "as the table has it" if looked_up(measure) else "after its final training"
    words = f"Each point is an architecture {after}; the bar is the mean. Left is better."
    return element("figure", plot, element("figcaption", words))


def cost_plot(found: Evidence, results: Results) -> Markup:
    """Multiply-adds of the networks against their figures, under the first recipe."""
    recipe = found.tables[0].recipe
    tones = _tones([(each.arm.slug, each.arm.kind) for each in results.arms])
    series = []
    for each in results.arms:
        known = [
            (float(one.multiply_adds), value, one.seed)
            for one in each.architectures
            if one.multiply_adds is not None and (value := each.figures(recipe).get(one.seed)) is not None
        ]
        name = arm_name(each.arm.name)
        names = (
            f"{name}, seed {seed}: {figure(y, found.measure)}, {large(x)} multiply-adds"
            for x, y, seed in known
        )
        series.append(Series(name, tones[each.arm.slug], tuple((x, y) for x, y, _ in known), tuple(names)))
    series = [each for each in series if each.points]
    if not series:
        return Markup("")
    axes = ("multiply-adds of the network", axis(found.measure))
    label = f"Multiply-adds of each network against its {found.measure}"
    plot = scatter(series, axes, label, (large, lambda value: number(value, found.measure)))
    words = "Down is better, left is cheaper." + (f" {recipe_title(found.tables[0])}." if recipe else "")
    return element("figure", plot, element("figcaption", *_legend(series), words))


def cells(results: Results) -> Markup:
    """Every architecture of each arm; those of a search over its epochs."""
    diagrams = Diagrams()
    parts: list[str] = []
    for each in results.arms:
        there = [one for one in each.architectures if one.text is not None]
        if there:
            drawn = [(one, _architecture(results, each, one, diagrams)) for one in there]
            folded = [figure for one, figure in drawn if each.arm.kind == AT_COST and not one.picked]
            seen = [figure for _, figure in drawn if figure not in folded]
            parts += [element("h3", arm_name(each.arm.name)), element("div", *seen, class_="cells")]
            if folded:
                words = f"Not selected: {_counted(len(folded), 'architecture')}"
                more = element("div", *folded, class_="cells")
                parts.append(element("details", element("summary", words), more))
    return joined([diagrams.stored(), *parts])


def _architecture(results: Results, arm: ArmResults, one: Architecture, diagrams: Diagrams) -> Markup:
    title = f"{arm_name(arm.arm.name)}, seed {one.seed}"
    said = [
        f"{figure(found.figure, results.measure)} {recipe}".strip() for recipe, found in one.outcomes.items()
    ]
    said = [f"{results.measure} {', '.join(said)}"] if said else []
    said += ["selected"] if one.picked else []
    spec = element(
        "details",
        element("summary", "Its spec"),
        element("pre", one.text or "", tabindex=0, role="region", aria_label=f"Spec of {title}"),
    )
    heading = element("h4", "; ".join([title, *said]))
    try:
        if arm.arm.kind == SEARCH and _recorded(results, arm, one):
            return _over_epochs(results, arm, one, diagrams, title, heading, spec)
        picture = _paper(
            [diagrams.of(one.text or "").shown(f"Diagram of the cells of {title}; its spec follows")], title
        )
    except (UserError, SpecError) as error:
        picture = tried(error)
    return element("figure", heading, picture, element("figcaption", spec))


def _over_epochs(
    results: Results,
    arm: ArmResults,
    one: Architecture,
    diagrams: Diagrams,
    title: str,
    heading: Markup,
    spec: Markup,
) -> Markup:
    """With a slider, which the page's script shows; without scripts it is the last epoch's picture."""
    found = frames(_run(results, arm, one))
    last = found.epochs[-1][1]
    words = f"Diagram of the cells of {title}, as derived"
    images = []
    for number_, text in enumerate(found.texts):
        when = [str(epoch) for epoch, shown in found.epochs if shown == number_]
        after = f"after epoch {when[0]}" if len(when) == 1 else f"after epochs {', '.join(when)}"
        images.append(diagrams.of(text).shown(f"{words} {after}", hidden=number_ != last))
    slider = element(
        "label",
        element("span", "Cell as derived"),
        element("input", type="range", min=0, max=len(found.epochs) - 1, value=len(found.epochs) - 1, step=1,
                aria_label=f"Epoch of the cells of {title}", autocomplete="off"),
        element("output"),
        class_="slider",
        hidden="",
    )  # fmt: skip
    many = len(found.texts)
    count = f"{_counted(many, 'different cell')} over {_counted(len(found.epochs), 'epoch')}"
    epochs = " ".join(f"{epoch}:{shown}" for epoch, shown in found.epochs)
    caption = element("figcaption", element("div", count), spec)
    return element("figure", heading, _paper(images, title), slider, caption, data_epochs=epochs)


def _counted(number_: int, what: str) -> str:
    return f"{number_:,} {what}{'' if number_ == 1 else 's'}"


def _paper(images: list[Markup], title: str) -> Markup:
    return element("div", *images, class_="paper", tabindex=0, role="region", aria_label=f"Diagram: {title}")


def searches(results: Results) -> Markup:
    """Of each search its curves and mixing weights."""
    parts: list[str] = []
    for each in results.arms:
        for one in each.architectures:
            if each.arm.kind == SEARCH and one.history:
                plots = list(_curves(results, each, one, f"{each.arm.name}, seed {one.seed}"))
                title = element("h3", f"{each.arm.name}, seed {one.seed}")
                parts += [title, element("div", *plots, class_="curves")] if plots else []
    return joined(parts)


def _curves(results: Results, arm: ArmResults, one: Architecture, title: str) -> Iterator[Markup]:
    try:
        panels = [panel for panel in curves(one.history) if panel.title in SHOWN]
    except ValueError as error:
        raise UserError(f"the history of {arm.arm.name}, seed {one.seed}, is damaged: {error}") from None
    for panel in panels:
        yield _curve(UNITS.get(panel.title, panel.title), panel.lines, title)
    if not _recorded(results, arm, one):
        return
    try:
        shares = cell_shares(RunFolder.open(_run(results, arm, one)))
    except (UserError, SpecError) as error:  # the other curves are there all the same
        yield tried(error)
        return
    for cell in shares:
        yield _curve(f"mixing weights, cell {cell.name}, mean over its edges", cell.means(), title)


def _curve(name: str, shown: tuple[Line, ...], title: str) -> Markup:
    ends = ", ".join(f"{line.name} {line.points[-1][1]:.3g}" for line in shown)
    plot = lines(shown, f"{title}: {name} by epoch. At the end: {ends}")
    return element("figure", element("h4", name), plot)


def _run(results: Results, arm: ArmResults, one: Architecture) -> Path:
    return results.folder / "search" / arm.arm.slug / str(one.seed)


def _recorded(results: Results, arm: ArmResults, one: Architecture) -> bool:
    """Whether the alphas of a search lie there: a folder may have been sent without them."""
    return exists(_run(results, arm, one) / ALPHAS)


def _tones(arms: list[tuple[str, str]]) -> dict[str, str]:
    """A colour for each arm of searches; chance has its own."""
    searched = [slug for slug, kind in arms if kind == SEARCH]
    chance = {RANDOM: "var(--random)", AT_COST: "var(--at-cost)"}
    return {slug: chance.get(kind) or colour(searched.index(slug)) for slug, kind in arms}


def _legend(series: list[Series]) -> Iterator[Markup]:
    for each in series:
        dot = element("span", "\N{BLACK CIRCLE} ", style=f"color:{each.colour}", aria_hidden="true")
        yield element("span", dot, f"{each.name}. ")
