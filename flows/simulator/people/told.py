"""One message of people's lives, and where it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from flows.schema import Event, encode

Act = Literal["before", "during", "after"]
"""When a message is sent.

`before` is what is known when the plan begins, `during` has its place in it, `after` is what comes when all that
was sent is known everywhere.
"""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A keyed message for `source-records` or `events`; `appended` is when the bus takes it (ms of the plan)."""

    act: Act
    appended: int
    topic: Literal["source_records", "events"]
    key: bytes
    value: bytes


def row(system: str, subject: str, at: int, data: dict[str, object], *, act: Act, appended: int) -> Told:
    """A row of a source system as it changed at `at` (ms)."""
    event = Event(
        id=f"{system}-{subject}-{at}",
        source=system,
        type="record.changed",
        subject=subject,
        time=rfc3339(at),
        data=data,
    )
    key = f"{system}:{subject}".encode()
    return Told(act=act, appended=appended, topic="source_records", key=key, value=encode(event))


def rfc3339(at: int) -> str:
    """A time (ms) as text, in UTC."""
    text = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
