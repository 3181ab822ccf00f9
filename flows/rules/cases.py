"""Checking the shape of a rule's own `tests:`; they are kept as plain data for the test runner.

A case is `{name, interval, start, given, readings | events, expect}`. `given` may hold `device` attributes,
`profile` values, `roles` (role: customer) and what is `open` (`kind:about`); `expect` lists what comes, in
order: `{at: 2m20s, raised: warning, do: [open_case, notify]}` or `{at: 2m20s, refused: guard}`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_duration, read_entries, read_items
from flows.rules.actions import TRANSITIONS
from flows.rules.series import parse_series
from flows.stream_files import column_names
from flows.streams import Stream

REFUSALS = ("guard", "limit", "held", "too_late", "dry_run")
MAX_CASES = 100
DEFAULT_INTERVAL = 10_000


class Subject(msgspec.Struct, frozen=True):
    """What the cases of one rule may speak of: its stream (None: events), severities, actions, the profile."""

    stream: Stream | None
    severities: tuple[str, ...]
    actions: frozenset[str]
    profile: tuple[str, ...]


def read_cases(at: Located, subject: Subject, mistakes: Mistakes) -> tuple[dict[str, Any], ...]:
    """The cases as plain data, their shape checked and their names distinct."""
    found: list[dict[str, Any]] = []
    names: set[str] = set()
    for item in read_items(at, mistakes, MAX_CASES):
        reader = _CaseReader(item, subject, mistakes)
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

    def __init__(self, at: Located, subject: Subject, mistakes: Mistakes) -> None:
        self.at, self.subject, self.mistakes = at, subject, mistakes
        source = "events" if subject.stream is None else "readings"
        known = ("name", "interval", "start", "given", source, "expect")
        self.fields = Fields(at, mistakes, known, ("outcomes",))
        self.fields.require("name", source)
        if "expect" not in self.fields.entries:
            self.fields.require("expect")

    def check(self) -> None:
        """Every field of the case."""
        interval = self.fields.duration("interval", 1, DAY) or DEFAULT_INTERVAL
        self.start()
        if self.fields.has("given"):
            self.given(Fields(self.fields.entries["given"], self.mistakes, *_GIVEN))
        if self.fields.has("readings") and self.subject.stream is not None:
            self.readings(self.fields.entries["readings"], self.subject.stream, interval)
        for event in self.fields.items("events"):
            fields = Fields(event, self.mistakes, ("at", "type", "subject", "id", "source", "data"))
            self.moment(fields)
            if fields.has("data"):
                read_entries(fields.entries["data"], self.mistakes)
        for expected in self.fields.items("expect"):
            self.expected(expected)

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
            for name in () if at is None else read_entries(at, self.mistakes):
                if name not in names and at is not None:
                    self.mistakes.add(at, f"{name!r} is not declared", did_you_mean(name, names), key=name)
        if fields.has("roles"):
            read_entries(fields.entries["roles"], self.mistakes)
        for text in fields.texts("open"):
            if ":" not in text:
                fields.wrong(
                    "open", f"{text!r} does not say what is open", "Write kind:about, e.g. case:engine."
                )

    def readings(self, at: Located, stream: Stream, interval: int) -> None:
        """One series a field."""
        for name, below in read_entries(at, self.mistakes).items():
            field = stream.field(name)
            if field is None:
                hint = did_you_mean(name, [n for n in column_names(stream) if "." not in n])
                self.mistakes.add(at, f"the stream {stream.name!r} has no {name!r}", hint, key=name)
                continue
            try:
                parse_series(series_text(below.value), interval, field)
            except ValueError as error:
                self.mistakes.add(below, str(error), "See the notation of series in the documentation.")

    def expected(self, at: Located) -> None:
        """One transition or refusal, when it comes and what it does."""
        fields = Fields(at, self.mistakes, ("at", "do", "refused", "device", *TRANSITIONS))
        self.moment(fields)
        given = [name for name in TRANSITIONS if name in fields.entries]
        if self.subject.stream is None and given:
            fields.wrong(given[0], "a rule on events has no transitions", "Write `do: [...]` or `refused:`.")
        elif self.subject.stream is not None and len(given) != 1:
            hint = f"Write one of {', '.join(TRANSITIONS)}."
            self.mistakes.add(at, "one transition is needed", hint)
        for name in given:
            self.severity(fields, name)
        for name in fields.texts("do"):
            if name not in self.subject.actions:
                fields.wrong(
                    "do", f"the rule has no action {name!r}", did_you_mean(name, self.subject.actions)
                )
        fields.one_of("refused", REFUSALS, "")

    def severity(self, fields: Fields, transition: str) -> None:
        """The severity after a transition, or `true` where the rule has none or does not matter."""
        value = fields.entries[transition].value
        if value is not True and value not in self.subject.severities:
            hint = did_you_mean(str(value), self.subject.severities) if self.subject.severities else ""
            fields.wrong(transition, f"no severity {value!r}", hint or "The rule has none: write `true`.")

    def moment(self, fields: Fields) -> None:
        """`at:`, as long after the start."""
        if fields.require("at"):
            read_duration(fields.entries["at"], self.mistakes, 0)


_GIVEN = (("device", "profile", "roles", "open"), ("local_time",))


def series_text(value: object) -> str:
    """What a test writes for one field as the text of a series; a single value is a series of one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
