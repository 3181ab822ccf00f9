"""Transitions of the kernel become alarms, with their evidence and their explanation."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from flows.devices.kernels import layout as k
from flows.devices.rule_state import Transitions
from flows.ids import episode_id, transition_id
from flows.rules.model import Count, Rule, Window
from flows.rules.templates import fill
from flows.schema import Alarm, Evidence, Point, Transition, Value
from flows.streams import Field

TRANSITIONS: tuple[Transition, ...] = ("raised", "escalated", "deescalated", "cleared", "lapsed")


class Cause(msgspec.Struct, frozen=True):
    """The reading behind a transition: its offset, append time (ms) and declared fields."""

    offset: int | None = None
    appended: int | None = None
    reading: dict[str, Value] = {}


class Place(msgspec.Struct, frozen=True):
    """Where alarms come from: tenant, rule set, stream, partition, and after how long a reading is stale (ms)."""

    tenant: str
    rule_set: int
    stream: str
    partition: int
    stale_after: int


def _number(value: float) -> float | int | None:
    """A fact as JSON has it: whole numbers whole, NaN as nothing."""
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1 << 53 else float(value)


def as_value(field: Field, number: float) -> Value:
    """A column's number as the device said it."""
    if math.isnan(number):
        return None
    if field.type == "bool":
        return bool(number)
    if field.type == "enum":
        return field.values[int(number)]
    return int(number) if field.type == "int" else float(number)


def _facts(rule: Rule, transitions: Transitions, i: int) -> dict[str, Value]:
    """What `explain` may name, as far as this transition knows it."""
    row, facts = transitions.rows[i], transitions.facts[i]
    which = int(row[k.WHICH])
    if which < 0:
        return {}
    pattern = rule.patterns[which]
    values: dict[str, Value] = {}
    tallied = _number(float(facts[k.TALLIED]))
    if isinstance(pattern, Count):
        values |= {"count": tallied, "out_of": pattern.out_of}
    elif isinstance(pattern, Window):
        values |= {"count": tallied, "duration_ms": pattern.length}
    elif tallied:
        values["run"] = tallied
    for name, fact in (("rise", k.RISE), ("value", k.VALUE)):
        number = _number(float(facts[fact]))
        if number is not None:
            values[name] = number
    if facts[k.BEGAN] > 0:
        values["duration_ms"] = int(row[k.AT]) - int(facts[k.BEGAN])
    return values


def build_alarm(
    rule: Rule,
    place: Place,
    transitions: Transitions,
    i: int,
    device: str,
    attributes: dict[str, Value],
    cause: Cause,
    reason: str | None = None,
) -> Alarm:
    """The alarm of one transition of one rule."""
    row = transitions.rows[i]
    opened, at, number = int(row[k.OPENED_AT]), int(row[k.AT]), int(row[k.NTH])
    what = TRANSITIONS[int(row[k.TRANSITION])]
    episode = episode_id(place.tenant, rule.name, device, opened)
    values = _facts(rule, transitions, i)
    points = transitions.points[i, : int(row[k.POINT_COUNT])]
    level = int(row[k.LEVEL])
    evidence = Evidence(
        pattern=max(0, int(row[k.WHICH])),
        values=values,
        reading=cause.reading,
        device=attributes,
        points=tuple(Point(int(t), _number(float(v))) for t, v in points) if len(points) else (),
    )
    stale = cause.appended is not None and at < cause.appended - place.stale_after
    facts: dict[str, Value] = {**cause.reading, **{f"device.{a}": v for a, v in attributes.items()}, **values}
    facts["device"] = device
    return Alarm(
        id=transition_id(episode, number),
        episode=episode,
        number=number,
        tenant=place.tenant,
        rule=rule.name,
        rule_set=place.rule_set,
        stream=place.stream,
        device=device,
        transition=what,
        severity=rule.severities[level].name if level < len(rule.severities) else None,
        at=at,
        opened_at=opened,
        partition=place.partition,
        offset=cause.offset,
        stale=stale,
        reason=reason,
        dry_run=rule.mode == "dry_run",
        explanation=fill(rule.explain, facts) if what == "raised" and rule.explain else "",
        evidence=evidence,
    )


def removed(state_cells: np.ndarray, at: int) -> Transitions:
    """Lapses of episodes whose rule is gone: one for each of `state_cells` [m, CELL], at event time `at`."""
    m = len(state_cells)
    rows = np.zeros((m, k.OUT), np.int64)
    rows[:, k.ROW] = -1
    rows[:, k.SLOT] = state_cells[:, k.OWNER]
    rows[:, k.TRANSITION] = k.LAPSED
    rows[:, k.LEVEL] = state_cells[:, k.SEVERITY]
    rows[:, k.NTH] = state_cells[:, k.NUMBER] + 1
    rows[:, k.AT] = at
    rows[:, k.OPENED_AT] = state_cells[:, k.OPENED]
    rows[:, k.WHICH] = -1
    return Transitions(rows, np.full((m, k.FACTS), np.nan), np.zeros((m, 0, 2)))
