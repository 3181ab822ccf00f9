"""What a backtest of customers comes to: by rule, by day and by customer, what refused, and how budgets were used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from flows.schema import Decision, Identity, Verdict

DAY_MS = 86_400_000
MESSAGE = "notify"
# How the reason of a decision or an action begins, and the check that it comes from.
_CHECKS = {
    "guard": "guard",
    "limit": "limit",
    "share": "share",
    "held out": "hold_out",
    "outbid": "budget",
    "budget": "budget",
    "quiet": "quiet",
    "silenced": "silence",
    "nobody is": "role",
    "no consent": "consent",
    "the consent": "consent",
    "the purpose": "purpose",
    "the rule": "purpose",
    "if:": "if",
}
_DRY = "dry|"


class Most(msgspec.Struct, frozen=True, order=True):
    """Who had most of something, and how much; of several the least by name."""

    count: int = 0
    customer: str = ""


class RuleDay(msgspec.Struct):
    """What a rule did on a day: its decisions, and the actions that went out."""

    decisions: int = 0
    actions: int = 0


class Day(msgspec.Struct):
    """A day (UTC, by number since 1970): by rule what it did, to how many customers, and who got most actions."""

    day: int
    rules: dict[str, RuleDay] = {}
    customers: int = 0
    most: Most = Most()

    @property
    def decisions(self) -> int:
        """Of all rules."""
        return sum(each.decisions for each in self.rules.values())

    @property
    def actions(self) -> int:
        """Of all rules."""
        return sum(each.actions for each in self.rules.values())


class RuleTotal(msgspec.Struct):
    """A rule over all: decisions by verdict, the actions that went out, and to whom."""

    verdicts: Counter[Verdict] = msgspec.field(default_factory=Counter["Verdict"])
    actions: int = 0
    customers: Counter[str] = msgspec.field(default_factory=Counter[str])

    @property
    def most(self) -> Most:
        """Who got most of its actions."""
        return most_of(self.customers)


class BudgetUse(msgspec.Struct):
    """How often a budget was drawn on, by customer, and how often it refused."""

    spent: Counter[str] = msgspec.field(default_factory=Counter[str])
    refused: int = 0


class Spread(msgspec.Struct, frozen=True):
    """How something is spread over customers who have any: nearest ranks."""

    customers: int = 0
    total: int = 0
    p50: int = 0
    p99: int = 0
    most: Most = Most()


class PeopleTally:
    """Counts decisions as they come; those before `start` (ms) are none of it. Dry runs count as no actions.

    A customer who is merged away counts as the one who survives, and an identifier that was its own customer as
    whoever has it; what was counted stays where it is when customers are split.
    """

    def __init__(self, rules: Iterable[str], start: int | None = None) -> None:
        self._start = start
        self.rules = {rule: RuleTotal() for rule in sorted(rules)}
        self.refused: Counter[tuple[str, str]] = Counter()
        self.budgets: dict[str, BudgetUse] = {}
        self.days: list[Day] = []
        self.customers: Counter[str] = Counter()
        self._messages: Counter[str] = Counter()
        self._today: Counter[str] = Counter()

    def decided(self, decision: Decision, now: int) -> bool:
        """Count a decision made at event time `now` (ms), which never goes back; whether it is of the period."""
        if self._start is not None and now < self._start:
            return False
        rule = self.rules.setdefault(decision.rule, RuleTotal())
        rule.verdicts[decision.verdict] += 1
        day = self._day(now // DAY_MS).rules.setdefault(decision.rule, RuleDay())
        day.decisions += 1
        for check in refusing(decision):
            self.refused[decision.rule, check] += 1
        for each in decision.actions:
            if each.status != "published":
                continue
            to = each.action.customer
            day.actions += 1
            rule.actions += 1
            rule.customers[to] += 1
            self.customers[to] += 1
            self._today[to] += 1
            if each.action.kind == MESSAGE:
                self._messages[to] += 1
        self._budgets(decision)
        return True

    def known(self, key: str, entry: Identity) -> None:
        """Whoever `key` was is somebody else from now on, if the entry says so."""
        new = entry.survivor or entry.customer
        if new is None or new == key:
            return
        budgets = (each.spent for each in self.budgets.values())
        rules = (each.customers for each in self.rules.values())
        for counts in (self.customers, self._messages, self._today, *budgets, *rules):
            if key in counts:
                counts[new] += counts.pop(key)

    def close(self) -> None:
        """The last day is over."""
        if self.days:
            self.days[-1].customers, self.days[-1].most = len(self._today), most_of(self._today)

    @property
    def acted(self) -> int:
        """The actions that went out."""
        return sum(each.actions for each in self.rules.values())

    @property
    def messages(self) -> Spread:
        """The messages to customers who got any."""
        return spread_of(self._messages)

    def _day(self, number: int) -> Day:
        if not self.days or self.days[-1].day != number:
            self.close()
            self._today = Counter()
            self.days.append(Day(number))
        return self.days[-1]

    def _budgets(self, decision: Decision) -> None:
        for spent in decision.change.spent:
            if not spent.budget.startswith(_DRY):
                self.budgets.setdefault(spent.budget, BudgetUse()).spent[decision.customer] += 1
        for check in decision.checks:
            if check.kind == "budget" and check.result is False:
                self.budgets.setdefault(check.text.partition(":")[0], BudgetUse()).refused += 1


def refusing(decision: Decision) -> set[str]:
    """The checks that kept actions from going out: those of the decision, or where it acted all the same, of some."""
    if decision.verdict == "refused" and not decision.actions:
        return {check_of(decision.reason)}
    return {check_of(each.reason) for each in decision.actions if each.status == "refused"}


def check_of(reason: str | None) -> str:
    """The check that a reason comes from; a reason of no check stands for itself."""
    said = reason or ""
    return next((check for begin, check in _CHECKS.items() if said.startswith(begin)), said)


def most_of(counts: Counter[str]) -> Most:
    """Who has most."""
    customer, count = min(counts.items(), key=lambda each: (-each[1], each[0]), default=("", 0))
    return Most(count, customer)


def spread_of(counts: Counter[str]) -> Spread:
    """How counts are spread."""
    ordered = sorted(counts.values())
    if not ordered:
        return Spread()
    p50, p99 = (ordered[-(-len(ordered) * of // 100) - 1] for of in (50, 99))
    return Spread(len(ordered), sum(ordered), p50, p99, most_of(counts))
