"""The pages that stand in the source as Markdown: README, the language, a page for each folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from dartsl.docs.markdown import html
from dartsl.docs.page import REPOSITORY, Page, relative
from dartsl.lang.codes.diagnostics import UserError

OWN_URLS = {
    "README.md": "index.html",
    "grammars/README.md": "language.html",
    "specs/README.md": "specs/index.html",
    "dartsl/cli/README.md": "commands/index.html",
    "dartsl/api/README.md": "api/index.html",
}
FOLDERS = ("dartsl", "grammars", "specs", "tests")
OTHERS = "node_modules"  # what builds of the editors' parts have fetched
PICTURES = (".svg", ".png")


def sources(root: Path) -> dict[str, str]:
    """Every page in the source, by its path there, with its place in the site."""
    found = [path for folder in FOLDERS for path in sorted((root / folder).rglob("README.md"))]
    paths = ["README.md", *(path.relative_to(root).as_posix() for path in found if OTHERS not in path.parts)]
    return {path: OWN_URLS.get(path, _url(path)) for path in paths}


def _url(path: str) -> str:
    parts = [part for part in PurePosixPath(path).parent.parts if part not in ("dartsl", "grammars")]
    return f"guide/{'-'.join(parts)}.html"


def guide(root: Path) -> tuple[list[Page], dict[str, bytes]]:
    """The pages, and the pictures in them by their place in the site.

    Raises UserError for a link to what is not there.
    """
    urls = sources(root)
    pages: list[Page] = []
    pictures: dict[str, bytes] = {}
    for path, url in urls.items():
        found = _Links(root, path, url, urls)
        text = html((root / path).read_text(encoding="utf-8"), url, found.target)
        title = text.headings[0]
        pages.append(Page(url, title.title, text.body, title.text, text.headings[1:]))
        pictures |= found.pictures
    return pages, pictures


class _Links:
    """What the links of one page name."""

    def __init__(self, root: Path, path: str, url: str, urls: dict[str, str]) -> None:
        self.root, self.path, self.url, self.urls = root, path, url, urls
        self.pictures: dict[str, bytes] = {}

    def target(self, name: str) -> str:
        """A page of the site, a picture, which is copied into it, or else a file of the repository.

        Raises UserError where there is none.
        """
        if "://" in name or name.startswith(("#", "mailto:")):
            return name
        file, mark, place = name.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(self.path), file)).replace(os.sep, "/")
        if not (self.root / path).exists():
            raise UserError(f"{self.path} has a link to `{name}`, which is not there")
        page = self.urls.get(path, self.urls.get(f"{path}/README.md"))
        if page is not None:
            return relative(page, self.url) + mark + place
        if path.endswith(PICTURES):
            url = f"pictures/{PurePosixPath(path).name}"
            self.pictures[url] = (self.root / path).read_bytes()
            return relative(url, self.url)
        return f"{REPOSITORY}{path}{mark}{place}"
