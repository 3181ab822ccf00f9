"""Every message on a topic, as frozen structs; times are int milliseconds since the epoch, UTC.

Encoding is compact JSON by `encode`; unknown fields are ignored when read, so that a newer writer does not
break an older reader. Only fields are ever added.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

Transition = Literal["raised", "escalated", "deescalated", "cleared", "lapsed"]
Verdict = Literal["acted", "nothing", "refused", "held", "too_late", "dry_run"]
ActionStatus = Literal["published", "skipped", "refused", "held", "too_late", "dry_run"]
OutcomeStatus = Literal["accepted", "failed", "suppressed", "expired", "unknown"]
Value = float | int | str | bool | None

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(message: object) -> bytes:
    """Compact JSON of a struct or of plain data."""
    return _encoder.encode(message)


def decode(kind: type[T], value: bytes) -> T:
    """Read a message of a known kind; raises msgspec.DecodeError or msgspec.ValidationError, which carries the path."""
    return msgspec.json.decode(value, type=kind)


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One reading as evidence: its event time (ms) and the value of the field that the pattern follows."""

    at: int
    value: float | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an alarm rests on.

    `values` are the facts `explain` may name (`run`, `count`, `rise`, `duration_ms`, `value`, …), `reading` the
    fields of the reading that caused it, `device` the attributes of the device that the rule read, `points` the
    last readings of the pattern, oldest first, at most 64.
    """

    pattern: int = 0
    values: dict[str, Value] = {}
    reading: dict[str, Value] = {}
    device: dict[str, Value] = {}
    points: tuple[Point, ...] = ()


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transition of an episode; `number` counts the transitions of the episode from 1, `at` is event time."""

    id: str
    episode: str
    number: int
    tenant: str
    rule: str
    rule_set: int
    stream: str
    device: str
    transition: Transition
    severity: str | None = None
    at: int
    opened_at: int
    partition: int
    offset: int | None = None
    stale: bool = False
    reason: str | None = None
    dry_run: bool = False
    explanation: str = ""
    evidence: Evidence = Evidence()


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a shard did with the messages `first` ≤ offset < `next` of its partition, counted in readings.

    taken + late + duplicate + future + dead = the readings those messages held; a message that cannot be decoded
    counts as one dead reading.
    """

    topic: str
    partition: int
    first: int
    next: int
    messages: int
    taken: int
    late: int
    duplicate: int
    future: int
    dead: int


class Role(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a customer is to a thing, from – until (event time, None is open)."""

    role: str
    customer: str
    since: int | None = None
    until: int | None = None
    evidence: str = ""


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value of the topic `identity`; the key says of what: an identifier, a customer or a thing.

    `number` is the outbox number: per key the greatest wins. An identifier has `customer`; a customer that was
    merged has `survivor`; a thing has up to 16 `roles`.
    """

    number: int
    customer: str | None = None
    survivor: str | None = None
    roles: tuple[Role, ...] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvents 1.0 event in structured mode, as it comes on `events`; `time` is RFC 3339.

    `subject` is an identifier (`email:a@b.c`) or a thing (`device:veh-17`).
    """

    id: str
    source: str
    type: str
    subject: str
    time: str
    specversion: str = "1.0"
    data: dict[str, Any] = {}


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question a decision asked: `kind` names it (guard, if, limit, valid_for, …), `result` None is unknown."""

    kind: str
    text: str
    result: bool | None
    values: dict[str, Value] = {}
    action: str | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to do in the world; the `data` of the CloudEvents message on `actions.<kind>.<lane>`."""

    id: str
    name: str
    kind: str
    lane: str
    purpose: str | None = None
    tenant: str
    customer: str
    to: str | None = None
    rule: str
    rule_set: int
    decision: str
    episode: str | None = None
    device: str | None = None
    transition: Transition | None = None
    at: int
    valid_until: int
    about: str | None = None
    parameters: dict[str, Any] = {}
    evidence: Evidence | None = None
    explanation: str = ""


class PlannedAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action and what the decision did with it; `reason` says why it was not published."""

    action: Action
    status: ActionStatus
    reason: str | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a decision asked to open; `action` is the id of the action that asks, `kind` is `case`."""

    action: str
    kind: str
    about: str


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A raise counted under a limit: its key, and how long (ms of event time) it counts."""

    key: str
    every: int


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a decision did to its customer's state: all that is needed to do it again without deciding.

    `number` is the transition's number in its episode, `acted` whether anything was done, `closed` are the ids of
    the actions that had opened what it closes, `dry_run` says that all of it is apart from what is live.
    """

    number: int = 0
    acted: bool = False
    dry_run: bool = False
    opened: tuple[Opened, ...] = ()
    closed: tuple[str, ...] = ()
    counted: tuple[Counted, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule's verdict for a customer on an alarm or an event.

    `id` is the alarm's id, or the event's source + id + rule, hashed; `number` counts the decisions of the customer
    from 1; `decided_at` is wall clock and never part of an id; `change` is what it did to the customer's state;
    `subject` is the identifier or thing that the trigger was about.
    """

    id: str
    number: int
    tenant: str
    customer: str
    rule: str
    rule_set: int
    trigger: str
    transition: Transition | None = None
    device: str | None = None
    episode: str | None = None
    at: int
    decided_at: int
    verdict: Verdict
    reason: str | None = None
    checks: tuple[Check, ...] = ()
    actions: tuple[PlannedAction, ...] = ()
    explanation: str = ""
    subject: str = ""
    change: Change = Change()


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an action; `id` is the action's id, so that an outcome that comes twice is known."""

    id: str
    tenant: str
    customer: str
    kind: str
    status: OutcomeStatus
    at: int
    connector: str
    reason: str | None = None
    reference: str | None = None


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The envelope of what goes out on `actions.*` and `outcomes` (CloudEvents 1.0, structured mode)."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: Any
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a customer now; `open` maps `kind:about` to the number of open items."""

    customer: str
    number: int
    at: int
    values: dict[str, Value] = {}
    open: dict[str, int] = {}


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not be handled: the original bytes, where they came from, and why."""

    topic: str
    partition: int
    offset: int
    reason: str
    message: str
    value: bytes
    key: bytes | None = None

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """The reason under Kafka Connect's header names, which tools know."""
        return (
            ("__connect.errors.topic", self.topic.encode()),
            ("__connect.errors.partition", str(self.partition).encode()),
            ("__connect.errors.offset", str(self.offset).encode()),
            ("__connect.errors.exception.class.name", self.reason.encode()),
            ("__connect.errors.exception.message", self.message.encode()),
        )
