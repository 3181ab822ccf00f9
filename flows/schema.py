"""Every message on a topic, as frozen structs; times are int milliseconds since the epoch, UTC.

Encoding is compact JSON by `encode`; unknown fields are ignored when read, so that a newer writer does not
break an older reader. Only fields are ever added. What a field means stands at the field: the JSON Schemas and the
reference page of the topics take it from there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

Transition = Literal["raised", "escalated", "deescalated", "cleared", "lapsed"]
Verdict = Literal["acted", "nothing", "refused", "held", "too_late", "dry_run"]
ActionStatus = Literal["published", "skipped", "refused", "held", "too_late", "dry_run"]
OutcomeStatus = Literal["accepted", "failed", "suppressed", "expired", "unknown"]
Value = float | int | str | bool | None

_Tenant = Annotated[str, Meta(description="Whose it is, as `tenant` of the settings says.")]
_Rule = Annotated[str, Meta(description="The rule.")]
_RuleSet = Annotated[int, Meta(description="The number of the rule set in force.")]
_Customer = Annotated[
    str, Meta(description="The customer; of a thing that nobody has a role to, the thing itself.")
]
_Episode = Annotated[str | None, Meta(description="The episode; none for an event.")]
_Device = Annotated[str | None, Meta(description="The device; none for an event.")]
_At = Annotated[int, Meta(description="Event time of the cause.")]
_Explanation = Annotated[str, Meta(description="The rule's `explain`, filled in.")]

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(message: object) -> bytes:
    """Compact JSON of a struct or of plain data."""
    return _encoder.encode(message)


def decode(kind: type[T], value: bytes) -> T:
    """Read a message of a known kind; raises msgspec.DecodeError or msgspec.ValidationError, which carries the path."""
    return msgspec.json.decode(value, type=kind)


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One reading as evidence, written as `[at, value]`."""

    at: Annotated[int, Meta(description="Its event time.")]
    value: Annotated[float | None, Meta(description="Of the field that the pattern follows.")]


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an alarm rests on."""

    pattern: Annotated[int, Meta(description="Which of the rule's patterns held, from 0.")] = 0
    values: Annotated[
        dict[str, Value],
        Meta(description="The facts: `run`, `count`, `out_of`, `rise`, `duration_ms`, `value`, …"),
    ] = {}
    reading: Annotated[
        dict[str, Value],
        Meta(description="The fields of the reading that caused it, as far as they are read."),
    ] = {}
    device: Annotated[
        dict[str, Value], Meta(description="The attributes of the device that the rule read.")
    ] = {}
    points: Annotated[
        tuple[Point, ...], Meta(description="The last readings of the pattern, oldest first, at most 64.")
    ] = ()


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transition of an episode."""

    id: Annotated[str, Meta(description="The episode's id and the number: the same at each repeat.")]
    episode: Annotated[str, Meta(description="A hash of tenant, rule, device and `opened_at`.")]
    number: Annotated[int, Meta(description="Of the transition in its episode, from 1.")]
    tenant: _Tenant
    rule: _Rule
    rule_set: _RuleSet
    stream: Annotated[str, Meta(description="The stream of the readings.")]
    device: Annotated[str, Meta(description="The device.")]
    transition: Annotated[Transition, Meta(description="What became of the episode.")]
    severity: Annotated[str | None, Meta(description="The severity after it; none if the rule has none.")] = (
        None
    )
    at: Annotated[int, Meta(description="Event time of the transition.")]
    opened_at: Annotated[int, Meta(description="Event time of the reading that opened the episode.")]
    partition: Annotated[int, Meta(description="The partition of the stream's topic.")]
    offset: Annotated[
        int | None, Meta(description="The message that caused it; none if no reading did, as with silence.")
    ] = None
    stale: Annotated[bool, Meta(description="Found in readings older than `stale_after_s`.")] = False
    reason: Annotated[str | None, Meta(description="Why it lapsed: `silent`, `rule removed`.")] = None
    dry_run: Annotated[bool, Meta(description="The rule only pretends.")] = False
    explanation: _Explanation = ""
    evidence: Annotated[Evidence, Meta(description="What it rests on.")] = Evidence()


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a shard did with the messages `first` ≤ offset < `next` of its partition, counted in readings.

    taken + late + duplicate + future + dead = the readings those messages held; a message that cannot be decoded
    counts as one dead reading.
    """

    topic: Annotated[str, Meta(description="The topic of the readings.")]
    partition: Annotated[int, Meta(description="Its partition.")]
    first: Annotated[int, Meta(description="The first offset.")]
    next: Annotated[int, Meta(description="The offset after the last; the next account begins there.")]
    messages: Annotated[int, Meta(description="How many messages.")]
    taken: Annotated[int, Meta(description="Readings that patterns saw.")]
    late: Annotated[int, Meta(description="Readings older than their device's clock.")]
    duplicate: Annotated[int, Meta(description="Readings of a device and time that were there already.")]
    future: Annotated[int, Meta(description="Readings further ahead than `max_ahead`.")]
    dead: Annotated[int, Meta(description="Readings that cannot be read.")]


class Role(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a customer is to a thing."""

    role: Annotated[str, Meta(description="owner, driver, buyer, dealer, …")]
    customer: Annotated[str, Meta(description="The customer who has it.")]
    since: Annotated[int | None, Meta(description="From this event time on; none is always.")] = None
    until: Annotated[int | None, Meta(description="Up to this event time; none is open.")] = None
    evidence: Annotated[str, Meta(description="How that is known.")] = ""


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is who; the key says of what: an identifier, a customer or a thing.

    An identifier has `customer`, a customer that was merged `survivor`, a thing `roles`.
    """

    number: Annotated[int, Meta(description="Grows with each change; per key the greatest wins.")]
    customer: Annotated[str | None, Meta(description="Of an identifier: whose it is.")] = None
    survivor: Annotated[str | None, Meta(description="Of a merged customer: into whom.")] = None
    roles: Annotated[tuple[Role, ...], Meta(description="Of a thing: up to 16.")] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to a customer or was done by one: CloudEvents 1.0 in structured mode."""

    id: Annotated[str, Meta(description="Two of one id and source are one event.")]
    source: Annotated[str, Meta(description="Where it comes from.")]
    type: Annotated[str, Meta(description="What happened, e.g. `order.placed`; rules name it.")]
    subject: Annotated[str, Meta(description="An identifier (`email:a@b.c`) or a thing (`device:veh-17`).")]
    time: Annotated[str, Meta(description="Event time, RFC 3339.")]
    specversion: Annotated[str, Meta(description="Of CloudEvents.")] = "1.0"
    data: Annotated[dict[str, Any], Meta(description="All else; rules read it as `event.<field>`.")] = {}


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question that a decision asked."""

    kind: Annotated[str, Meta(description="mode, episode, guard, limit, valid_for, if, purpose or role.")]
    text: Annotated[str, Meta(description="The question, as the rule has it.")]
    result: Annotated[bool | None, Meta(description="The answer; none is unknown.")]
    values: Annotated[dict[str, Value], Meta(description="What it saw.")] = {}
    action: Annotated[str | None, Meta(description="The action it was asked of; none is all.")] = None


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to do in the world; the `data` of the CloudEvents message on `actions.<kind>.<lane>`."""

    id: Annotated[str, Meta(description="Of decision and name: the same at each repeat.")]
    name: Annotated[str, Meta(description="Its name in the rule; else its kind.")]
    kind: Annotated[str, Meta(description="open_case, close_case, notify or task.")]
    lane: Annotated[str, Meta(description="How urgently, by its purpose.")]
    purpose: Annotated[str | None, Meta(description="Why we may write.")] = None
    tenant: _Tenant
    customer: Annotated[
        str, Meta(description="Whom it is for: the customer who holds the role `to`, else who decided.")
    ]
    to: Annotated[str | None, Meta(description="The role it goes to.")] = None
    rule: _Rule
    rule_set: _RuleSet
    decision: Annotated[str, Meta(description="The decision that asks for it.")]
    episode: _Episode = None
    device: _Device = None
    transition: Annotated[Transition | None, Meta(description="At which; none for an event.")] = None
    at: _At
    valid_until: Annotated[int, Meta(description="After this wall-clock time it is not worth doing.")]
    about: Annotated[str | None, Meta(description="What it is about, e.g. engine.")] = None
    parameters: Annotated[
        dict[str, Any], Meta(description="Its other fields in the rule (queue, subject, …), filled in.")
    ] = {}
    evidence: Annotated[Evidence | None, Meta(description="The alarm's, where the rule attaches it.")] = None
    explanation: _Explanation = ""


class PlannedAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action and what the decision did with it."""

    action: Annotated[Action, Meta(description="The action.")]
    status: Annotated[ActionStatus, Meta(description="What became of it.")]
    reason: Annotated[str | None, Meta(description="Why it was not published.")] = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a decision asked to open."""

    action: Annotated[str, Meta(description="The id of the action that asks.")]
    kind: Annotated[str, Meta(description="`case`.")]
    about: Annotated[str, Meta(description="What it is about.")]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A raise counted under a limit."""

    key: Annotated[str, Meta(description="The limit, and of what.")]
    every: Annotated[int, Meta(description="How long it counts, ms of event time.")]


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a decision did to its customer's state: all that is needed to do it again without deciding."""

    number: Annotated[int, Meta(description="The transition's number in its episode.")] = 0
    acted: Annotated[bool, Meta(description="Whether anything was done.")] = False
    dry_run: Annotated[bool, Meta(description="All of it is apart from what is live.")] = False
    opened: Annotated[tuple[Opened, ...], Meta(description="What it opened.")] = ()
    closed: Annotated[
        tuple[str, ...], Meta(description="The ids of the actions that had opened what it closes.")
    ] = ()
    counted: Annotated[tuple[Counted, ...], Meta(description="What it counted under limits.")] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule's verdict for a customer on an alarm or an event. Once published it binds."""

    id: Annotated[
        str, Meta(description="The alarm's id; for an event a hash of its source, id and the rule.")
    ]
    number: Annotated[int, Meta(description="Among the decisions of the customer, from 1.")]
    tenant: _Tenant
    customer: _Customer
    rule: _Rule
    rule_set: _RuleSet
    trigger: Annotated[str, Meta(description="The alarm or event that was decided on.")]
    transition: Annotated[Transition | None, Meta(description="The alarm's; none for an event.")] = None
    device: _Device = None
    episode: _Episode = None
    at: _At
    decided_at: Annotated[int, Meta(description="Wall clock of the decision; part of no id.")]
    verdict: Annotated[Verdict, Meta(description="What it came to.")]
    reason: Annotated[str | None, Meta(description="Why nothing was done, or not all.")] = None
    checks: Annotated[tuple[Check, ...], Meta(description="What was asked, in order.")] = ()
    actions: Annotated[tuple[PlannedAction, ...], Meta(description="What it wanted to do.")] = ()
    explanation: _Explanation = ""
    subject: Annotated[str, Meta(description="The identifier or thing that the trigger was about.")] = ""
    change: Annotated[Change, Meta(description="What it did to the customer's state.")] = Change()


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an action; the `data` of the CloudEvents message on `outcomes`."""

    id: Annotated[str, Meta(description="The action's id, so that one that comes twice is known.")]
    tenant: _Tenant
    customer: _Customer
    kind: Annotated[str, Meta(description="Of the action.")]
    status: Annotated[OutcomeStatus, Meta(description="What became of it.")]
    at: Annotated[int, Meta(description="Wall clock.")]
    connector: Annotated[str, Meta(description="Who carried it out, or did not.")]
    reason: Annotated[str | None, Meta(description="Why, for people.")] = None
    reference: Annotated[str | None, Meta(description="What the other side calls it.")] = None


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The envelope of what goes out on `actions.*` and `outcomes` (CloudEvents 1.0, structured mode)."""

    id: Annotated[str, Meta(description="The action's id, and its idempotency key.")]
    source: Annotated[str, Meta(description="Who says so.")]
    type: Annotated[str, Meta(description="Of what it is.")]
    subject: Annotated[str, Meta(description="The customer.")]
    time: Annotated[str, Meta(description="RFC 3339.")]
    data: Annotated[Any, Meta(description="The action or the outcome.")]
    specversion: Annotated[str, Meta(description="Of CloudEvents.")] = "1.0"
    datacontenttype: Annotated[str, Meta(description="What `data` is written in.")] = "application/json"


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a customer now."""

    customer: _Customer
    number: Annotated[int, Meta(description="Of the customer's last decision.")]
    at: Annotated[int, Meta(description="The greatest event time seen of the customer.")]
    values: Annotated[dict[str, Value], Meta(description="The values that `profile.yaml` declares.")] = {}
    open: Annotated[dict[str, int], Meta(description="How many items are open, by `kind:about`.")] = {}


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not be handled: its own key and value; the headers say where it came from and why."""

    topic: Annotated[str, Meta(description="Where it came from.")]
    partition: Annotated[int, Meta(description="Its partition.")]
    offset: Annotated[int, Meta(description="Its offset.")]
    reason: Annotated[str, Meta(description="Why, in one word.")]
    message: Annotated[str, Meta(description="Why, in a sentence.")]
    value: Annotated[bytes, Meta(description="The original bytes.")]
    key: Annotated[bytes | None, Meta(description="The original key.")] = None

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """The reason under Kafka Connect's header names, which tools know."""
        return (
            ("__connect.errors.topic", self.topic.encode()),
            ("__connect.errors.partition", str(self.partition).encode()),
            ("__connect.errors.offset", str(self.offset).encode()),
            ("__connect.errors.exception.class.name", self.reason.encode()),
            ("__connect.errors.exception.message", self.message.encode()),
        )
