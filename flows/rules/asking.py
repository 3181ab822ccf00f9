"""Reading the conditions and texts of one place of a rule, and noting what they ask for."""

from __future__ import annotations

from flows.documents import Located, Mistakes
from flows.expressions import Expression
from flows.fields import Fields
from flows.rules.conditions import Names, read_condition
from flows.rules.scope import following, holes, matching
from flows.rules.templates import read_template
from flows.streams import EventType


class Asking:
    """What may be read at one place; `asked` gathers the names that the whole rule reads."""

    def __init__(self, names: Names, asked: set[str], mistakes: Mistakes) -> None:
        self.names, self.asked, self.mistakes = names, asked, mistakes

    def condition(self, fields: Fields, name: str) -> Expression | None:
        """An optional condition."""
        if not fields.has(name):
            return None
        found = read_condition(fields.entries[name], self.names, self.mistakes)
        self.asked |= found.names if found is not None else frozenset()
        return found

    def text(self, at: Located) -> None:
        """A text whose holes must be known."""
        self.asked |= read_template(at, holes(self.names), self.names.open_prefixes, self.mistakes)

    def following(self, *, outcome: bool) -> Asking:
        """What follows an action later may read."""
        return Asking(following(self.names, outcome=outcome), self.asked, self.mistakes)

    def matching(self, event: EventType | None) -> Asking:
        """What the `where` of an event still to come may read."""
        return Asking(matching(self.names, event), self.asked, self.mistakes)
