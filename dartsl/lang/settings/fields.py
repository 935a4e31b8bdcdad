"""What a setting is: a field of a dataclass that carries its help, its bounds and its values as metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from typing import Any

from dartsl.lang.settings.methods import Part


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    values: tuple[Any, ...] | None = None,
    suffix: str = "",
    names: Part | None = None,
    words: bool = False,
    only: tuple[str, ...] | None = None,
    since: int = 1,
    **by_kind: Any,
) -> Any:
    """A dataclass field with what a checker and a command line need to know about it.

    `low` and `high` bound a number (each number of a list); `open_low` leaves `low` itself out. With `suffix`, the path
    of a file whose name ends so may be given in place of one of `values`. `names` says of which part of
    `dartsl.lang.settings.methods` the value is a name, or each of several names; of `words` it is a list of any.
    `only` are the kinds of input (`dartsl.lang.records.inputs`) whose networks have the setting; `by_kind` has the
    defaults that differ, as `text=20.0`. `since` is the version of the language from which on a spec may have it.
    """
    meta: dict[str, Any] = {"help": help, "low": low, "high": high, "open_low": open_low, "values": values}
    meta |= {
        "suffix": suffix,
        "names": names,
        "words": words,
        "only": only,
        "since": since,
        "by_kind": by_kind,
    }
    return field(default=default, metadata=meta)


of_images = partial(setting, only=("images",))
of_maps = partial(setting, only=("images", "series"))
of_labelled = partial(setting, only=("images", "series", "vectors"))
of_vectors = partial(setting, only=("vectors",))
of_text = partial(setting, only=("text",))


def goes_with(meta: Mapping[str, Any], kind: str) -> bool:
    """Whether networks of a kind have the setting of these metadata."""
    return meta["only"] is None or kind in meta["only"]
