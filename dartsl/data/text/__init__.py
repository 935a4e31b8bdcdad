"""Texts as numbers: read, split into words or characters, laid out in rows, and cut into windows."""

from dartsl.data.text.corpus import Corpus, KnownSource, in_rows
from dartsl.data.text.detect import TEXTS, load_text, text_of
from dartsl.data.text.windows import Window, Windows, cut

__all__ = ["TEXTS", "Corpus", "KnownSource", "Window", "Windows", "cut", "in_rows", "load_text", "text_of"]
