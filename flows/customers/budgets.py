"""Budgets: at most so many messages of some purposes to one customer, counted at the decision in event time."""

from __future__ import annotations

import msgspec

from flows.customers import limits
from flows.customers.state import Customer
from flows.durations import format_duration
from flows.rules.model import Budget
from flows.schema import Check, Value
from flows.schema_change import Spent

OUTBID = "outbid"


class Purse(msgspec.Struct):
    """What one decision finds in a customer's budgets, and has spent of them so far.

    A dry run spends apart: it sees what is live as well, and what is live never sees it.
    """

    customer: Customer
    at: int
    dry_run: bool = False
    taken: dict[str, list[int]] = {}

    def check(self, budget: Budget, action: str) -> tuple[Check, str | None]:
        """Whether there is room for one more at `at`, and why not."""
        times = self._times(budget.name)
        seen: dict[str, Value] = {
            "counted": limits.within(times, self.at, budget.every),
            "at_most": budget.at_most,
        }
        text = f"{budget.name}: {budget.at_most} in {format_duration(budget.every)}"
        reason = None if limits.allows(times, self.at, budget.at_most, budget.every) else f"budget: {text}"
        window = budget.window
        if reason is None and window is not None and not limits.allows(times, self.at, 1, window):
            text = f"{budget.name}: one in {format_duration(window)}"
            reason = f"{OUTBID} by another message of the budget {budget.name} in the same window"
        return Check(kind="budget", text=text, result=reason is None, values=seen, action=action), reason

    def spend(self, budget: Budget, action: str) -> Spent:
        """Take one out."""
        self.taken.setdefault(budget.name, []).append(self.at)
        return Spent(budget=_key(budget.name, dry_run=self.dry_run), every=budget.every, action=action)

    def _times(self, budget: str) -> list[int]:
        spent = list(self.customer.spent(budget).values())
        if self.dry_run:
            spent += self.customer.spent(_key(budget, dry_run=True)).values()
        return sorted([*spent, *self.taken.get(budget, ())])


def _key(budget: str, *, dry_run: bool) -> str:
    """Under which name it is kept; no budget's own name has a `|`."""
    return f"dry|{budget}" if dry_run else budget
