"""What a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_SUGGESTIONS = 100  # looked for in one run: beyond that nobody reads them, and they take long


def close(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The nearest of `words` to a misspelt one, if any is near; case counts least."""
    spelt = {other.lower(): other for other in words}
    found = get_close_matches(word.lower(), spelt, n=1, cutoff=cutoff)
    return spelt[found[0]] if found else None
