"""A page for each command, from its `--help`."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from dartsl.cli.app import COMMANDS, cli
from dartsl.docs.code import block
from dartsl.docs.page import Heading, Page, definitions, prose
from dartsl.sweeping.pages.markup import Markup, element


def commands() -> list[Page]:
    """The pages, in the order of a day's work."""
    root = click.Context(cli, info_name="dartsl")
    pages = []
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        url = f"commands/{name}.html"
        help = _Help(url)
        command.format_help(click.Context(command, root, name), help)
        body = element("h1", f"dartsl {name}") + help.getvalue()
        about = command.get_short_help_str(200)
        pages.append(Page(url, f"dartsl {name}", Markup(body), about, tuple(help.options)))
    return pages


class _Help(click.HelpFormatter):
    """What click writes of a command, as HTML."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.options: list[Heading] = []  # by which they are found

    def getvalue(self) -> Markup:
        return Markup("".join(self.buffer))

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self.write(block(f"{prog} {args}"))

    def write_heading(self, heading: str) -> None:
        self.write(element("h2", heading, id=heading.lower()))

    def write_paragraph(self) -> None:
        """Paragraphs are elements; nothing stands between them."""

    def write_text(self, text: str) -> None:
        for part in text.split("\n\n"):
            lines = part.split("\n")
            if lines[0].strip() != "\b":
                self.write(element("p", prose(part, self.url)))
            elif lines[1].endswith(":"):
                self.write_heading(lines[1].strip(" :"))
                self.write(block("\n".join(line.removeprefix("  ") for line in lines[2:]), "sh"))
            else:
                self.write(block("\n".join(lines[1:])))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        known = [(name, text, _id(name)) for name, text in rows]
        self.options += [Heading(3, id_, id_, text) for _, text, id_ in known if id_ not in (None, "--help")]
        self.write(
            definitions((element("code", name), prose(text, self.url), id_) for name, text, id_ in known)
        )


def _id(names: str) -> str | None:
    """The place of an option, its first long name: `--epochs`."""
    found = re.search(r"--[\w-]+", names)
    return found[0] if found else None
