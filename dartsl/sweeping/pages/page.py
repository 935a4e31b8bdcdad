"""The report of a sweep as one HTML file, which opens without a network: all of `Evidence`, plots, and every cell."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from dartsl.sweeping.evidence import Evidence, Table
from dartsl.sweeping.pages.diagrams import style
from dartsl.sweeping.pages.figures import cells, cost_plot, distribution, searches
from dartsl.sweeping.pages.markup import Markup, element, items, joined
from dartsl.sweeping.pages.tables import costs, differences, figures, times
from dartsl.sweeping.results import Results
from dartsl.sweeping.wording import recipe_title

LONGEST = 30  # jobs that are named of those which are not done
# Not even a forged text in it could fetch or send anything.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def html(found: Evidence, results: Results) -> str:
    """The whole page. The same sweep has the same bytes where `found` was weighed without times."""
    title = f"{Path(found.source).name}: what a search finds, compared with chance"
    sections = _sections(found, results)
    links = (element("li", element("a", name, href=f"#{id_}")) for id_, name, _ in sections)
    top = element(
        "header",
        element("p", "dartsl report", class_="kicker"),
        element("h1", title),
        _verdict(found),
        element("nav", element("ul", *links), aria_label="Sections"),
    )
    body = element(
        "main",
        *(
            element(
                "section",
                element("h2", name, id=f"{id_}-title"),
                content,
                id=id_,
                aria_labelledby=f"{id_}-title",
            )
            for id_, name, content in sections
        ),
        id="content",
        tabindex=-1,
    )
    end = element("footer", element("p", f"Written by dartsl {found.dartsl}. This file needs no network."))
    skip = element("a", "Skip to the content", href="#content", class_="skip")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(style() + _shipped("report.css"))),
    )
    script = element("script", Markup(_shipped("report.js")))
    return f"<!DOCTYPE html>\n{element('html', head, element('body', skip, top, body, end, script), lang='en')}\n"


def _shipped(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _sections(found: Evidence, results: Results) -> list[tuple[str, str, Markup]]:
    """Of each its id, its title and what is in it; those with nothing in them are left out."""
    sections = [
        ("protocol", "Protocol", items(found.protocol)),
        ("results", "Results", _results(found)),
        ("cost", "Cost", joined([costs(found), cost_plot(found, results)])),
        ("cells", "Architectures", cells(results)),
        ("searches", "Searches", searches(results)),
        ("time", "Time", times(found)),
        ("open", "Jobs that are not done", _open(found)),
        ("reproduce", "To reproduce it", _reproduce(found)),
    ]
    return [(id_, name, content) for id_, name, content in sections if content]


def _recipe(table: Table) -> Markup:
    return element("h3", recipe_title(table)) if table.recipe else Markup("")


def _verdict(found: Evidence) -> Markup:
    """What may be said, the first sentence of each recipe large; before it, that not all is there."""
    parts: list[str] = []
    for table in found.tables:
        parts.append(_recipe(table))
        for number, sentence in enumerate(table.verdicts):
            parts.append(element("p", sentence, class_=None if number else "first"))
    said = element("section", *parts, class_="verdict", aria_label="What it shows")
    if found.finished:
        return said
    counts = (
        f"jobs that have failed: {len(found.failed):,}, others that are not done: {len(found.missing):,}."
    )
    note = element("p", element("strong", "This sweep is not finished"), f": {counts}", class_="unfinished")
    return joined([note, said])


def _results(found: Evidence) -> Markup:
    parts: list[str] = []
    for table in found.tables:
        parts += [_recipe(table), distribution(table, found.measure)]
        parts += [figures(table, found.measure), differences(table, found.measure)]
    return joined([*parts, items(found.notes) if found.notes else ""])


def _open(found: Evidence) -> Markup:
    names = [f"{name}: failed, exit code {code}" for name, code in found.failed.items()]
    names += found.missing
    if not names:
        return Markup("")
    more = [f"and {len(names) - LONGEST:,} more"] if len(names) > LONGEST else []
    return items([*names[:LONGEST], *more])


def _reproduce(found: Evidence) -> Markup:
    command = element(
        "div",
        element(
            "pre",
            element("code", found.command, id="command"),
            tabindex=0,
            role="region",
            aria_label="Command",
        ),
        element(
            "p",
            element("button", "Copy the command", type="button", data_copies="command", hidden=""),
            element("span", role="status", class_="note"),
        ),
        class_="command",
    )
    facts = {
        "Spec": found.source,
        "SHA-256": found.spec_sha256,
        "Planned by": f"dartsl {found.dartsl}",
        "The runs": ", ".join(f"{name} {version}" for name, version in found.versions.items()) or "none",
        "Device": found.device,
        "Threads": f"{found.threads} for each job",
    }
    pairs = (part for name, fact in facts.items() for part in (element("dt", name), element("dd", fact)))
    return joined([command, element("dl", *pairs)])
