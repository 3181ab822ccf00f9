"""The expression language of rules: a whitelisted subset of Python's, parsed once.

It is evaluated on columns for devices (`expression_columns`), on values for customers (`expression_values`).
Nothing of it reaches Python's own evaluator: the text becomes a tree of a few known nodes, or is refused
(`expression_reader`).
"""

from __future__ import annotations

import msgspec
import numpy as np

from flows import expression_columns, expression_values
from flows.expression_columns import Codes, Lookup, Numbers, Truths
from flows.expression_nodes import Call, Name, Node, children
from flows.expression_reader import read
from flows.expression_values import Functions, Scope
from flows.schema import Value

COLUMN_FUNCTIONS = frozenset({"abs", "min", "max", "round", "distance_km"})
VALUE_FUNCTIONS = COLUMN_FUNCTIONS | {"has_open", "last_action", "local_hour"}


class Expression(msgspec.Struct, frozen=True, eq=False):
    """A parsed expression, equal to another of the same text.

    `names` are the dotted names it reads, `calls` the functions it uses.
    """

    text: str
    tree: Node
    names: frozenset[str]
    calls: frozenset[str]

    @property
    def meaning(self) -> str:
        """The tree as canonical text, without the spelling."""
        return msgspec.json.encode(self.tree).decode()

    def evaluate(self, scope: Scope, functions: Functions | None = None) -> Value:
        """Its value; None is missing or unknown.

        `scope` maps dotted names to values (or holds mappings that lead there), or is asked for each name.
        Raises KeyError for a function that was not handed in.
        """
        return expression_values.value_of(self.tree, scope, functions or {})

    def columns(self, lookup: Lookup, codes: Codes) -> Numbers | Truths:
        """Its column: int8 truths (1, 0, -1 unknown) for a condition, else float64 with NaN for missing.

        `codes(name, text)` gives the code of a value of an enum column.
        """
        return expression_columns.column_of(self.tree, lookup, codes)

    def condition(self, lookup: Lookup, codes: Codes, n: int) -> Truths:
        """Its truths for `n` readings, int8: 1 true, 0 false, -1 unknown."""
        truths = expression_columns.as_truths(self.columns(lookup, codes))
        return truths if truths.ndim else np.full(n, truths, dtype=np.int8)

    def __eq__(self, other: object) -> bool:
        """By text."""
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        """By text."""
        return hash(self.text)


def parse(text: str, where: str = "expression") -> Expression:
    """Parse and check a text of at most 1,000 characters, nested at most 32 deep; raises ExpressionWrong."""
    flat = text.replace("\r", " ").replace("\n", " ").strip()
    tree = read(flat, where)
    names: set[str] = set()
    calls: set[str] = set()
    waiting: list[Node] = [tree]
    while waiting:
        node = waiting.pop()
        waiting.extend(children(node))
        if isinstance(node, Name):
            names.add(node.name)
        elif isinstance(node, Call):
            calls.add(node.function)
    return Expression(flat, tree, frozenset(names), frozenset(calls))
