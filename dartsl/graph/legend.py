"""What a drawn search space says in words, so that its edges stay readable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from dartsl.lang.check.model import Cell, Edge

STACKED = 4  # a set of at most so many candidates, used once, is written on its edge


@dataclass(frozen=True)
class Legend:
    """Lines below a cell's title, and the text of the edges (by place) that do not list their candidates."""

    captions: tuple[str, ...]
    texts: Mapping[int, list[str]]


def legend(cell: Cell) -> Legend:
    """The shortest way to show the candidates of every searched edge.

    One set for all searched edges is shown once, in a caption, and they carry no text; else a set that is
    long or used again gets a letter, and a short one that is used once stands on its edge.
    """
    sets = {place: _labels(edge) for place, edge in enumerate(cell.edges) if edge.searched}
    captions: list[str] = []
    texts: dict[int, list[str]] = {}
    uses = Counter(sets.values())
    if len(uses) == 1 and len(sets) > 1:
        which = "each edge" if len(sets) == len(cell.edges) else "each edge without a name"
        captions.append(f"{which}: " + " | ".join(next(iter(uses))))
        texts = {place: [] for place in sets}
    else:
        shared = [labels for labels, count in uses.items() if count > 1 or len(labels) > STACKED]
        letters = {labels: _letter(number) for number, labels in enumerate(shared)}
        captions += [f"{letter} = " + " | ".join(labels) for labels, letter in letters.items()]
        texts = {place: [letters[labels]] for place, labels in sets.items() if labels in letters}
    return Legend((*captions, *_keeps(cell)), texts)


def _labels(edge: Edge) -> tuple[str, ...]:
    return tuple(candidate.label for candidate in edge.candidates)


def _letter(number: int) -> str:
    """A, B, ..., Z, A1, B1, ..."""
    turn, place = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(turn) if turn else "")


def _keeps(cell: Cell) -> Sequence[str]:
    """How many edges survive into the nodes that say so."""
    groups: dict[int, list[str]] = {}
    for node in cell.nodes:
        if node.keep is not None:
            groups.setdefault(node.keep, []).append(node.name)
    if len(groups) == 1 and sum(map(len, groups.values())) == len(cell.nodes):
        return [f"keep {next(iter(groups))} edges into each node"]
    return [f"keep {keep} edges into {', '.join(names)}" for keep, names in groups.items()]
