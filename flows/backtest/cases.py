"""Plays the tests of a rule: one shard with the case's device, and the resolver, bucket and limits that decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from flows.customers.bucket import Bucket, saved
from flows.customers.profile import Cell, cell_key, cell_of
from flows.customers.resolve import AlarmIn, EventIn, IdentityIn, Incoming, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.state import Customer, Item
from flows.devices.shard import Shard, ShardPlace
from flows.devices.ticks import tick_of
from flows.rules.model import Rule, RuleSet
from flows.rules.testing import Case, CaseEvent, Given, Happened, Played, Reading
from flows.schema import Alarm, Decision, Event, Identity, Role, Value, encode
from flows.streams import Position, Stream
from flows.topics.port import Message, RawBatch

DEVICE = "device-1"
SUBJECT = f"device:{DEVICE}"
_CLOCK = "clock-of-the-test"
# No field can be called so.
_KEY, _TIME = "$device", "$at"
_MOST_BEATS = 100_000


class OneRule:
    """A rule set that holds one rule and never changes; as the flows ask for it."""

    def __init__(self, rule_set: RuleSet, rule: Rule) -> None:
        live = msgspec.structs.replace(rule, mode="live") if rule.mode == "disabled" else rule
        streams = {name: as_tests_write(stream) for name, stream in rule_set.streams.items()}
        self.newest = self.current = msgspec.structs.replace(rule_set, rules=(live,), streams=streams)

    def get(self, number: int) -> RuleSet:  # noqa: ARG002 - there is only one
        """The only set."""
        return self.current


def as_tests_write(stream: Stream) -> Stream:
    """A stream whose messages hold times in ms and each field under its own name, in its own unit.

    A test speaks of readings, not of what they look like on the wire.
    """
    plain = tuple(
        msgspec.structs.replace(field, source="", scale=1.0, offset=0.0, derived=False)
        for field in stream.fields
    )
    return msgspec.structs.replace(
        stream, key=_KEY, device="", time=_TIME, time_unit="ms", zone="", shape="wide", metric="", value="",
        position=stream.position and Position("latitude", "longitude"), fields=plain,
    )  # fmt: skip


class Backtest:
    """Plays cases under one rule at a time of a rule set; a `flows.rules.testing.Player`."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._rule_set = rule_set

    def play(self, rule: Rule, case: Case) -> Played:
        """Readings through the shard, then alarms, or events, through the decision."""
        sets = OneRule(self._rule_set, rule)
        deciding = _Deciding(sets, rule, case)
        if rule.stream is None:
            return Played(tuple(deciding.events(case.events)))
        shard = _Sharded(sets, sets.current.streams[rule.stream], case)
        return Played(tuple(deciding.alarms(shard.alarms())), tuple(shard.unreadable))


class _Sharded:
    """One shard with the case's device, and one more whose readings are empty and move the shard's clock."""

    def __init__(self, sets: OneRule, stream: Stream, case: Case) -> None:
        self._stream = stream
        self._case, self._sets = case, sets
        place = ShardPlace(tenant=sets.current.tenant, stream=self._stream, partition=0, partitions=1)
        self._shard = Shard(place, sets)
        self.unreadable: list[str] = []

    def alarms(self) -> list[Alarm]:
        """The transitions of the device up to the end of the case."""
        case = self._case
        self._shard.on_things([_message(DEVICE, encode(case.given.device))])
        rows = sorted([*self._readings(case.readings), *self._beats()], key=_when)
        if not rows:
            return []
        out = self._shard.on_readings(_batch(self._stream.topic, rows))
        self.unreadable += [f"{d.reason}: {d.message}" for d in out.dead if d.reason != "out_of_range"]
        return [a for a in out.alarms if a.device == DEVICE and a.at <= case.start + case.end]

    def _readings(self, readings: Iterable[Reading]) -> Iterator[tuple[int, bytes]]:
        for reading in readings:
            yield self._row(DEVICE, reading.offset, reading.values)

    def _beats(self) -> Iterator[tuple[int, bytes]]:
        """Empty readings at every tick, and one after the end: only the shard's clock ends silence and windows."""
        tick = tick_of(self._sets.current.rules)
        if tick is None:
            return
        step = tick * -(-self._case.end // (tick * _MOST_BEATS) or 1)
        for offset in range(0, self._case.end + 2 * step, step):
            yield self._row(_CLOCK, offset, {})

    def _row(self, device: str, offset: int, values: dict[str, Value]) -> tuple[int, bytes]:
        at = self._case.start + offset
        plain: dict[str, Any] = {self._stream.key: device, self._stream.time: at}
        for name, value in values.items():
            field = self._stream.field(name)
            whole = (
                field is not None and field.type == "int" and isinstance(value, float) and value.is_integer()
            )
            plain[name] = int(value) if whole and isinstance(value, float) else value
        return at, encode(plain)


class _Deciding:
    """The customers' half: who it is, what is decided, and the limit over all customers."""

    def __init__(self, sets: OneRule, rule: Rule, case: Case) -> None:
        self._case, self._now = case, case.start
        book = RuleBook(sets)
        self._resolver, self._limits = Resolver(book), RuleLimits(book)
        roles = tuple(Role(role=role, customer=who) for role, who in case.given.roles.items())
        self._resolver.take(IdentityIn(SUBJECT, Identity(number=1, roles=roles)))
        customers = {name: _known(case, sets.current) for name in self._deciders(rule)}
        self._bucket = Bucket(sets.current.tenant, book, lambda: self._now, saved(customers))

    def _deciders(self, rule: Rule) -> set[str]:
        """Whom what is given is known of: who holds the deciding role, and the subjects of events."""
        subjects = {event.subject for event in self._case.events if event.subject}
        return {self._case.given.roles.get(rule.customer, SUBJECT), *subjects}

    def alarms(self, alarms: Iterable[Alarm]) -> Iterator[Happened]:
        """Each alarm with what was done at it."""
        for alarm in alarms:
            for decision in self._decide(AlarmIn(alarm), alarm.at):
                did, refused = _done(decision)
                yield Happened(
                    at=alarm.at - self._case.start,
                    transition=alarm.transition,
                    severity=alarm.severity,
                    do=did,
                    refused=refused,
                )

    def events(self, events: Iterable[CaseEvent]) -> Iterator[Happened]:
        """What was done at each event, or refused; a decision that there is nothing to do is not shown."""
        for i, given in enumerate(events):
            at = self._case.start + given.offset
            for decision in self._decide(EventIn(_event(given, at, i), at), at):
                did, refused = _done(decision)
                if did or refused is not None:
                    yield Happened(at=given.offset, do=did, refused=refused)

    def _decide(self, incoming: Incoming, at: int) -> Iterator[Decision]:
        self._now = at
        for trigger in self._resolver.take(incoming):
            for decided in self._bucket.take([trigger]):
                if isinstance(decided, Decided):
                    yield self._limits.take(decided).decision


def _done(decision: Decision) -> tuple[tuple[str, ...], str | None]:
    """The names of the actions that go out (or would, in a dry run), and why the others do not."""
    did = tuple(p.action.name for p in decision.actions if p.status in ("published", "dry_run"))
    if decision.verdict == "refused":
        reason = decision.reason or ""
        return did, next((kind for kind in ("guard", "limit") if reason.startswith(kind)), reason)
    return did, decision.verdict if decision.verdict in ("held", "too_late", "dry_run") else None


def _known(case: Case, rule_set: RuleSet) -> Customer:
    """A customer of whom is known what the case gives."""
    given: Given = case.given
    cells: dict[str, Cell] = {
        cell_key(a): cell_of(a, case.start - 1, given.profile[a.name])
        for a in rule_set.profile
        if a.name in given.profile
    }
    items = {
        f"given-{i}": Item(kind, about, rule="", episode=None, status="open")
        for i, (kind, _, about) in enumerate(each.partition(":") for each in given.open)
    }
    return Customer(at=case.start - 1, cells=cells, items=items)


def _event(given: CaseEvent, at: int, place: int) -> Event:
    return Event(
        id=given.id or f"event-{place + 1}",
        source=given.source,
        type=given.type,
        subject=given.subject or SUBJECT,
        time=datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"),
        data=given.data,
    )


def _when(row: tuple[int, bytes]) -> int:
    return row[0]


def _message(key: str, value: bytes) -> Message:
    return Message("things", 0, 0, key.encode(), value, (), 0)


def _batch(topic: str, rows: list[tuple[int, bytes]]) -> RawBatch:
    """Rows of (time in ms, value), each taken by the bus at its own time."""
    times = np.array([at for at, _ in rows], np.int64)
    lengths = np.array([len(value) for _, value in rows], np.int64)
    return RawBatch(
        topic,
        0,
        b"".join(value for _, value in rows),
        np.cumsum(lengths),
        np.arange(len(rows), dtype=np.int64),
        times,
        at_end=True,
    )
