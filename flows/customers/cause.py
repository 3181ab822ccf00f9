"""What a decision is asked about: an alarm or an event, in the one form that `decide` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from flows import ids
from flows.customers.triggers import AlarmFor, EventFor
from flows.rules.model import Rule
from flows.schema import Event, Evidence, Transition, Value
from flows.schema_change import KeptCause

_DEPTH = 8


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """`decision` is the id its decision will have; `values` are what expressions and texts may name, dotted.

    `moment` is the transition whose actions are asked for (an event's stand under `raised`), `number` that of the
    transition in its episode, `name` what a person calls the subject. What comes later than it began has a `root`,
    that of a follow-up the action it `follows`. For what waits after this, events count from `since` (ms) on, its
    actions are worth doing for a while from `valid_from` (ms); both are `at` unless they are told.
    """

    decision: str
    trigger: str
    rule: str
    rule_set: int
    subject: str
    name: str
    customer: str
    part: str
    roles: Mapping[str, str]
    at: int
    moment: Transition
    transition: Transition | None = None
    number: int = 0
    device: str | None = None
    episode: str | None = None
    dry_run: bool = False
    stale: bool = False
    reason: str | None = None
    values: Mapping[str, Value]
    evidence: Evidence | None = None
    explanation: str = ""
    root: KeptCause | None = None
    follows: str | None = None
    since: int | None = None
    valid_from: int | None = None

    @property
    def fresh_at(self) -> int:
        """The event time (ms) from which its actions are worth doing for a while."""
        return self.at if self.valid_from is None else self.valid_from

    @property
    def heard_from(self) -> int:
        """The event time (ms) from which events count for what waits after this."""
        return self.at if self.since is None else self.since


def of_alarm(found: AlarmFor) -> Cause:
    """An alarm as a cause; its facts and the reading's fields are named bare, attributes as `device.<name>`."""
    alarm = found.alarm
    values: dict[str, Value] = {**alarm.evidence.reading, **alarm.evidence.values}
    values |= {f"device.{name}": value for name, value in alarm.evidence.device.items()}
    values |= {
        "device": alarm.device,
        "rule": alarm.rule,
        "severity": alarm.severity,
        "transition": alarm.transition,
        "stale": alarm.stale,
        "customer": found.customer,
    }
    return Cause(
        decision=alarm.id,
        trigger=alarm.id,
        rule=alarm.rule,
        rule_set=alarm.rule_set,
        subject=f"device:{alarm.device}",
        name=alarm.device,
        customer=found.customer,
        part=found.part,
        roles=found.roles,
        at=alarm.at,
        moment=alarm.transition,
        transition=alarm.transition,
        number=alarm.number,
        device=alarm.device,
        episode=alarm.episode,
        dry_run=alarm.dry_run,
        stale=alarm.stale,
        reason=alarm.reason,
        values=values,
        evidence=alarm.evidence,
        explanation=alarm.explanation,
    )


def of_event(found: EventFor, tenant: str, rule: Rule | None, name: str, number: int) -> Cause:
    """An event as the cause of one rule's decision; its data are named `event.<field>`; `number` is the rule set's."""
    event = found.event
    kind, _, handle = event.subject.partition(":")
    values: dict[str, Value] = {**event_values(event), "rule": name, "customer": found.customer}
    device = handle if kind == "device" else None
    if device is not None:
        values["device"] = device
    return Cause(
        decision=ids.event_decision_id(tenant, event.source, event.id, name),
        trigger=event_trigger(event.source, event.id),
        rule=name,
        rule_set=number,
        subject=event.subject,
        name=handle,
        customer=found.customer,
        part=found.part,
        roles=found.roles,
        at=found.at,
        moment="raised",
        device=device,
        dry_run=rule is not None and rule.mode == "dry_run",
        values=values,
    )


def event_values(event: Event) -> dict[str, Value]:
    """What an event says, by the names under which rules read it."""
    values: dict[str, Value] = {}
    _flatten("event", event.data, values, 0)
    return values | {
        "event.id": event.id,
        "event.source": event.source,
        "event.type": event.type,
        "event.subject": event.subject,
        "event.time": event.time,
    }


def event_trigger(source: str, event: str) -> str:
    """How a decision names the event that it is about."""
    return f"{source} {event}"


def _flatten(prefix: str, data: Mapping[str, object], into: dict[str, Value], depth: int) -> None:
    """Nested data as dotted names; lists, and what lies too deep, are left out."""
    for name, value in data.items():
        if isinstance(value, Mapping) and depth < _DEPTH:
            _flatten(f"{prefix}.{name}", cast("Mapping[str, object]", value), into, depth + 1)
        elif value is None or isinstance(value, bool | int | float | str):
            into[f"{prefix}.{name}"] = value
