"""Checking a rule's own `tests:`; they are kept as plain data for the test runner.

A case is `{name, interval, start, given, readings, events, outcomes, expect}`. `given` may hold `device`
attributes, `profile` values, `roles` (role: customer), what is `open` (`kind:about`) and a `local_time` to begin
at; `expect` lists what comes, in order: `{at: 2m20s, raised: warning, do: [open_case, notify]}` or
`{at: 2m20s, refused: guard}`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, cast, get_args

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_duration, read_entries, read_items
from flows.rules.case import DEFAULT_INTERVAL, series_text
from flows.rules.expectations import ExpectationReader, Times
from flows.rules.model import Rule, actions_in
from flows.rules.series import Series, parse_series
from flows.schema import OutcomeStatus
from flows.stream_files import column_names
from flows.streams import Stream
from flows.zones import PROFILE_ZONE, zone_named

MAX_CASES = 100
STATUSES: tuple[str, ...] = get_args(OutcomeStatus)
_GIVEN = ("device", "profile", "roles", "open", "local_time")
_EVENT = ("at", "type", "subject", "id", "source", "data")
_OUTCOME = ("at", "action", "status", "reason", "reference")
_LOCAL_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d\Z")


class Subject(msgspec.Struct, frozen=True):
    """What the cases of one rule may speak of: the rule, its stream (None: events), the values of the profile."""

    rule: Rule
    stream: Stream | None
    profile: tuple[str, ...]


def read_cases(at: Located, subject: Subject, mistakes: Mistakes) -> tuple[dict[str, Any], ...]:
    """The cases as plain data, their shape checked and their names distinct."""
    found: list[dict[str, Any]] = []
    names: set[str] = set()
    # A rule that is wrong itself cannot say what its tests may expect.
    whole = all(finding.file != at.file for finding in mistakes.found)
    for item in read_items(at, mistakes, MAX_CASES):
        reader = _CaseReader(item, subject, mistakes, whole=whole)
        reader.check()
        name = reader.fields.text("name")
        if name in names:
            reader.fields.wrong("name", f"two tests are called {name!r}", "Name them apart.")
        names.add(name)
        if isinstance(item.value, dict):
            found.append(cast("dict[str, Any]", item.plain()))
    return tuple(found)


class _CaseReader:
    """Checks one case."""

    def __init__(self, at: Located, subject: Subject, mistakes: Mistakes, *, whole: bool) -> None:
        self.subject, self.mistakes, self.whole = subject, mistakes, whole
        needed = "events" if subject.stream is None else "readings"
        known = ("name", "interval", "start", "given", needed, "events", "outcomes", "expect")
        self.fields = Fields(at, mistakes, known)
        self.fields.require("name", needed)
        if "expect" not in self.fields.entries:
            self.fields.require("expect")

    def check(self) -> None:
        """Every field of the case."""
        before = len(self.mistakes.found)
        interval = self.fields.duration("interval", 1, DAY) or DEFAULT_INTERVAL
        self.start()
        if self.fields.has("given"):
            self.given(Fields(self.fields.entries["given"], self.mistakes, _GIVEN))
        series: list[Series] = []
        if self.fields.has("readings") and self.subject.stream is not None:
            series = self.readings(self.fields.entries["readings"], self.subject.stream, interval)
        events = [time for event in self.fields.items("events") if (time := self.event(event)) is not None]
        outcomes = [
            time for item in self.fields.items("outcomes") if (time := self.outcome(item)) is not None
        ]
        if not self.whole:
            return
        times = Times(
            max([0, *(each.end for each in series), *events, *outcomes]),
            frozenset(sample.offset for each in series for sample in each.samples),
            frozenset(events),
        )
        sent = times if len(self.mistakes.found) == before else None
        reader = ExpectationReader(self.subject.rule, sent, self.mistakes)
        for expected in self.fields.items("expect"):
            reader.expected(expected)

    def start(self) -> None:
        """The time of the first sample, with its zone."""
        text = self.fields.text("start")
        if not text:
            return
        try:
            zoned = datetime.fromisoformat(text).tzinfo is not None
        except ValueError:
            zoned = False
        if not zoned:
            self.fields.wrong("start", "not a time with a zone", "Write e.g. 2026-03-01T08:00:00Z.")

    def given(self, fields: Fields) -> None:
        """What holds before the first reading."""
        stream = self.subject.stream
        known = {
            "device": () if stream is None else tuple(field.name for field in stream.attributes),
            "profile": self.subject.profile,
        }
        for field, names in known.items():
            at = fields.get(field)
            for name, below in () if at is None else read_entries(at, self.mistakes).items():
                if name not in names and at is not None:
                    self.mistakes.add(at, f"{name!r} is not declared", did_you_mean(name, names), key=name)
                elif isinstance(below.value, dict | list):
                    self.mistakes.add(below, "one value is needed", "Write a number, a text or a truth.")
        if fields.has("roles"):
            read_entries(fields.entries["roles"], self.mistakes)
        for text in fields.texts("open"):
            if ":" not in text:
                fields.wrong(
                    "open", f"{text!r} does not say what is open", "Write kind:about, e.g. case:engine."
                )
        self.local_time(fields)

    def local_time(self, fields: Fields) -> None:
        """The time of day at which the case begins where the customer is."""
        if not fields.has("local_time"):
            return
        if not _LOCAL_TIME.match(str(fields.entries["local_time"].value)):
            fields.wrong("local_time", "not a time of day", 'Write e.g. "22:30".')
        elif self.fields.has("start"):
            fields.wrong("local_time", "the case has a `start` already", "Leave one of them away.")
        profile = fields.get("profile")
        zone = profile.value.get(PROFILE_ZONE) if profile and isinstance(profile.value, dict) else None
        if zone is not None and zone_named(str(zone.value)) is None:
            self.mistakes.add(zone, f"there is no zone {zone.value!r}", "Write e.g. Europe/Berlin.")

    def readings(self, at: Located, stream: Stream, interval: int) -> list[Series]:
        """One series a field."""
        found: list[Series] = []
        for name, below in read_entries(at, self.mistakes).items():
            field = stream.field(name)
            if field is None:
                hint = did_you_mean(name, [n for n in column_names(stream) if "." not in n])
                self.mistakes.add(at, f"the stream {stream.name!r} has no {name!r}", hint, key=name)
                continue
            try:
                found.append(parse_series(series_text(below.value), interval, field))
            except ValueError as error:
                self.mistakes.add(below, str(error), "See the notation of series in the documentation.")
        return found

    def event(self, at: Located) -> int | None:
        """One event, and its time."""
        fields = Fields(at, self.mistakes, _EVENT)
        for name in ("type", "subject", "id", "source"):
            fields.text(name)
        if self.subject.stream is not None:
            fields.require("type")
        if fields.has("data"):
            read_entries(fields.entries["data"], self.mistakes)
        return self.moment(fields)

    def outcome(self, at: Located) -> int | None:
        """What became of an action of the rule, and when."""
        fields = Fields(at, self.mistakes, _OUTCOME)
        fields.require("action", "status")
        every = {entry.name for listed in self.subject.rule.do.values() for entry in actions_in(listed)}
        if self.whole and fields.has("action"):
            fields.one_of("action", every, "")
        fields.one_of("status", STATUSES, "")
        for name in ("reason", "reference"):
            fields.text(name)
        return self.moment(fields)

    def moment(self, fields: Fields) -> int | None:
        """`at:`, as long after the start."""
        return read_duration(fields.entries["at"], self.mistakes, 0) if fields.require("at") else None
