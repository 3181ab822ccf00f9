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
from flows.devices.scanner import Scanner
from flows.devices.slow_decoder import decode_slowly
from flows.schema import encode
from flows.streams import MS_PER_UNIT, Field, Stream, TimeUnit
from tests.unit.devices.driving import RAISE_ALWAYS, Driven, Sets, raw_batch
from tests.unit.devices.messages import messages

bounded = settings(
    derandomize=True, max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
UNITS: tuple[TimeUnit, ...] = ("s", "ms", "us", "ns", "min", "h", "d")
FIELDS = (
    Field(name="f", type="float", low=-1e6, high=1e6),
    Field(name="i", type="int"),
    Field(name="b", type="bool"),
    Field(name="e", type="enum", values=("off", "on", "offen", "grün")),
)


def stream_of(unit: TimeUnit) -> Stream:
    """One field of each kind."""
    return Stream(name="s", topic="telemetry", key="id", time="at", time_unit=unit, fields=FIELDS)


SCANNERS = {unit: Scanner(stream_of(unit), FIELDS) for unit in UNITS}

batches = st.builds(messages, st.integers(0, 1 << 32), st.integers(1, 40))


@bounded
@given(st.sampled_from(UNITS), batches)
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
            said = json.loads(value).get("f")
            assert said == rows.columns[0, r] or (said is None and math.isnan(rows.columns[0, r]))


@bounded
@given(st.sampled_from(UNITS), batches)
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
@given(batches)
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
