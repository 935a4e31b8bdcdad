"""Commands that a message tells the reader to type."""

from __future__ import annotations

import shlex


def command_line(*words: object) -> str:
    """A command, or the end of one, as a shell takes it: words with blanks or other signs are quoted."""
    return shlex.join(str(word) for word in words)
