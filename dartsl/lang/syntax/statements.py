"""Which statement is open while a text is parsed, by the tokens that the parser took."""

from __future__ import annotations

from lark import Token


class Statements:
    """Follows the keywords and the braces of a text; `start` is where the open statement starts."""

    def __init__(self) -> None:
        self.start = 0
        self.brace = 0  # where the braces open that are open
        self._home = ""  # the keyword of the braces that are open
        self._keyword = ""

    def begin(self, token: Token) -> None:
        """A keyword that starts a statement."""
        if token.type == "OP" and self._keyword == "extern":
            return
        if token.type in ("OP", "EXTERN", "OPS", "CELL", "NETWORK", "SEARCH", "TRAIN", "IMPORT"):
            self._home = ""
        self._keyword = str(token)
        self.start = token.start_pos or 0

    def enter(self, token: Token) -> None:
        """The opening brace of a cell, a network or settings."""
        self._home, self._keyword = self._keyword, ""
        self.brace, self.start = token.start_pos or 0, token.end_pos or 0

    def leave(self, token: Token) -> None:
        """The closing brace of one of these."""
        self._home = self._keyword = ""
        self.start = token.end_pos or 0

    def drop(self) -> None:
        """The open statement is given up; what it stands in stays open."""
        self._keyword = ""

    def where(self) -> str:
        """The open statement, as `dartsl.lang.syntax.slips.Site` names it."""
        return f"{self._home} {self._keyword}".strip() if self._keyword else self.around()

    def around(self) -> str:
        """What the open statement stands in."""
        return f"in {self._home}" if self._home else "top"
