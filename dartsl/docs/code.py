"""Code in colours, by Pygments."""

from __future__ import annotations

import re

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from dartsl.lang.highlight import DartsLexer
from dartsl.sweeping.pages.markup import Markup, element

PLAIN = "text"


def block(text: str, language: str = PLAIN) -> Markup:
    """A block of code, which scrolls within itself and can be reached by the keyboard."""
    lexer = DartsLexer() if language == "darts" else _lexer(language)
    coloured = Markup(highlight(text.rstrip() + "\n", lexer, HtmlFormatter(nowrap=True)))
    name = re.sub(r"\W", "", language)
    return element("pre", element("code", coloured, class_=f"language-{name}"), tabindex=0)


def _lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return get_lexer_by_name(PLAIN)
