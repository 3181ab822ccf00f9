"""Whether what `profile.yaml` refers to exists: events with their fields, rules, streams with their columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flows.documents import Located, Mistakes
from flows.fields import did_you_mean
from flows.streams import EventType, Stream

_OF_ANY_TYPE = frozenset({"last", "count"})


def check_profile(
    at: Located | None,
    streams: Mapping[str, Stream],
    events: Mapping[str, EventType],
    rules: Collection[str],
    mistakes: Mistakes,
) -> None:
    """Note what is referred to and does not exist; where no events are declared, any may be named."""
    check = _Check(streams, events, rules, mistakes)
    for value in _entries(at, "values"):
        check.value(value)
    for measured in _entries(at, "streams"):
        check.measured(measured)
    position = _below(at, "position")
    if position is not None:
        check.position(position)


class _Check:
    """Looks names up."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        events: Mapping[str, EventType],
        rules: Collection[str],
        mistakes: Mistakes,
    ) -> None:
        self.streams, self.events, self.rules, self.mistakes = streams, events, rules, mistakes

    def value(self, at: Located) -> None:
        """A value: its rule, or its events with the field."""
        alarm = _below(at, "alarm")
        if alarm is not None and isinstance(alarm.value, str) and alarm.value not in self.rules:
            said = f"there is no rule {alarm.value!r}"
            self.mistakes.add(alarm, said, did_you_mean(alarm.value, self.rules))
        field = _below(at, "field")
        for name in ("event", "closed_by"):
            event = _below(at, name)
            if event is not None and (name != "event" or event.value != "any"):
                self.event(event, field)

    def event(self, at: Located, field: Located | None) -> None:
        """An event that is declared, if any are, and holds the field, if it declares some."""
        if not self.events or not isinstance(at.value, str):
            return
        found = self.events.get(at.value)
        if found is None:
            said = f"the event {at.value!r} is not declared"
            self.mistakes.add(at, said, did_you_mean(at.value, self.events))
        elif field is not None and isinstance(field.value, str) and found.fields:
            known = [declared.name for declared in found.fields]
            if field.value not in known:
                said = f"the event {at.value!r} has no field {field.value!r}"
                self.mistakes.add(field, said, did_you_mean(field.value, known))

    def measured(self, at: Located) -> None:
        """A stream aggregate: its stream, and a column of it that can be measured so."""
        stream, field, keep = self.stream(at), _below(at, "field"), _below(at, "keep")
        if stream is None or field is None or not isinstance(field.value, str):
            return
        column = stream.field(field.value)
        if column is None:
            known = [each.name for each in stream.fields]
            said = f"the stream {stream.name!r} has no field {field.value!r}"
            self.mistakes.add(field, said, did_you_mean(field.value, known))
        elif column.type == "text":
            said = f"{field.value!r} is a text, which is evidence only"
            self.mistakes.add(field, said, "Measure a field that holds numbers.")
        elif column.type == "enum" and keep is not None and isinstance(keep.value, list):
            words = [each.value for each in keep.value]
            if not _OF_ANY_TYPE.issuperset(words):
                said = f"the values of {field.value!r} cannot be reckoned with"
                self.mistakes.add(keep, said, "Keep [last] or [count] of an enum.")

    def position(self, at: Located) -> None:
        """A stream that says where its devices are."""
        stream, named = self.stream(at), _below(at, "stream")
        if stream is not None and named is not None and stream.position is None:
            said = f"the stream {stream.name!r} has no position"
            self.mistakes.add(named, said, "Declare `position: {latitude: …, longitude: …}` at the stream.")

    def stream(self, at: Located) -> Stream | None:
        """The stream that is named."""
        named = _below(at, "stream")
        if named is None or not isinstance(named.value, str) or not named.value:
            return None
        found = self.streams.get(named.value)
        if found is None and self.streams:
            said = f"there is no stream {named.value!r}"
            self.mistakes.add(named, said, did_you_mean(named.value, self.streams))
        return found


def _entries(at: Located | None, name: str) -> list[Located]:
    """The entries of the mapping under a field."""
    below = _below(at, name)
    return list(below.value.values()) if below is not None and isinstance(below.value, dict) else []


def _below(at: Located | None, name: str) -> Located | None:
    """A field of a mapping, if it is one."""
    return at.value.get(name) if at is not None and isinstance(at.value, dict) else None
