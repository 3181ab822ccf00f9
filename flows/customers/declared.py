"""Events against their declaration in `streams.yaml`: whose they are, and which of their data can be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from flows.schema import Event, Value
from flows.streams import EXPECTED, EventType, Field, value_at

_MOST_NUMBER = 1 << 53


class EventRefused(ValueError):
    """An event that its declaration does not fit; `reason` is a dead letter's."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class SentEvent(Event, frozen=True, kw_only=True):
    """An event as it was sent, which may leave its subject to its identifiers."""

    subject: str = ""


class Declared(msgspec.Struct, frozen=True):
    """An event as rules read it, and the fields that are missing now because they were out of range."""

    event: Event
    disbelieved: tuple[str, ...] = ()


def as_declared(sent: SentEvent, events: Mapping[str, EventType]) -> Declared:
    """The event under its declaration, if there is one; raises EventRefused."""
    declared = events.get(sent.type, EventType(name=sent.type))
    data, disbelieved = _data(sent.data, declared)
    event = Event(
        id=sent.id,
        source=sent.source,
        type=sent.type,
        subject=sent.subject or identifier_in(sent.data, declared),
        time=sent.time,
        specversion=sent.specversion,
        data=data,
    )
    return Declared(event, disbelieved)


def identifier_in(data: Mapping[str, Any], declared: EventType) -> str:
    """The first identifier that an event's data carry, as `kind:value`; raises EventRefused."""
    for kind, path in declared.identifiers.items():
        found = value_at(data, path)
        if isinstance(found, int) and not isinstance(found, bool) and abs(found) <= _MOST_NUMBER:
            found = str(found)
        if isinstance(found, str) and found.strip():
            return f"{kind}:{found}"
    known = ", ".join(declared.identifiers) or "none are declared for its type"
    raise EventRefused("missing_field", f"the event names no subject and carries no identifier ({known})")


def _data(data: dict[str, Any], declared: EventType) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(the data as declared, which fields were not believed)."""
    found, disbelieved = dict(data), list[str]()
    for field in declared.fields:
        said = value_at(data, field.path)
        if said is None:
            found.pop(field.name, None)
            continue
        if field.type == "text":
            if not isinstance(said, str):
                raise _wrong(field)
            found[field.name] = said
            continue
        number = field.number(said)
        if number is None:
            raise _wrong(field)
        if field.believes(number):
            found[field.name] = _value(field, said, number)
        else:
            found.pop(field.name, None)
            disbelieved.append(field.name)
    return found, tuple(disbelieved)


def _wrong(field: Field) -> EventRefused:
    return EventRefused("wrong_type", f"{field.name} is not {EXPECTED[field.type]}")


def _value(field: Field, said: Value, number: float) -> Value:
    """What rules read: as it was said, unless it is scaled."""
    if not field.scaled or math.isnan(number):
        return said
    return int(number) if field.type == "int" else number
