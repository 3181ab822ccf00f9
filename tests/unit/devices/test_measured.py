"""Stream aggregates: what a shard tells once a window is what a slow reading of all readings says, told once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.devices.shard import Shard
from flows.expressions import parse
from flows.moments import moment
from flows.rules.model import Measure, Rule, StreamAggregate, StreamPosition, Window
from flows.schema import Event
from flows.streams import Field, Position, Stream
from tests.unit.devices.driving import Driven, Sets
from tests.unit.devices.oracle import Oracle, Sent
from tests.unit.devices.oracle_episodes import Follower
from tests.unit.devices.series import (
    SECOND,
    START,
    absences,
    narrow_series,
    narrow_streams,
    readings_of,
    series,
    stream_of,
    streams,
)

MINUTE, HOUR = 60_000, 3_600_000
MEASURES: tuple[Measure, ...] = get_args(Measure)
bounded = settings(
    derandomize=True, max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def pieces(readings: list[Sent], seed: int) -> list[list[Sent]]:
    """Readings cut at random places, often into single ones."""
    cuts = sorted({0, len(readings), *((seed >> i) % len(readings) for i in range(0, 60, 3))})
    return [readings[a:b] for a, b in pairwise(cuts)]


def aggregate(every: int, field: str = "heat", name: str = "hot") -> StreamAggregate:
    """All measures of a field."""
    return StreamAggregate(name=name, stream="machine", field=field, every=every, keep=MEASURES)


def driven(stream: Stream, *aggregates: StreamAggregate, rules: tuple[Rule, ...] = ()) -> Driven:
    """A shard with stream aggregates."""
    return Driven(stream, Sets(*rules, measured=aggregates))


class Watching(Follower):
    """Notes every window that closes, and knows nothing of episodes."""

    def __init__(self, device: str, rule: Rule, told: list[tuple[str, str, int, float | None]]) -> None:
        super().__init__(device, rule, [])
        self.told = told

    def closed(self, window: Any, end: int, n: int, value: float | None, device: Any) -> None:  # noqa: ARG002
        """One window, unless nothing is known of it."""
        if n:
            self.told.append((self.device, self.rule.name, end, value))


class SlowShard(Oracle):
    """The written semantics of windows, one rule a measure."""

    def __init__(self, stream: Stream, every: int, field: str) -> None:
        rules = [
            Rule(
                name=measure,
                stream="machine",
                patterns=(
                    Window(length=every, every=every, measure=measure, field=field, of=parse("value > 0")),
                ),
            )
            for measure in MEASURES
        ]
        super().__init__(stream, rules)
        self.told: list[tuple[str, str, int, float | None]] = []

    def follower(self, device: str, rule: Rule) -> Follower:
        """A follower that only notes."""
        return self.followers.setdefault((device, rule.name), Watching(device, rule, self.told))


def slowly(
    stream: Stream, every: int, field: str, readings: list[Sent]
) -> dict[tuple[str, int], dict[str, Any]]:
    """What the slow shard says of each window, by device and end."""
    slow = SlowShard(stream, every, field)
    for sent in readings:
        slow.read(sent)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for device, measure, end, value in slow.told:
        found.setdefault((device, end), {})[measure] = value
    return found


def agree(stream: Stream, every: int, readings: list[Sent]) -> None:
    """A shard tells of the same windows the same, each once."""
    shard = driven(stream, aggregate(every))
    shard.read(readings)
    ends = {(e.subject.removeprefix("device:"), end_of(e)): e.data for e in shard.events}
    assert len(ends) == len(shard.events) == len({event.id for event in shard.events})
    wanted = slowly(stream, every, "heat", readings)
    assert ends.keys() == wanted.keys()
    for window, data in wanted.items():
        assert known(ends[window]) == pytest.approx(known(data), rel=1e-9, abs=1e-9)


def known(data: dict[str, Any]) -> dict[str, float]:
    """The measures; one that is unknown as a number that none is."""
    return {measure: -1e99 if value is None else value for measure, value in data.items()}


def end_of(event: Event) -> int:
    """The end of a window, ms."""
    return moment(event.time, "rfc3339", "UTC")


@pytest.mark.slow
@bounded
@given(streams, st.sampled_from([10, 60, 600]), series())
def test_a_window_is_told_as_a_slow_reading_of_all_readings_says(
    stream: Stream, every: int, readings: list[Sent]
) -> None:
    """Every measure of every window that is over, with late readings as far as they count, and each once."""
    agree(stream, every * SECOND, readings)


@pytest.mark.slow
@bounded
@given(narrow_streams, st.sampled_from([10, 60]), narrow_series(80))
def test_so_it_is_of_a_narrow_stream(stream: Stream, every: int, readings: list[Sent]) -> None:
    """Of which a message holds one measurement."""
    agree(stream, every * SECOND, readings)


@pytest.mark.slow
@bounded
@given(streams, absences, series(), st.integers(0, 1 << 62), st.integers(0, 1 << 20))
def test_cuts_and_restarts_change_nothing_of_what_is_told(
    stream: Stream, absence: Rule, readings: list[Sent], cuts: int, restarts: int
) -> None:
    """One batch, or many with restarts from snapshots between: the same events, ids and all, in one order."""
    several = (aggregate(30 * SECOND), aggregate(60 * SECOND, "load", "loaded"))
    whole = driven(stream, *several, rules=(absence,))
    whole.read(readings)
    cut = driven(stream, *several, rules=(absence,))
    for i, piece in enumerate(pieces(readings, cuts)):
        cut.read(piece)
        if restarts >> i & 1:
            cut.restart()
    assert cut.events == whole.events
    assert cut.alarms == whole.alarms


def sent(device: str, seconds: float, heat: float | None = 1.0, appended: float | None = None) -> Sent:
    """A reading so many seconds after the beginning of an hour."""
    at = START // HOUR * HOUR + int(seconds * SECOND)
    came = at if appended is None else START // HOUR * HOUR + int(appended * SECOND)
    return Sent(device, at, came, {"heat": heat, "load": None})


def test_a_window_is_told_at_the_first_reading_after_its_end() -> None:
    """As an event of its end about the device, from the stream; hours without readings are not told of."""
    shard = driven(stream_of(), aggregate(HOUR))
    shard.read([sent("a", 0, 90), sent("a", 1800, 92), sent("a", 3599, 94)])
    assert shard.events == []
    shard.read([sent("a", 7300, 50)])
    (told,) = shard.events
    assert (told.type, told.source, told.subject) == ("telltale.measured.hot", "telltale/machine", "device:a")
    assert told.time == "2023-11-14T23:00:00.000Z"
    slope = told.data.pop("slope")
    assert told.data == {"count": 3, "sum": 276, "mean": 92, "min": 90, "max": 94, "last": 94}
    assert slope == pytest.approx(4, rel=1e-3)


def test_the_last_window_of_a_quiet_device_ends_by_the_clock_of_the_shard() -> None:
    """Others go on, and it is told without a reading of its own."""
    shard = driven(stream_of(), aggregate(HOUR))
    shard.read([sent("a", 10), *(sent("b", 60 * i) for i in range(62))])
    assert [event.subject for event in shard.events] == ["device:b", "device:a"]


def test_another_rule_set_keeps_windows_under_way_that_mean_the_same() -> None:
    """Other measures of it may be kept; another length, or field, begins anew, and what is gone tells nothing."""
    sets = Sets(measured=(aggregate(HOUR), aggregate(HOUR, "load", "loaded")))
    shard = Driven(stream_of(), sets)
    shard.read([Sent("a", sent("a", 0).at, sent("a", 0).at, {"heat": 90.0, "load": 5.0})])
    only = msgspec.structs.replace(aggregate(HOUR), keep=("max",))
    sets.publish(measured=(only, aggregate(MINUTE, "load", "loaded")))
    shard.epoch()
    shard.read([sent("a", 20, 80), sent("a", 3700, 70)])
    assert [(event.type, event.data) for event in shard.events] == [("telltale.measured.hot", {"max": 90})]
    sets.publish()
    shard.epoch()
    shard.read([sent("a", 8000)])
    assert len(shard.events) == 1


def test_without_aggregates_nothing_is_kept_or_told() -> None:
    """A shard costs what it did."""
    plain, other = (
        driven(stream_of()),
        driven(stream_of(), msgspec.structs.replace(aggregate(HOUR), stream="x")),
    )
    for shard in (plain, other):
        shard.read(readings_of(1, 100))
        assert shard.events == []
    assert plain.shard.nbytes() == other.shard.nbytes()
    assert plain.shard.snapshot() == other.shard.snapshot()


def test_a_snapshot_of_before_stream_aggregates_is_read() -> None:
    """It ends before them; what is declared since begins with the next reading."""
    shard = driven(stream_of(), aggregate(HOUR))
    shard.read([sent("a", 0, 90)])
    state = msgspec.msgpack.decode(shard.shard.snapshot())
    shard.shard = Shard(shard.place, shard.sets, msgspec.msgpack.encode([2, *state[1:-1]]))
    shard.read([sent("a", 20, 80), sent("a", 3700)])
    assert [event.data["count"] for event in shard.events] == [1]


def test_an_enum_a_truth_and_a_whole_number_are_told_as_what_they_are() -> None:
    """By their names, not by their places in a column."""
    stream = Stream(
        name="machine",
        topic="telemetry",
        key="device",
        time="at",
        fields=(
            Field(name="gear", type="enum", values=("park", "drive")),
            Field(name="open", type="bool"),
            Field(name="load", type="int"),
        ),
    )
    shard = Driven(
        stream,
        Sets(
            measured=tuple(
                StreamAggregate(name=name, stream="machine", field=name, every=HOUR, keep=("last",))
                for name in ("gear", "open", "load")
            )
        ),
    )
    at = START // HOUR * HOUR
    shard.send(
        [
            b'{"device":"a","at":%d,"gear":"drive","open":true,"load":7}' % at,
            b'{"device":"a","at":%d}' % (at + HOUR),
        ],
        at + HOUR,
    )
    assert [event.data["last"] for event in shard.events] == ["drive", True, 7]


def test_where_a_device_is_is_told_as_one_event() -> None:
    """Latitude and longitude of the same reading; one without the other is not known."""
    stream = Stream(
        name="machine",
        topic="telemetry",
        key="device",
        time="at",
        fields=(
            Field(name="latitude", type="float", low=-90, high=90, source="lat"),
            Field(name="longitude", type="float", low=-180, high=180, source="lon"),
        ),
        position=Position("lat", "lon"),
    )
    shard = Driven(stream, Sets(position=StreamPosition(stream="machine", every=HOUR)))
    at = START // HOUR * HOUR
    where = [(at, 52.5, 13.4), (at + 5, 52.6, 13.5), (at + 9, 52.7, None), (at + HOUR, 1, 1)]
    shard.send(
        [msgspec.json.encode({"device": "a", "at": t, "lat": lat, "lon": lon}) for t, lat, lon in where],
        at + HOUR,
    )
    (told,) = shard.events
    assert (told.type, told.data) == (
        "telltale.measured.position",
        {"latitude": 52.6, "longitude": 13.5},
    )
