"""A rule's own `tests`: what each gives, what it expects, and whether that is what happened.

Who plays a case is handed in (`flows.backtest` does it with the objects of both flows), so that nothing here knows
how alarms or decisions are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from flows.documents import Mistakes, read_file
from flows.durations import parse_duration
from flows.rules.actions import TRANSITIONS
from flows.rules.cases import DEFAULT_INTERVAL, series_text
from flows.rules.model import Rule
from flows.rules.series import parse_series
from flows.schema import Transition, Value
from flows.streams import Stream

START = round(datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp() * 1000)
"""The time (ms) of the first sample of a case that names none."""
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What holds before the first reading; `roles` are customers by role, `open` is `kind:about` each."""

    device: dict[str, Value] = {}
    profile: dict[str, Value] = {}
    roles: dict[str, str] = {}
    open: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True):
    """One reading of the device, `offset` ms after the start; a field without a value is missing."""

    offset: int
    values: dict[str, Value]


class CaseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event, `offset` ms after the start; an empty `subject` is the device."""

    offset: int
    type: str
    subject: str = ""
    id: str = ""
    source: str = "test"
    data: dict[str, Any] = {}


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen, `at` ms after the start; None is not looked at, `place` is where it stands in the list."""

    at: int
    transition: Transition | None = None
    severity: str | None = None
    do: tuple[str, ...] | None = None
    refused: str | None = None
    place: int = 0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a rule; `start` is ms since the epoch, `end` the ms after it up to which is watched."""

    name: str
    start: int
    end: int
    given: Given
    readings: tuple[Reading, ...] = ()
    events: tuple[CaseEvent, ...] = ()
    expect: tuple[Expectation, ...] = ()


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A transition (None for an event) and what was done at it, `at` ms after the start; `refused` is why not."""

    at: int
    transition: Transition | None = None
    severity: str | None = None
    do: tuple[str, ...] = ()
    refused: str | None = None


class Played(msgspec.Struct, frozen=True):
    """What happened in order, and readings of the test that could not be read, each with the reason."""

    happened: tuple[Happened, ...]
    unreadable: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one case: what did not happen though expected, and what happened though not expected."""

    rule: str
    file: str
    case: str
    missing: tuple[Expectation, ...] = ()
    unexpected: tuple[Happened, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not (self.missing or self.unexpected or self.unreadable)


class Player(Protocol):
    """Plays a case of a rule."""

    def play(self, rule: Rule, case: Case) -> Played:
        """What happens to the case's device under this rule alone."""
        ...


def read_case(plain: Mapping[str, Any], stream: Stream | None) -> Case:
    """A case of plain data as `cases` has checked it; `stream` None is of a rule on events."""
    interval = parse_duration(str(plain.get("interval", ""))) or DEFAULT_INTERVAL
    given: dict[str, Any] = plain.get("given") or {}
    roles: dict[str, Any] = given.get("roles") or {}
    readings, end = ((), 0) if stream is None else _readings(plain.get("readings") or {}, interval, stream)
    events = tuple(_event(found) for found in plain.get("events") or ())
    return Case(
        name=str(plain.get("name", "")),
        start=_start(plain.get("start")),
        end=max([end, *(event.offset for event in events)]),
        given=Given(
            device=given.get("device") or {},
            profile=given.get("profile") or {},
            roles={role: str(who) for role, who in roles.items()},
            open=tuple(given.get("open") or ()),
        ),
        readings=readings,
        events=events,
        expect=tuple(_expectation(found, i) for i, found in enumerate(plain.get("expect") or ())),
    )


def judge(rule: Rule, case: Case, played: Played) -> Result:
    """Pair each expectation with one thing that happened; whatever is left on either side is wrong."""
    left = list(played.happened)
    missing: list[Expectation] = []
    for expected in case.expect:
        match = next((found for found in left if _fits(expected, found)), None)
        if match is None:
            missing.append(expected)
        else:
            left.remove(match)
    return Result(
        rule=rule.name,
        file=rule.file,
        case=case.name,
        missing=tuple(missing),
        unexpected=tuple(left),
        unreadable=played.unreadable,
    )


def run_tests(rules: Iterable[Rule], streams: Mapping[str, Stream], player: Player) -> list[Result]:
    """Every case of every rule, in order."""
    results: list[Result] = []
    for rule in rules:
        stream = None if rule.stream is None else streams[rule.stream]
        for plain in rule.tests:
            case = read_case(plain, stream)
            results.append(judge(rule, case, player.play(rule, case)))
    return results


def line_of(result: Result) -> int:
    """The line of a case in its rule's file, 0 when the file is not there any more."""
    document = read_file(Path(result.file), result.file, Mistakes())
    entries = None if document is None or not isinstance(document.value, dict) else document.value
    tests = None if entries is None else entries.get("tests")
    for at in tests.value if tests is not None and isinstance(tests.value, list) else ():
        named = at.value.get("name") if isinstance(at.value, dict) else None
        if named is not None and named.value == result.case:
            return at.line
    return 0


def told(found: Expectation | Happened) -> str:
    """One line in the words of the tests: `2m20s raised: warning, do: [open_case, notify]`."""
    parts: list[str] = []
    if found.transition is not None:
        parts.append(f"{found.transition}: {found.severity or 'true'}")
    if found.do is not None and (found.do or found.refused is None):
        parts.append(f"do: [{', '.join(found.do)}]")
    if found.refused is not None:
        parts.append(f"refused: {found.refused}")
    return f"{exact(found.at)} {', '.join(parts)}"


def exact(ms: int) -> str:
    """Milliseconds in all their units: `1h2m20s`."""
    shown, left = "", ms
    for unit, size in _UNITS:
        if left >= size:
            shown += f"{left // size}{unit}"
            left %= size
    return shown or "0s"


def _fits(expected: Expectation, found: Happened) -> bool:
    """Whether something that happened is what was expected, as far as the expectation says."""
    return (
        expected.at == found.at
        and expected.transition == found.transition
        and expected.severity in (None, found.severity)
        and (expected.do is None or sorted(expected.do) == sorted(found.do))
        and expected.refused in (None, found.refused)
    )


def _start(text: object) -> int:
    return START if text is None else round(datetime.fromisoformat(str(text)).timestamp() * 1000)


def _readings(plain: Mapping[str, Any], interval: int, stream: Stream) -> tuple[tuple[Reading, ...], int]:
    """The series of all fields laid beside each other, and where the longest ends."""
    by_offset: dict[int, dict[str, Value]] = {}
    end = 0
    for name, text in plain.items():
        series = parse_series(series_text(text), interval, stream.field(name))
        end = max(end, series.end)
        for sample in series.samples:
            values = by_offset.setdefault(sample.offset, {})
            if sample.value is not None:
                values[name] = sample.value
    return tuple(Reading(offset, by_offset[offset]) for offset in sorted(by_offset)), end


def _event(plain: Mapping[str, Any]) -> CaseEvent:
    texts = {name: str(plain[name]) for name in ("type", "subject", "id", "source") if name in plain}
    return CaseEvent(offset=parse_duration(str(plain["at"])) or 0, data=plain.get("data") or {}, **texts)


def _expectation(plain: Mapping[str, Any], place: int) -> Expectation:
    transition: Transition | None = None
    for name in TRANSITIONS:
        transition = name if name in plain else transition
    severity = None if transition is None else plain[transition]
    return Expectation(
        at=parse_duration(str(plain["at"])) or 0,
        transition=transition,
        severity=severity if isinstance(severity, str) else None,
        do=_names(plain["do"]) if "do" in plain else None,
        refused=plain.get("refused"),
        place=place,
    )


def _names(do: Sequence[str] | str | None) -> tuple[str, ...]:
    return (do,) if isinstance(do, str) else tuple(do or ())
