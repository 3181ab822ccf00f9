"""A rule's verdict for a customer on an alarm or an event, with every check and the values it saw.

The order is: mode, validity, guard, limits, then of each action its `if`, purpose and recipient. Guard and limits
gate `raised` alone. `escalated` acts even when the raise was held back; `deescalated`, `cleared` and `lapsed`
follow up what this episode did, and do nothing when it did nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flows.customers import limits, profile
from flows.customers.cause import Cause
from flows.customers.planning import Ground, plan, valid_for
from flows.customers.rule_index import RuleIndex
from flows.customers.state import Customer, episode_key, has_open
from flows.durations import format_duration
from flows.expression_values import truth
from flows.expressions import Expression
from flows.rules.model import ActionEntry, Rule
from flows.rules.templates import fill
from flows.schema import Check, Decision, PlannedAction, Value, Verdict
from flows.schema_change import Change, Counted, Opened
from flows.zones import PROFILE_ZONE, hour_of

_FOLLOW_UPS = frozenset({"deescalated", "cleared", "lapsed"})


class Decider(msgspec.Struct, frozen=True):
    """Decides for one tenant with one rule set at one wall-clock time (ms); knows no customer by itself.

    `zone` is that of customers whose profile tells none; None leaves their hour unknown.
    """

    tenant: str
    rules: RuleIndex
    now: int
    zone: str | None = None

    def decide(self, customer: Customer, cause: Cause) -> Decision:
        """The decision, numbered after the customer's last; changes nothing."""
        rule = self.rules.rule(cause.rule)
        return _Deciding(self, customer, cause, rule).decision()


class _Deciding:
    """One decision in the making."""

    def __init__(self, decider: Decider, customer: Customer, cause: Cause, rule: Rule | None) -> None:
        self._decider = decider
        self._customer = customer
        self._cause = cause
        self._rule = rule
        self._dry = cause.dry_run or (rule is not None and rule.mode == "dry_run")
        self._checks: list[Check] = []

    def decision(self) -> Decision:
        """Find the entries, hold back or plan each, and say what came of it."""
        entries, reason = self._entries()
        if entries and not self._all_late(entries):
            reason = self._held_back()
        ground = self._ground(reason if entries else None)
        planned: list[PlannedAction] = []
        for entry in entries:
            action, checks = plan(entry, ground)
            planned.append(action)
            self._checks += checks
        verdict = _verdict(planned, reason)
        if reason is None and verdict not in ("acted", "dry_run"):
            reason = next((p.reason for p in planned if p.reason is not None), None)
        return self._result(verdict, reason, tuple(planned), ground)

    def _entries(self) -> tuple[tuple[ActionEntry, ...], str | None]:
        """The actions to ask for, or why there are none."""
        cause, rule = self._cause, self._rule
        if rule is None and cause.transition != "lapsed":
            return (), f"the rule {cause.rule} is not in rule set {self._decider.rules.rule_set.number}"
        self._check("mode", "dry_run" if self._dry else "live", True)
        if cause.moment in _FOLLOW_UPS:
            acted = self._acted()
            self._check("episode", "this episode did something", acted)
            if not acted:
                return (), "this episode did nothing that could be followed up"
        if cause.transition == "lapsed" and (rule is None or cause.reason == "rule removed"):
            return self._undos(), None
        found = () if rule is None else rule.do.get(cause.moment, ())
        entries = tuple(entry for entry in found if isinstance(entry, ActionEntry))
        return entries, None if entries else f"the rule asks for nothing when {cause.moment}"

    def _undos(self) -> tuple[ActionEntry, ...]:
        """What takes back what the episode of a removed rule had opened."""
        return tuple(
            ActionEntry(name=f"close_case-{about}", kind="close_case", about=about)
            for about in sorted(self._opened())
        )

    def _acted(self) -> bool:
        """Whether any transition of this episode did something."""
        if self._cause.episode is None:
            return False
        kept = self._customer.episode(episode_key(self._cause.episode, dry_run=self._dry))
        return kept is not None and kept.acted

    def _opened(self) -> dict[str, tuple[str, ...]]:
        """What this cause may close, by what it is about: its own episode's, for an event any of the customer's."""
        found: dict[str, tuple[str, ...]] = {}
        for action, item in self._customer.items():
            own = self._cause.episode is None or item.episode == self._cause.episode
            if own and item.kind == "case" and item.dry_run == self._dry:
                found[item.about] = (*found.get(item.about, ()), action)
        return found

    def _all_late(self, entries: tuple[ActionEntry, ...]) -> bool:
        """Whether nothing is worth doing any more, so that no limit is asked."""
        purposes = self._decider.rules.rule_set.purposes
        return all(self._decider.now > self._cause.at + valid_for(entry, purposes) for entry in entries)

    def _held_back(self) -> str | None:
        """Why a raise may not act at all: its guard, or a limit."""
        rule = self._rule
        if rule is None or self._cause.moment != "raised":
            return None
        if rule.guard is not None:
            result, seen = self._ask(rule.guard)
            self._check("guard", rule.guard.text, result, seen)
            if not result:
                return "guard" if result is False else "guard: unknown"
        for counted, at_most, text in self._limits(rule):
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

    def _limits(self, rule: Rule) -> list[tuple[Counted, int, str]]:
        """The limits kept with the customer: per device and per customer."""
        found: list[tuple[Counted, int, str]] = []
        for limit in rule.limits:
            if limit.per == "rule" or (limit.per == "device" and self._cause.device is None):
                continue
            of = self._cause.device if limit.per == "device" else ""
            key = f"{'dry' if self._dry else 'live'}|{rule.name}|{limit.per}|{of}|{limit.every}"
            text = f"{limit.at_most} per {limit.per} in {format_duration(limit.every)}"
            found.append((Counted(key=key, every=limit.every), limit.at_most, text))
        return found

    def _ground(self, held_back: str | None) -> Ground:
        index, cause = self._decider.rules, self._cause
        return Ground(
            cause=self._explained(),
            rule=cause.rule,
            deciding="owner" if self._rule is None else self._rule.customer,
            tenant=self._decider.tenant,
            rule_set=index.rule_set.number,
            purposes=index.rule_set.purposes,
            now=self._decider.now,
            dry_run=self._dry,
            held_back=held_back,
            opened=self._opened(),
            ask=self._ask,
        )

    def _explained(self) -> Cause:
        """The cause with its explanation: an event has it from the rule, a later transition says what it is."""
        cause = self._cause
        if cause.explanation:
            return cause
        if cause.transition not in (None, "raised"):
            severity = cause.values.get("severity")
            to = f" to {severity}" if severity and cause.transition in ("escalated", "deescalated") else ""
            return msgspec.structs.replace(cause, explanation=f"{cause.rule} {cause.transition}{to}.")
        if self._rule is None or not self._rule.explain:
            return cause
        return msgspec.structs.replace(cause, explanation=fill(self._rule.explain, cause.values))

    def _ask(self, expression: Expression) -> tuple[bool | None, dict[str, Value]]:
        """A condition's truth, and the values it saw."""
        seen: dict[str, Value] = {}
        dry = self._cause.rule if self._dry else None

        def named(name: str) -> Value:
            seen[name] = value = self._named(name)
            return value

        def is_open(kind: Value, about: Value = None) -> bool:
            about_text = None if about is None else str(about)
            found = has_open(self._customer, str(kind), about_text, episode=self._cause.episode, dry_run=dry)
            seen[_called("has_open", kind, about)] = found
            return found

        def last_action(kind: Value = None, about: Value = None) -> Value:
            key = None if kind is None else str(kind) if about is None else f"{kind}|{about}"
            latest = self._customer.last(key)
            found = None if latest is None else (self._cause.at - latest) / 1000
            seen[_called("last_action", kind, about)] = found
            return found

        def local_hour(zone: Value = None) -> Value:
            found = hour_of(self._cause.at, self._zone() if zone is None else zone)
            seen[_called("local_hour", zone)] = found
            return found

        functions: dict[str, Callable[..., Value]] = {
            "has_open": is_open,
            "last_action": last_action,
            "local_hour": local_hour,
        }
        return truth(expression.evaluate(named, functions)), seen

    def _named(self, name: str) -> Value:
        """The value of a name: of the profile, or of the cause."""
        if not name.startswith("profile."):
            return self._cause.values.get(name)
        short = name.removeprefix("profile.")
        declared = next((a for a in self._decider.rules.rule_set.profile if a.name == short), None)
        if declared is None:
            return None
        return profile.value_over([part.cells for part in self._customer.parts.values()], declared)

    def _zone(self) -> Value:
        """The zone of the customer, by the value `time_zone` of the profile."""
        told = self._named(f"profile.{PROFILE_ZONE}")
        return self._decider.zone if told is None else told

    def _check(
        self, kind: str, text: str, result: bool | None, values: dict[str, Value] | None = None
    ) -> None:
        self._checks.append(Check(kind=kind, text=text, result=result, values=values or {}))

    def _result(
        self, verdict: Verdict, reason: str | None, planned: tuple[PlannedAction, ...], ground: Ground
    ) -> Decision:
        cause, rule = ground.cause, self._rule
        did = verdict in ("acted", "dry_run")
        counted = [c for c, _, _ in self._limits(rule)] if rule is not None and did else []
        going = [p.action for p in planned if p.status in ("published", "dry_run")]
        change = Change(
            part=cause.part,
            number=cause.number,
            acted=did,
            dry_run=self._dry,
            opened=tuple(
                Opened(action=a.id, kind="case", about=a.about or "") for a in going if a.kind == "open_case"
            ),
            closed=tuple(
                i for a in going if a.kind == "close_case" for i in ground.opened.get(a.about or "", ())
            ),
            counted=tuple(counted) if cause.moment == "raised" else (),
        )
        return Decision(
            id=cause.decision,
            number=self._customer.number + 1,
            tenant=self._decider.tenant,
            customer=cause.customer,
            rule=cause.rule,
            rule_set=ground.rule_set,
            trigger=cause.trigger,
            transition=cause.transition,
            device=cause.device,
            episode=cause.episode,
            at=cause.at,
            decided_at=self._decider.now,
            verdict=verdict,
            reason=reason,
            checks=tuple(self._checks),
            actions=planned,
            explanation=cause.explanation,
            subject=cause.subject,
            change=change,
        )


def _verdict(planned: list[PlannedAction], reason: str | None) -> Verdict:
    """What the decision as a whole came to."""
    found = {p.status for p in planned}
    order: tuple[tuple[str, Verdict], ...] = (
        ("published", "acted"),
        ("dry_run", "dry_run"),
        ("refused", "refused"),
        ("too_late", "too_late"),
    )
    if planned and reason is not None:
        return "refused"
    for status, verdict in order:
        if status in found:
            return verdict
    return "nothing"


def _called(name: str, *arguments: Value) -> str:
    """A call as text, to name what it gave."""
    return f"{name}({', '.join(str(a) for a in arguments if a is not None)})"
