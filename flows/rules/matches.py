"""Reading an event that is waited for: `{event: case.resolved, where: event.case == cause.case}`."""

from __future__ import annotations

from collections.abc import Mapping

from flows.documents import Located
from flows.fields import Fields
from flows.rules.asking import Asking
from flows.rules.model import EventMatch
from flows.rules.sequences import check_event
from flows.streams import EventType


def read_match(at: Located, asking: Asking, events: Mapping[str, EventType]) -> EventMatch | None:
    """The event and its condition; None when it names none."""
    fields = Fields(at, asking.mistakes, ("event", "where"))
    complete = fields.require("event")
    check_event(fields, "event", events)
    event = fields.text("event")
    where = asking.matching(events.get(event)).condition(fields, "where")
    return EventMatch(event=event, where=where) if complete else None
