"""Why a whole list of actions may not act: its customer is not among the rule's share, its guard, or a limit."""

from __future__ import annotations

from flows.customers import limits, shares
from flows.customers.cause import Cause
from flows.customers.questions import Questions
from flows.customers.state import Customer
from flows.durations import format_duration
from flows.rules.model import Rule
from flows.schema import Check, Value
from flows.schema_change import Counted


class Holding:
    """One rule's say on one cause; `checks` are what it asked, in their order.

    What `goes_on` with something done before is of the variant `treated`, and no share is asked for.
    """

    def __init__(
        self,
        rule: Rule,
        customer: Customer,
        cause: Cause,
        questions: Questions,
        *,
        dry_run: bool,
        goes_on: bool,
    ) -> None:
        self._rule, self._customer, self._cause, self._questions = rule, customer, cause, questions
        self._dry_run, self._goes_on = dry_run, goes_on
        self.variant = shares.treated(rule) if goes_on else shares.variant_of(rule, cause.customer)
        self.checks: list[Check] = []

    def refusal(self, *, gated: bool) -> str | None:
        """The first reason against it; guard and limits are asked only if they stand in its way."""
        return self._share() or ((self._guard() or self._limit()) if gated else None)

    def counted(self) -> list[Counted]:
        """What is counted when it acts."""
        return [counted for counted, _, _ in self._limits()]

    def _share(self) -> str | None:
        """Whether the customer is among those the rule is for."""
        rule, variant = self._rule, self.variant
        if variant is None or self._goes_on:
            return None
        self._check("share", f"{rule.share:g} of all customers", variant.in_share)
        if variant.in_share and rule.hold_out > 0:
            self._check("hold_out", f"{rule.hold_out:g} held out", variant.held_out)
        return None if variant.in_share else "share"

    def _guard(self) -> str | None:
        guard = self._rule.guard
        if guard is None:
            return None
        result, seen = self._questions.ask(guard)
        self._check("guard", guard.text, result, seen)
        return None if result else "guard" if result is False else "guard: unknown"

    def _limit(self) -> str | None:
        for counted, at_most, text in self._limits():
            times = self._customer.times(counted.key)
            allowed = limits.allows(times, self._cause.at, at_most, counted.every)
            seen: dict[str, Value] = {
                "counted": limits.within(times, self._cause.at, counted.every),
                "at_most": at_most,
            }
            self._check("limit", text, allowed, seen)
            if not allowed:
                return f"limit: {text}"
        return None

    def _limits(self) -> list[tuple[Counted, int, str]]:
        """The limits kept with the customer: per device and per customer."""
        found: list[tuple[Counted, int, str]] = []
        rule, device = self._rule, self._cause.device
        for limit in rule.limits:
            if limit.per == "rule" or (limit.per == "device" and device is None):
                continue
            of = device if limit.per == "device" else ""
            key = f"{'dry' if self._dry_run else 'live'}|{rule.name}|{limit.per}|{of}|{limit.every}"
            text = f"{limit.at_most} per {limit.per} in {format_duration(limit.every)}"
            found.append((Counted(key=key, every=limit.every), limit.at_most, text))
        return found

    def _check(
        self, kind: str, text: str, result: bool | None, values: dict[str, Value] | None = None
    ) -> None:
        self.checks.append(Check(kind=kind, text=text, result=result, values=values or {}))
