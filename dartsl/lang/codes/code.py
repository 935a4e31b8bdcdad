"""What is known about a diagnostic code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """The meaning of a code: a title, paragraphs, and an example (spec text) that shows fault and remedy."""

    title: str
    explanation: str
    example: str = ""
