"""A parser that is fed token by token: Lark's LALR tables, and what a builder makes of each rule that was read.

Lark makes the tables, from the grammars. Its interactive parser, which can be fed so too, makes a tree that then has to
be turned into ours, and takes two and a half times as long: too long for an editor that asks after each keystroke.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from lark import Token
from lark.grammar import Rule
from lark.parsers.lalr_analysis import Shift
from lark.parsers.lalr_parser_state import ParseConf

from dartsl.lang.syntax.tree import Builder, Value, passes

END = "$END"


class Reduction(NamedTuple):
    """A rule that ends here: how many symbols it has, what it gives, its number, whether its one value stays."""

    size: int
    origin: str
    number: int
    passes: bool


Actions = dict[
    str, "int | Reduction"
]  # by the kind of a token or the name of a rule: the next state, or a rule to end


@dataclass(frozen=True)
class Table:
    """What a parser does in each state. No rule is empty: Lark writes out the alternatives of what is optional."""

    actions: list[Actions]
    start: int
    end: int
    rules: tuple[Rule, ...]
    kinds: frozenset[str]  # of tokens

    @staticmethod
    def of(conf: ParseConf[int], rules: Iterable[Rule]) -> Table:
        known = {rule: number for number, rule in enumerate(rules)}
        ends = {
            rule: Reduction(len(rule.expansion), str(rule.origin.name), number, passes(rule))
            for rule, number in known.items()
        }
        actions: list[Actions] = [{} for _ in range(1 + max(conf.states))]
        for state, choices in conf.states.items():
            for name, (action, to) in choices.items():
                actions[state][str(name)] = to if action is Shift else ends[to]
        kinds = frozenset(name for choices in actions for name in choices if name.isupper())
        return Table(actions, conf.start_state, conf.end_state, tuple(known), kinds)


class Automaton:
    """One parse. Without a builder it only follows what may come next.

    `states` and `values` are its stacks, the first one longer by the state at the start; who takes symbols off them
    takes them off both.
    """

    def __init__(self, table: Table, builder: Builder | None) -> None:
        self._actions = table.actions
        self._end = table.end
        self._builder = builder
        self._of_tokens = builder.of_tokens(table.kinds) if builder else {}
        self._of_rules = builder.of_rules(table.rules) if builder else []
        self.states = [table.start]
        self.values: list[Value] = []

    @property
    def choices(self) -> Actions:
        """What can be done in the present state."""
        return self._actions[self.states[-1]]

    def choices_in(self, state: int) -> Actions:
        return self._actions[state]

    def feed(self, token: Token) -> bool:
        """Take a token; whether it fits. Where it does not, rules that ended before it may have been read."""
        kind = token.type
        if self._builder is None:
            return self._follow(self.states, kind)
        states, values, actions, of_rules = self.states, self.values, self._actions, self._of_rules
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                return False
            if isinstance(action, int):
                states.append(action)
                values.append(self._of_tokens[kind](token))
                return True
            size, origin, number, stays = action
            del states[-size:]
            if not stays:
                parts = values[-size:]
                del values[-size:]
                values.append(of_rules[number](parts))
            states.append(actions[states[-1]][origin])  # type: ignore[arg-type]
            if kind == END and states[-1] == self._end:
                return True

    def _follow(self, states: list[int], kind: str) -> bool:
        """As `feed`, on a stack of states alone."""
        while True:
            action = self._actions[states[-1]].get(kind)
            if action is None:
                return False
            if isinstance(action, int):
                states.append(action)
                return True
            del states[-action.size :]
            states.append(self._actions[states[-1]][action.origin])  # type: ignore[arg-type]
            if kind == END and states[-1] == self._end:
                return True

    def fits(self, *kinds: str) -> bool:
        """Whether tokens of these kinds could come next."""
        states = list(self.states)
        return all(self._follow(states, kind) for kind in kinds)

    def accepts(self) -> frozenset[str]:
        """The kinds of tokens that could come next."""
        return frozenset(kind for kind in self.choices if kind.isupper() and self.fits(kind))
