"""What reaches a customer's bucket: an alarm or an event whose customer is known, with the roles of that moment."""

from __future__ import annotations

import msgspec

from flows.schema import Alarm, Decision, Event, Outcome


class AlarmFor(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm and its customer; `roles` are who was what to the device at the alarm's time, by role."""

    alarm: Alarm
    customer: str
    roles: dict[str, str] = {}


class EventFor(msgspec.Struct, frozen=True, kw_only=True):
    """An event and one customer it concerns.

    `at` is its time in ms, `rules` those that this customer decides, `counts` whether it goes into the customer's
    profile.
    """

    event: Event
    at: int
    customer: str
    roles: dict[str, str] = {}
    rules: tuple[str, ...] = ()
    counts: bool = True


class Published(msgspec.Struct, frozen=True):
    """A decision that was already in the world when this execution began."""

    decision: Decision


class OutcomeOf(msgspec.Struct, frozen=True):
    """What became of an action of this customer."""

    outcome: Outcome


Trigger = AlarmFor | EventFor | Published | OutcomeOf
