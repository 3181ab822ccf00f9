"""Every message on a topic, as frozen structs; times are int milliseconds since the epoch, UTC.

Encoding is compact JSON by `encode`; unknown fields are ignored when read, so that a newer writer does not
break an older reader. Only fields are ever added. What a field means stands at the field: the JSON Schemas and the
reference page of the topics take it from there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from flows.schema_change import Change
from flows.schema_people import Consent, Person, Value

Transition = Literal["raised", "escalated", "deescalated", "cleared", "lapsed"]
Verdict = Literal["acted", "nothing", "refused", "held", "too_late", "dry_run"]
ActionStatus = Literal["published", "skipped", "refused", "held", "too_late", "dry_run"]
LookedUp = Literal["answered", "unknown"]
BrakeKind = Literal["silence", "pause"]
OutcomeStatus = Literal["accepted", "failed", "suppressed", "expired", "unknown"]

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
    evidence: Annotated[
        str, Meta(description="How that is known: the handle of the source record that says so.")
    ] = ""
    link: Annotated[int, Meta(description="Number of the change that gave the claim to this customer.")] = 0
    was: Annotated[
        tuple[str, ...], Meta(description="Customers who had the same claim before, newest last.")
    ] = ()


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is who; the key says of what: an identifier, a customer or a thing.

    An identifier has `customer` (none: it is by itself), a customer that was merged `survivor`, one that source
    systems tell of `person`, a thing `roles`. Of all but what was never known there is an entry for ever: an older
    entry, or one that comes late, is known by its number.
    """

    number: Annotated[int, Meta(description="Grows with each change; per key the greatest wins.")]
    customer: Annotated[str | None, Meta(description="Of an identifier: whose it is.")] = None
    survivor: Annotated[str | None, Meta(description="Of a merged customer: into whom.")] = None
    roles: Annotated[tuple[Role, ...], Meta(description="Of a thing: up to 16.")] = ()
    was: Annotated[
        tuple[str, ...],
        Meta(description="Of an identifier: customers who had it before, newest last; they hand it over."),
    ] = ()
    person: Annotated[Person | None, Meta(description="Of a customer: what source systems say.")] = None
    erased: Annotated[bool, Meta(description="Of a customer: forgotten, and never to come back.")] = False


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

    kind: Annotated[
        str,
        Meta(
            description="mode, share, hold_out, silence, episode, guard, limit, valid_for, choose, if, purpose, role, "
            "consent, quiet, budget, look_up or release."
        ),
    ]
    text: Annotated[str, Meta(description="The question, as the rule has it.")]
    result: Annotated[bool | None, Meta(description="The answer; none is unknown.")]
    values: Annotated[dict[str, Value], Meta(description="What it saw.")] = {}
    action: Annotated[str | None, Meta(description="The action it was asked of; none is all.")] = None


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to do in the world; the `data` of the CloudEvents message on `actions.<kind>.<lane>`."""

    id: Annotated[str, Meta(description="Of decision and name: the same at each repeat.")]
    name: Annotated[str, Meta(description="Its name in the rule; else its kind.")]
    kind: Annotated[str, Meta(description="open_case, close_case, notify, task, … as the rules name them.")]
    lane: Annotated[str, Meta(description="How urgently, by its purpose.")]
    purpose: Annotated[str | None, Meta(description="Why we may write.")] = None
    tenant: _Tenant
    customer: Annotated[
        str, Meta(description="Whom it is for: the customer who holds the role `to`, else who decided.")
    ]
    to: Annotated[str | None, Meta(description="The role it goes to.")] = None
    decider: Annotated[
        str, Meta(description="The customer whose decision it is, when that is not `customer`.")
    ] = ""
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
    sensitive: Annotated[bool, Meta(description="To be masked wherever it is shown.")] = False


class PlannedAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action and what the decision did with it."""

    action: Annotated[Action, Meta(description="The action.")]
    status: Annotated[ActionStatus, Meta(description="What became of it.")]
    reason: Annotated[str | None, Meta(description="Why it was not published.")] = None


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
    follows: Annotated[str | None, Meta(description="Of a follow-up: the id of the action it follows.")] = (
        None
    )
    choice: Annotated[str | None, Meta(description="The name of the alternative that was chosen.")] = None
    variant: Annotated[
        str | None, Meta(description="`treated` or `held_out`, where the rule has `share` or `hold_out`.")
    ] = None
    propensity: Annotated[
        float | None, Meta(description="How likely the variant was, for whoever learns from the log.")
    ] = None
    sensitive: Annotated[bool, Meta(description="To be masked wherever it is shown.")] = False
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
    decider: Annotated[str, Meta(description="The action's.")] = ""
    result: Annotated[
        str | None,
        Meta(
            description="What came of it on the other side: `booked`, `no_slot`, `resolved`, …; ends what is open."
        ),
    ] = None
    data: Annotated[
        dict[str, Any], Meta(description="More of it, e.g. the slot; read as `outcome.<field>`.")
    ] = {}


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


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a value of the profile comes from."""

    source: Annotated[
        str, Meta(description="A source system, or `event:` and the type, or `alarm:` and the rule.")
    ]
    at: Annotated[int | None, Meta(description="When it last changed, event time.")] = None


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a customer now."""

    customer: _Customer
    number: Annotated[int, Meta(description="Of the customer's last decision.")]
    at: Annotated[int, Meta(description="The greatest event time seen of the customer.")]
    values: Annotated[
        dict[str, Value],
        Meta(description="What `profile.yaml` declares, and what source systems say that is not personal."),
    ] = {}
    open: Annotated[dict[str, int], Meta(description="How many items are open, by `kind:about`.")] = {}
    origins: Annotated[dict[str, Origin], Meta(description="Where each value comes from, and when.")] = {}
    stage: Annotated[str | None, Meta(description="The stage of life, while it lasts.")] = None
    quiet: Annotated[
        dict[str, int], Meta(description="Purposes that rest, and until when at the latest.")
    ] = {}
    labels: Annotated[
        tuple[str, ...], Meta(description="The identifiers and things that told of the customer.")
    ] = ()
    full: Annotated[
        tuple[str, ...],
        Meta(description="Values with more behind them than is kept: an estimate, or at least so many."),
    ] = ()


class Consents(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether and how somebody may be written to: what connectors read at the moment of sending."""

    customer: _Customer
    number: Annotated[int, Meta(description="Grows with each change.")]
    consents: Annotated[dict[str, Consent], Meta(description="By purpose.")] = {}
    time_zone: Annotated[str | None, Meta(description="An IANA name; none is unknown.")] = None
    preferences: Annotated[dict[str, Value], Meta(description="By name, e.g. `channel`.")] = {}
    quiet: Annotated[
        dict[str, int], Meta(description="Purposes that rest, and until when at the latest.")
    ] = {}
    items: Annotated[tuple[str, ...], Meta(description="What is not to be advertised meanwhile.")] = ()


class Handoff(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """State that goes from one customer to another, after a merge, a split or a late link; once published it binds.

    Of two copies of a part the greater number wins, so one that comes twice, late or in a chain changes nothing.
    """

    id: Annotated[str, Meta(description="Of source, target, label and number: the same at each repeat.")]
    source: Annotated[str, Meta(description="The customer who hands over.")]
    target: Annotated[str, Meta(description="The customer who takes.")]
    label: Annotated[str, Meta(description="What goes over: one identifier's parts; empty is all.")] = ""
    number: Annotated[int, Meta(description="Of the identity entry that asks for it.")]
    parts: Annotated[
        dict[str, dict[str, Any]], Meta(description="The parts by name, as the flow keeps them.")
    ] = {}
    strays: Annotated[
        tuple[dict[str, Any], ...],
        Meta(description="Triggers that reached the source after it had handed over."),
    ] = ()


class LookUp(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question to another system that a decision waits for, on `look-ups`."""

    id: Annotated[str, Meta(description="Of the decision and the name: the same at each repeat.")]
    tenant: _Tenant
    customer: _Customer
    rule: _Rule
    name: Annotated[str, Meta(description="What the rule calls the answer.")]
    source: Annotated[str, Meta(description="Whom to ask, as `look_ups.yaml` names it.")]
    key: Annotated[Value, Meta(description="What is asked about.")]
    until: Annotated[int, Meta(description="After this wall-clock time nobody waits any more.")]


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What another system said, on `answers`."""

    id: Annotated[str, Meta(description="Of the question.")]
    customer: _Customer
    status: Annotated[LookedUp, Meta(description="`unknown` when it could not be learnt.")]
    values: Annotated[dict[str, Value], Meta(description="By field, as `look_ups.yaml` declares them.")] = {}
    reason: Annotated[str | None, Meta(description="Why it is unknown.")] = None
    at: Annotated[int, Meta(description="Wall clock.")]


class Audit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A changing command: who, when, what, why; on `audit`, and never compacted."""

    id: Annotated[str, Meta(description="The same at each repeat.")]
    tenant: _Tenant
    at: Annotated[int, Meta(description="Wall clock.")]
    who: Annotated[str, Meta(description="Who commanded it.")]
    command: Annotated[str, Meta(description="The command, e.g. `identity merge`.")]
    what: Annotated[dict[str, Any], Meta(description="Its arguments; identifiers as tokens.")] = {}
    reason: Annotated[str, Meta(description="Why, in the words of who commanded it.")] = ""


class Brake(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds rules back for a while, on `rules` under the key `tenant/brake/id`; a tombstone takes it away.

    A `silence` refuses what it matches, a `pause` holds its actions for release. Empty fields match all.
    """

    id: Annotated[str, Meta(description="Of the brake.")]
    kind: Annotated[BrakeKind, Meta(description="What it does.")]
    rule: Annotated[str, Meta(description="The rule; `*` stands for any letters.")] = ""
    action: Annotated[str, Meta(description="The kind of action.")] = ""
    purpose: Annotated[str, Meta(description="The purpose, and all below it.")] = ""
    match: Annotated[
        dict[str, str], Meta(description="What the device or event must say, by name, e.g. `device.model`.")
    ] = {}
    until: Annotated[int | None, Meta(description="Wall clock at which it ends; none is until removed.")] = (
        None
    )
    safety: Annotated[bool, Meta(description="Also what serves safety is held back.")] = False
    at: Annotated[int, Meta(description="Wall clock of its beginning.")]
    who: Annotated[str, Meta(description="Who asked for it.")]
    reason: Annotated[str, Meta(description="Why.")]


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
