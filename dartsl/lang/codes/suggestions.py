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


def one_slip(word: str, name: str) -> bool:
    """Whether a word is a name with one slip of the keyboard: a letter too few, too many or another, or two that stand
    next to one another swapped. A digit is no letter: names that differ in one are different things."""
    short, long = sorted((word, name), key=len)
    first = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(long) == len(short) + 1:
        changed = long[first] if short[first:] == long[first + 1 :] else ""
    elif len(long) != len(short):
        return False
    elif short[first + 1 :] == long[first + 1 :]:
        changed = short[first : first + 1] + long[first : first + 1]
    else:
        swapped = (
            short[first : first + 2] == long[first : first + 2][::-1]
            and short[first + 2 :] == long[first + 2 :]
        )
        changed = short[first : first + 2] if swapped else ""
    return bool(changed) and not any(char.isdigit() for char in changed)
