"""One test of a rule as the player takes it: what is given, sent and expected, with times in ms after its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, tzinfo
from typing import Any, cast

import msgspec

from flows.durations import parse_duration
from flows.rules.action_kinds import TRANSITIONS
from flows.rules.series import parse_series
from flows.schema import OutcomeStatus, Transition, Value
from flows.streams import Stream
from flows.zones import PROFILE_ZONE, zone_named

START = round(datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp() * 1000)
"""The time (ms) of the first sample of a case that names none."""
DEFAULT_INTERVAL = 10_000
DEFAULT_ZONE = "UTC"
UNKNOWN = "unknown"
"""What a test writes for a look-up that nobody answers."""
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What holds before the first reading.

    `roles` are customers by role, `open` is `kind:about` each, `zone` that of a customer whose profile tells none,
    `quiet` are purposes that rest. `look_ups` are the answers that come at once, by the name of the question; one that
    is None, or not there, comes to nothing and is unknown once its time is over.
    """

    device: dict[str, Value] = {}
    profile: dict[str, Value] = {}
    roles: dict[str, str] = {}
    open: tuple[str, ...] = ()
    zone: str | None = None
    stage: str | None = None
    quiet: tuple[str, ...] = ()
    consents: dict[str, bool] = {}
    look_ups: dict[str, dict[str, Value] | None] = {}


class Reading(msgspec.Struct, frozen=True):
    """One reading of the device, `offset` ms after the start; a field without a value is missing."""

    offset: int
    values: dict[str, Value]


class CaseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event, `offset` ms after the start; an empty `subject` is the device, an empty `type` the rule's."""

    offset: int
    type: str = ""
    subject: str = ""
    id: str = ""
    source: str = "test"
    data: dict[str, Any] = {}


class CaseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last action of this name, `offset` ms after the start; one with a `result` was accepted."""

    offset: int
    action: str
    status: OutcomeStatus = "accepted"
    reason: str | None = None
    reference: str | None = None
    result: str | None = None
    data: dict[str, Any] = {}


class ExpectedAction(msgspec.Struct, frozen=True):
    """An action by its name, and the parameters it must have among others."""

    name: str
    parameters: dict[str, str] = {}


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen, `at` ms after the start; None is not looked at, `place` is where it stands in the list.

    `released` is the name of the suppression that ends.
    """

    at: int
    transition: Transition | None = None
    severity: str | None = None
    do: tuple[ExpectedAction, ...] | None = None
    refused: str | None = None
    released: str | None = None
    place: int = 0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a rule; `start` is ms since the epoch, `end` the ms after it up to which something is sent.

    `until` (≥ `end`) are the ms up to which what comes by time alone is waited for.
    """

    name: str
    start: int
    end: int
    until: int = 0
    given: Given
    readings: tuple[Reading, ...] = ()
    events: tuple[CaseEvent, ...] = ()
    outcomes: tuple[CaseOutcome, ...] = ()
    expect: tuple[Expectation, ...] = ()


def read_case(plain: Mapping[str, Any], stream: Stream | None) -> Case:
    """A case of plain data as `cases` has checked it; `stream` None is of a rule on events."""
    interval = parse_duration(str(plain.get("interval", ""))) or DEFAULT_INTERVAL
    readings, end = ((), 0) if stream is None else _readings(plain.get("readings") or {}, interval, stream)
    events = tuple(_event(found) for found in plain.get("events") or ())
    outcomes = tuple(_outcome(found) for found in plain.get("outcomes") or ())
    expect = tuple(_expectation(found, i) for i, found in enumerate(plain.get("expect") or ()))
    end = max([end, *(event.offset for event in events), *(outcome.offset for outcome in outcomes)])
    given: dict[str, Any] = plain.get("given") or {}
    return Case(
        name=str(plain.get("name", "")),
        start=_start(plain.get("start"), given),
        end=end,
        until=max([end, *(each.at for each in expect)]),
        given=_given(given),
        readings=readings,
        events=events,
        outcomes=outcomes,
        expect=expect,
    )


def series_text(value: object) -> str:
    """What a test writes for one field as the text of a series; a single value is a series of one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def exact(ms: int) -> str:
    """Milliseconds in all their units: `1h2m20s`."""
    shown, left = "", ms
    for unit, size in _UNITS:
        if left >= size:
            shown += f"{left // size}{unit}"
            left %= size
    return shown or "0s"


def _start(text: object, given: Mapping[str, Any]) -> int:
    """The time that is written, the usual day at the local time that is written, or the usual time."""
    if text is not None:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
    if given.get("local_time") is None:
        return START
    day = datetime.fromtimestamp(START / 1000, UTC).date()
    profile: dict[str, Any] = given.get("profile") or {}
    zone: tzinfo = zone_named(str(profile.get(PROFILE_ZONE) or DEFAULT_ZONE)) or UTC
    clock = time.fromisoformat(str(given["local_time"]))
    return round(datetime.combine(day, clock, zone).timestamp() * 1000)


def _given(plain: Mapping[str, Any]) -> Given:
    roles: dict[str, Any] = plain.get("roles") or {}
    look_ups: dict[str, Any] = plain.get("look_ups") or {}
    return Given(
        device=plain.get("device") or {},
        profile=plain.get("profile") or {},
        roles={role: str(who) for role, who in roles.items()},
        open=tuple(plain.get("open") or ()),
        zone=None if plain.get("local_time") is None else DEFAULT_ZONE,
        stage=plain.get("stage"),
        quiet=tuple(plain.get("quiet") or ()),
        consents=plain.get("consents") or {},
        look_ups={name: None if said == UNKNOWN else dict(said) for name, said in look_ups.items()},
    )


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
    return CaseEvent(offset=_at(plain), data=plain.get("data") or {}, **texts)


def _outcome(plain: Mapping[str, Any]) -> CaseOutcome:
    return CaseOutcome(
        offset=_at(plain),
        action=str(plain["action"]),
        status=plain.get("status") or "accepted",
        reason=plain.get("reason"),
        reference=plain.get("reference"),
        result=plain.get("result"),
        data=plain.get("data") or {},
    )


def _expectation(plain: Mapping[str, Any], place: int) -> Expectation:
    transition: Transition | None = None
    for name in TRANSITIONS:
        transition = name if name in plain else transition
    severity = None if transition is None else plain[transition]
    return Expectation(
        at=_at(plain),
        transition=transition,
        severity=severity if isinstance(severity, str) else None,
        do=_actions(plain["do"]) if "do" in plain else None,
        refused=plain.get("refused"),
        released=plain.get("released"),
        place=place,
    )


def _actions(do: Sequence[object] | None) -> tuple[ExpectedAction, ...]:
    """`[open_case, {notify: {to: driver}}]`."""
    found: list[ExpectedAction] = []
    for each in do or ():
        if isinstance(each, Mapping):
            entries = cast("Mapping[str, Mapping[str, str] | None]", each).items()
            found += [ExpectedAction(name, dict(parameters or {})) for name, parameters in entries]
        else:
            found.append(ExpectedAction(str(each)))
    return tuple(found)


def _at(plain: Mapping[str, Any]) -> int:
    return parse_duration(str(plain["at"])) or 0
