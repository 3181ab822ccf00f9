"""The scanner, the slow decoder and Python's own JSON agree on whatever a device may send, and nothing raises."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.devices.decoder import Decoder
from flows.devices.scanner import BOOL, ENUM, FLOAT, INT, Scanner
from flows.devices.slow_decoder import decode_slowly
from flows.schema import encode
from flows.streams import MS_PER_UNIT, Field, Stream, TimeUnit
from tests.unit.devices.driving import RAISE_ALWAYS, Driven, Sets, raw_batch

bounded = settings(
    derandomize=True, max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
UNITS: tuple[TimeUnit, ...] = ("s", "ms", "us", "ns", "min", "h", "d")
FIELDS = (
    Field(name="f", type="float", low=-1e6, high=1e6),
    Field(name="i", type="int"),
    Field(name="b", type="bool"),
    Field(name="e", type="enum", values=("off", "on", "offen", "grün")),
)
_KINDS = {"float": FLOAT, "int": INT, "bool": BOOL, "enum": ENUM}


def stream_of(unit: TimeUnit) -> Stream:
    """One field of each kind."""
    return Stream(name="s", topic="telemetry", key="id", time="at", time_unit=unit, fields=FIELDS)


def scanner_of(unit: TimeUnit) -> Scanner:
    """The scanner as the decoder makes it."""
    factor = MS_PER_UNIT[unit]
    multiply, divide = (int(factor), 1) if factor >= 1 else (1, round(1 / factor))
    return Scanner("id", "at", [(f.name, _KINDS[f.type], f.values) for f in FIELDS], multiply, divide)


SCANNERS = {unit: scanner_of(unit) for unit in UNITS}

digits = st.text("0123456789", min_size=1, max_size=22)
numbers = st.one_of(
    st.integers(-(10**4), 10**4).map(str),
    st.integers().map(str),
    st.sampled_from(["0", "-0", "-0.0", "1e3", "1E-2", "1.5e400", "1" + "0" * 400, "9007199254740993", "01", "-", "1.", ".5", "+1",
                     "NaN", "Infinity", "-Infinity", "0.1", "123456789.123456789", "0.30000000000000004"]),
    st.tuples(digits, digits).map(".".join),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(['"a"', '"veh-1"', '""', '"on"', '"off"', '"grün"', '"offe"', '"o\\u006e"', '"\\ud800"']),
    st.just('"a\x01"'),
    st.text(max_size=8).map(json.dumps),
    st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.integers(250, 260).map(lambda n: '"' + "x" * n + '"'),
)  # fmt: skip
nested = st.sampled_from(["{}", "[]", '{"id":"z"}', "[1,[2]]", "[" * 2000, "[" * 2000 + "]" * 2000])
literals = st.sampled_from(["true", "false", "null", "tru", "nul", "True", "nulll"])
anything = st.one_of(numbers, texts, literals, nested)
times = st.one_of(
    st.integers(1, 10**19).map(str), st.sampled_from(["1700000000", "1700000000000", "1700000000000000000", "0", "-5", "1e305", "1.5e3", "1" + "0" * 400])
)  # fmt: skip
likely = {"id": texts, "at": times, "f": numbers, "i": numbers, "b": literals, "e": texts, "more": anything}
spaces = st.sampled_from(["", "", "", " ", "\n\t ", "\r"])


@st.composite
def members(draw: st.DrawFn) -> str:
    """One `name: value`, mostly of the kind that belongs there, names at times escaped or unknown."""
    name = draw(st.sampled_from(list(likely)))
    value = draw(likely[name]) if draw(st.integers(0, 9)) else draw(anything)
    spelled = draw(st.sampled_from([f'"{name}"'] * 8 + [f'"\\u{ord(name[0]):04x}{name[1:]}"', '"grün"']))
    return f"{draw(spaces)}{spelled}{draw(spaces)}:{draw(spaces)}{value}{draw(spaces)}"


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Something like a reading: usually whole, at times with repeated names, cut off or with a byte replaced."""
    inside = draw(st.lists(members(), max_size=6))
    if draw(st.integers(0, 5)):
        inside = [f'"id":{draw(texts)}', *inside, f'"at": {draw(times)}']
    value = (draw(spaces) + "{" + ",".join(inside) + "}" + draw(spaces)).encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 7)):
        case 0:
            return value[: draw(st.integers(0, len(value)))]
        case 1:
            at = draw(st.integers(0, len(value) - 1))
            return value[:at] + draw(st.binary(max_size=2)) + value[at + 1 :]
        case 2:
            return b"[" + b",".join([value] * draw(st.integers(0, 3))) + b"]"
        case _:
            return value


@bounded
@given(st.sampled_from(UNITS), st.lists(objects(), min_size=1, max_size=6))
def test_scanner_and_slow_decoder(unit: TimeUnit, values: list[bytes]) -> None:
    """Whatever the scanner takes, the slow decoder takes too, with the same device, time and values."""
    data = b"".join(values)
    ends = np.cumsum([len(v) for v in values]).astype(np.int64)
    rows = SCANNERS[unit].scan(np.frombuffer(data, np.uint8), ends)
    for r, value in enumerate(values):
        readings, refusals = decode_slowly(stream_of(unit), FIELDS, value, 1 << 20)
        if rows.ok[r]:
            assert refusals == []
            assert [one.device for one in readings] == [data[rows.low[r] : rows.high[r]]]
            assert readings[0].at == rows.at[r]
            np.testing.assert_array_equal(np.array(readings[0].values), rows.columns[:, r])


@bounded
@given(st.sampled_from(UNITS), st.lists(objects(), min_size=1, max_size=6))
def test_decoder_and_slow_decoder(unit: TimeUnit, values: list[bytes]) -> None:
    """A batch decodes to what its messages do one by one, and every message is a reading or has a reason."""
    found = Decoder(stream_of(unit), tuple(f.name for f in FIELDS), 4096).decode(raw_batch(values, 0))
    ids = [found.data[a:b].tobytes() for a, b in zip(found.low, found.high, strict=True)]
    told = list(zip(found.message.tolist(), ids, found.at.tolist(), strict=True))
    wanted = []
    refused = 0
    for message, value in enumerate(values):
        readings, refusals = decode_slowly(stream_of(unit), FIELDS, value, 4096)
        wanted += [(message, one.device, one.at) for one in readings]
        refused += len(refusals)
        reasons = {letter.reason for letter in found.dead if letter.offset == message}
        assert {refusal.reason for refusal in refusals} <= reasons
    assert told == wanted
    assert found.refused == refused


@bounded
@given(st.lists(objects(), min_size=1, max_size=6))
def test_alarms_of_odd_readings_can_be_sent(values: list[bytes]) -> None:
    """An alarm on any reading that was taken can be written to its topic, whatever else the reading says."""
    shard = Driven(stream_of("ms"), Sets(RAISE_ALWAYS))
    shard.send(values, 1 << 54)
    for alarm in shard.alarms:
        assert msgspec.json.decode(encode(alarm))["device"] == alarm.device


@pytest.mark.parametrize("unit", UNITS)
def test_time_units(unit: TimeUnit) -> None:
    """A whole number of each unit is the millisecond it falls in, by either way."""
    at = 1_699_920_000_000
    one = at * 10**6 // {"ns": 1, "us": 10**3, "ms": 10**6}.get(unit, int(MS_PER_UNIT[unit]) * 10**6)
    for text in (f"{one}", f"{one}.0", f"{one}e0"):
        value = b'{"id":"a","at":%s}' % text.encode()
        found = Decoder(stream_of(unit), (), 4096).decode(raw_batch([value], 0))
        assert found.at.tolist() == [at]


@settings(bounded, max_examples=200)
@given(st.integers(1, 4_000_000_000_000))
def test_fractions_of_a_second(at: int) -> None:
    """Seconds with three decimals are that millisecond, not the one before it."""
    value = b'{"id":"a","at":%d.%03d}' % (at // 1000, at % 1000)
    found = Decoder(stream_of("s"), (), 4096).decode(raw_batch([value], 0))
    assert found.at.tolist() == [at]


@settings(bounded, max_examples=200)
@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60), st.booleans()
)  # fmt: skip
def test_rfc3339(moment: datetime, offset: int, zulu: bool) -> None:
    """RFC 3339 times are UTC milliseconds, whatever their offset."""
    exact = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    sign, minutes = ("-" if offset < 0 else "+"), abs(offset)
    local = (exact + timedelta(minutes=offset)).strftime(
        "%Y-%m-%dT%H:%M:%S."
    ) + f"{exact.microsecond // 1000:03d}"
    text = (
        exact.isoformat().replace("+00:00", "Z")
        if zulu
        else f"{local}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    )
    value = encode({"id": "a", "at": text})
    found = Decoder(stream_of("rfc3339"), (), 4096).decode(raw_batch([value], 0))
    assert found.at.tolist() == [math.floor(exact.timestamp() * 1000 + 0.5)]


@pytest.mark.parametrize(
    "text", ["2024-01-01T00:00:00", "2024-01-01", "yesterday", "", "2024-13-01T00:00:00Z"]
)
def test_no_rfc3339(text: str) -> None:
    """A text that is no moment, or has no zone, is refused by name."""
    value = encode({"id": "a", "at": text})
    found = Decoder(stream_of("rfc3339"), (), 4096).decode(raw_batch([value], 0))
    assert [letter.reason for letter in found.dead] == ["wrong_type"]
