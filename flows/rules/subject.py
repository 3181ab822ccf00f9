"""What the tests of one rule may speak of: the rule, and what it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from flows.rules.model import ActionEntry, Budget, LookUpSource, Purpose, Rule, actions_in
from flows.streams import EventType, Stream


class Subject(msgspec.Struct, frozen=True):
    """A rule with its stream (None: it is on events), the names of the profile, and what is declared besides."""

    rule: Rule
    stream: Stream | None
    profile: tuple[str, ...] = ()
    events: Mapping[str, EventType] = {}
    purposes: Mapping[str, Purpose] = {}
    budgets: Mapping[str, Budget] = {}
    look_ups: Mapping[str, LookUpSource] = {}

    def actions(self) -> Iterator[ActionEntry]:
        """All that the rule may ever do."""
        for entries in self.rule.do.values():
            yield from actions_in(entries)

    def used(self) -> tuple[Purpose, ...]:
        """The declared purposes that it uses."""
        names = {action.purpose for action in self.actions()}
        return tuple(purpose for name, purpose in self.purposes.items() if name in names)

    def windows(self) -> bool:
        """Whether any message of it waits for others that want the same budget."""
        budgets = (self.budgets.get(purpose.budget or "") for purpose in self.used())
        return any(budget is not None and budget.window is not None for budget in budgets)

    def later(self) -> bool:
        """Whether anything is decided when nothing comes: because time has passed."""
        rule = self.rule
        waits = any(action.then or action.suppress for action in self.actions())
        absent = any(step.absent for step in rule.sequence)
        return waits or absent or bool(rule.look_ups) or self.windows()
