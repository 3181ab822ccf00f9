"""What reaches a customer's bucket: alarms and events whose customer is known, outcomes, answers, news of identity.

`part` names the part of the customer's state that a trigger belongs to: `label|customer|link`, where the label is what
tied the trigger to the customer and the link the number of the identity entry that says so.
"""

from __future__ import annotations

import msgspec

from flows.schema import Alarm, Answer, Decision, Event, Handoff, Outcome
from flows.schema_people import Person


class AlarmFor(msgspec.Struct, frozen=True, kw_only=True, tag="alarm"):
    """An alarm and its customer; `roles` are who was what to the device at the alarm's time, by role."""

    alarm: Alarm
    customer: str
    roles: dict[str, str] = {}
    part: str = ""


class EventFor(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """An event and one customer it concerns.

    `at` is its time in ms, `rules` those that this customer decides, `counts` whether it goes into the customer's
    profile. It moves sequences, follow-ups and suppressions on where it counts, and where it `hears`: those are the
    other roles it is heard as, of rules that wait for such events and decide for these.
    """

    event: Event
    at: int
    customer: str
    roles: dict[str, str] = {}
    rules: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    counts: bool = True
    part: str = ""


class OutcomeOf(msgspec.Struct, frozen=True, tag="outcome"):
    """What became of an action of this customer."""

    outcome: Outcome


class AnswerOf(msgspec.Struct, frozen=True, tag="answer"):
    """What another system said to a question of this customer's."""

    answer: Answer


class RoleEnded(msgspec.Struct, frozen=True, kw_only=True, tag="role_ended"):
    """A customer is no longer what he was to a thing, from `at` (ms) on; `part` is where his episodes of it are."""

    customer: str
    thing: str
    role: str
    at: int
    part: str = ""


Stashed = AlarmFor | EventFor | OutcomeOf | AnswerOf | RoleEnded
"""What waits for a handoff."""


class Published(msgspec.Struct, frozen=True):
    """A decision that was already in the world when this execution began."""

    decision: Decision


class PersonOf(msgspec.Struct, frozen=True, kw_only=True):
    """What source systems say of a customer; of two the greater number counts."""

    customer: str
    person: Person
    number: int


class HandOver(msgspec.Struct, frozen=True, kw_only=True, tag="hand_over"):
    """The source is to hand a label's parts to the target; an empty label is everything.

    So many `views` of identity say so, each its own number `view` once all it sent to the source before is on its way:
    the source waits for all of them. One that is `expected` is answered also when there is nothing to hand over.
    """

    source: str
    target: str
    label: str
    number: int
    view: int = 0
    views: int = 1
    expected: bool = False


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """The target is to wait for a handoff that the source was asked for."""

    source: str
    target: str
    label: str
    number: int


class Erase(msgspec.Struct, frozen=True, kw_only=True):
    """A customer is to be forgotten."""

    customer: str
    number: int


class HandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A published handoff, for the bucket of `customer`: its target, or, at a start, its source as well."""

    handoff: Handoff
    customer: str


class Tick(msgspec.Struct, frozen=True):
    """All that happened before `now` (ms) has been handled everywhere: what is due by then may be decided."""

    now: int


class RulesChanged(msgspec.Struct, frozen=True):
    """Another rule set, of this number, has come into force."""

    number: int


Stray = Stashed | HandOver
"""What goes on to whoever has taken the state that it is for."""

Trigger = Stashed | Published | PersonOf | HandOver | Expect | Erase | HandedOver | Tick | RulesChanged


def whose(trigger: Trigger) -> str | None:
    """The customer whose bucket a trigger goes to; None for what every bucket gets."""
    match trigger:
        case EventFor() | AlarmFor():
            return trigger.customer
        case Tick() | RulesChanged():
            return None
        case Published(decision=found) | AnswerOf(answer=found):
            return found.customer
        case OutcomeOf(outcome=outcome):
            return outcome.decider or outcome.customer
        case HandOver(source=customer) | Expect(target=customer):
            return customer
        case _:
            return trigger.customer
