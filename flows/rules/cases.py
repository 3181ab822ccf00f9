"""Checking a rule's own `tests:`; they are kept as plain data for the test runner.

A case is `{name, interval, start, given, readings, events, outcomes, expect}`. `given` may hold `device`
attributes, `profile` values, a `stage`, `roles` (role: customer), what is `open` (`kind:about`), which purposes are
`quiet`, `consents` (purpose: truth), the answers of `look_ups` (name: {field: value}, or `unknown`) and a `local_time`
to begin at; `expect` lists what comes, in order: `{at: 2m20s, raised: warning, do: [open_case, notify]}`,
`{at: 2m20s, refused: guard}` or, when a suppression ends, `{at: 180d, released: suppress}`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast, get_args

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_duration, read_entries, read_items
from flows.rules.case import DEFAULT_INTERVAL, series_text
from flows.rules.expectations import ExpectationReader, Times
from flows.rules.given import GivenReader
from flows.rules.sequences import check_event
from flows.rules.series import Series, parse_series
from flows.rules.subject import Subject
from flows.schema import OutcomeStatus
from flows.stream_files import DASHED_NAME, column_names
from flows.streams import Stream

MAX_CASES = 100
STATUSES: tuple[str, ...] = get_args(OutcomeStatus)
_EVENT = ("at", "type", "subject", "id", "source", "data")
_OUTCOME = ("at", "action", "status", "result", "reason", "reference", "data")


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
            at = self.fields.entries["given"]
            GivenReader(at, self.fields, self.subject, self.mistakes).check()
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
        reader = ExpectationReader(self.subject, sent, self.mistakes)
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
        if self.subject.rule.event is None:
            fields.require("type")
        check_event(fields, "type", self.subject.events)
        if fields.has("data"):
            read_entries(fields.entries["data"], self.mistakes)
        return self.moment(fields)

    def outcome(self, at: Located) -> int | None:
        """What became of an action of the rule, and when."""
        fields = Fields(at, self.mistakes, _OUTCOME)
        fields.require("action") if fields.has("result") else fields.require("action", "status")
        if self.whole and fields.has("action"):
            fields.one_of("action", {action.name for action in self.subject.actions()}, "")
        fields.one_of("status", STATUSES, "")
        for name in ("reason", "reference"):
            fields.text(name)
        result = fields.text("result")
        if result and not DASHED_NAME.match(result):
            fields.wrong("result", f"{result!r} is no result", "For example booked or resolved.")
        if fields.has("data"):
            read_entries(fields.entries["data"], self.mistakes)
        return self.moment(fields)

    def moment(self, fields: Fields) -> int | None:
        """`at:`, as long after the start."""
        return read_duration(fields.entries["at"], self.mistakes, 0) if fields.require("at") else None
