"""Paths, scales, positions, one device, narrow messages: scanner, slow decoder and plain Python agree."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.devices.decoder import Decoder, Readings
from flows.devices.scanner import Scanner
from flows.devices.slow_decoder import decode_slowly
from flows.schema import encode
from flows.streams import Field, Stream
from tests.unit.devices.driving import raw_batch
from tests.unit.devices.nested_messages import NARROW, NESTED, OFFICE, STREAMS, messages

bounded = settings(
    derandomize=True, max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
names = st.sampled_from(sorted(STREAMS))
seeds = st.integers(0, 1 << 32)
FIELDS = {name: tuple(f for f in stream.fields if f.type != "text") for name, stream in STREAMS.items()}
SCANNERS = {name: Scanner(stream, FIELDS[name]) for name, stream in STREAMS.items()}


def at_path(said: dict[str, Any], path: str) -> Any:
    """The nested value, else the key that is the path as a whole."""
    found: Any = said
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            return said.get(path)
        found = found[part]
    return found


def plainly(stream: Stream, field: Field, said: dict[str, Any]) -> Any:
    """What Python's own JSON says of a field."""
    if field.derived:
        return None
    if stream.shape == "narrow":
        return at_path(said, stream.value) if at_path(said, stream.metric) == field.path else None
    return at_path(said, field.path)


def expected(stream: Stream, field: Field, said: dict[str, Any]) -> float:
    """The number that conditions see of it, for a value that fits."""
    value = plainly(stream, field, said)
    if value is None:
        return math.nan
    if field.type == "enum":
        return float(field.values.index(value))
    return value * field.scale + field.offset if field.type in ("float", "int") else float(value)


@bounded
@given(names, seeds, st.integers(1, 40))
def test_scanner_slow_decoder_and_plain_json(name: str, seed: int, count: int) -> None:
    """What the scanner takes, the slow decoder takes alike, and both say what plain Python says."""
    stream, fields, values = STREAMS[name], FIELDS[name], messages(seed, name, count)
    data = b"".join(values)
    rows = SCANNERS[name].scan(
        np.frombuffer(data, np.uint8), np.cumsum([len(v) for v in values]).astype(np.int64)
    )
    for r, value in enumerate(values):
        if not rows.ok[r]:
            continue
        readings, refusals = decode_slowly(stream, fields, value, 1 << 20)
        assert refusals == [], value
        if not stream.device:
            assert [one.device for one in readings] == [data[rows.low[r] : rows.high[r]]]
        assert readings[0].at == rows.at[r]
        np.testing.assert_array_equal(np.array(readings[0].values), rows.columns[:, r], str(value))
        said = json.loads(value)
        np.testing.assert_array_equal([expected(stream, field, said) for field in fields], rows.columns[:, r])
        if stream.shape == "narrow":
            named = at_path(said, stream.metric)
            place = stream.metrics.index(named) if named in stream.metrics else -1
            assert (readings[0].metric, rows.metrics[r]) == (place, place)


@bounded
@given(names, seeds, st.integers(1, 40))
def test_a_batch_is_its_messages_one_by_one(name: str, seed: int, count: int) -> None:
    """Fast and slow rows come in their order with device, time, metric and place; each message is one or refused."""
    stream, values = STREAMS[name], messages(seed, name, count)
    decoder = Decoder(stream, tuple(f.name for f in stream.fields), 1 << 16)
    found = decoder.decode(raw_batch(values, 0))
    ids = [found.data[a:b].tobytes() for a, b in zip(found.low, found.high, strict=True)]
    metrics = found.metrics.tolist() if stream.shape == "narrow" else [-1] * len(ids)
    nth = found.nth.tolist() if len(found.nth) else [0] * len(ids)
    told = list(zip(found.message.tolist(), ids, found.at.tolist(), metrics, nth, strict=True))
    wanted = []
    for message, value in enumerate(values):
        readings, refusals = decode_slowly(stream, decoder.fields, value, 1 << 16)
        wanted += [(message, one.device, one.at, one.metric, one.nth) for one in readings]
        assert len(refusals) <= len([letter for letter in found.dead if letter.offset == message])
    assert told == wanted


def test_most_nested_messages_need_no_slow_decoder() -> None:
    """The scanner takes the usual ones itself: nested, with unknown objects and lists, narrow, of one device."""
    usual = {
        "nested": b'{"car":{"id":"v"},"meta":{"at":1700000000000,"x":[1,{"y":[]}]},"engine":{"coolant":{"temp":5}}}',
        "narrow": b'{"id":7,"at":1700000000000,"what":{"value":1.5,"name":"engine.temp"},"more":{}}',
        "office": b'{"at":"2014-01-07 02:55:00","engine.load":3}',
        "zoned": b'{"at":"2014-01-07T02:55:00.25+01:00"}',
    }
    for name, value in usual.items():
        rows = SCANNERS[name].scan(np.frombuffer(value, np.uint8), np.array([len(value)]))
        assert rows.ok.tolist() == [1], name


def decode(stream: Stream, *values: object) -> Readings:
    """All fields of a batch of messages."""
    return Decoder(stream, tuple(f.name for f in stream.fields), 1 << 16).decode(
        raw_batch([v if isinstance(v, bytes) else encode(v) for v in values], 0)
    )


def column(found: Readings, name: str) -> list[float]:
    """One column."""
    return found.columns[found.fields.index(name)].tolist()


@pytest.mark.parametrize("exponent", ["", "e0"])
def test_where_both_are_there_the_nested_value_wins(exponent: str) -> None:
    """A key that is the path as a whole counts only where nothing is nested there, fast and slow alike."""
    flat = b'"engine.load":5' + exponent.encode()
    nested = b'"engine":{"load":3' + exponent.encode() + b"}"
    body = b'{"car":{"id":"v"},"meta":{"at":1700000000000},%s}'
    found = decode(
        NESTED, *(body % part for part in (flat, nested, flat + b"," + nested, nested + b"," + flat))
    )
    assert column(found, "load") == [10.0, 6.0, 6.0, 6.0]


def test_the_range_is_of_the_scaled_value() -> None:
    """Raw × scale + offset is compared, and what is outside is missing with a copy to the dead letters."""
    body = {"car": {"id": "v"}, "meta": {"at": 1}}
    found = decode(
        NESTED, *({**body, "engine": {"coolant": {"temp": raw}}} for raw in (-200, -201, 2900, 2901))
    )
    np.testing.assert_array_equal(column(found, "t"), [-60.0, np.nan, 250.0, np.nan])
    assert [(letter.offset, letter.reason) for letter in found.dead] == [
        (1, "out_of_range"),
        (3, "out_of_range"),
    ]


@pytest.mark.parametrize("read", ["latitude", "longitude"])
def test_half_a_position_is_none(read: str) -> None:
    """Both are missing when one is missing, null or out of its range, whichever a rule reads."""
    body = {"car": {"id": "v"}, "meta": {"at": 1}}
    places = [{"lat": 48, "lon": 11}, {"lat": 48}, {"lat": 91, "lon": 11}, {"lat": 48, "lon": None}]
    found = Decoder(NESTED, (read,), 1 << 16).decode(
        raw_batch([encode({**body, "gps": g}) for g in places], 0)
    )
    assert sorted(found.fields) == ["latitude", "longitude"]
    assert np.isnan(found.columns).tolist() == [[False, True, True, True]] * 2


@pytest.mark.parametrize("device", [17, 17.0, "17"])
def test_a_whole_number_is_a_device(device: object) -> None:
    """As its digits, however it is spelled, and alike in an array."""
    one = {"car": {"id": device}, "meta": {"at": 1}}
    found = decode(NESTED, one, [one, {"car": {"id": 17}, "meta": {"at": 2}}])
    assert {found.data[a:b].tobytes() for a, b in zip(found.low, found.high, strict=True)} == {b"17"}
    assert found.dead == []


@pytest.mark.parametrize("value", [{"name": None}, {}, {"name": 5}])
def test_a_narrow_message_names_its_metric(value: dict[str, object]) -> None:
    """One that does not is refused."""
    found = decode(NARROW, {"id": "a", "at": 1, "what": value})
    assert [letter.reason for letter in found.dead] == [
        "missing_field" if value.get("name") is None else "wrong_type"
    ]


def test_a_metric_that_nobody_declared_is_a_reading() -> None:
    """It shows that the device is alive, and no column holds its value, whatever that is."""
    found = decode(NARROW, {"id": "a", "at": 1, "what": {"name": "colour", "value": [1]}})
    assert (found.dead, found.metrics.tolist(), np.isnan(found.columns).all()) == ([], [-1], True)


@pytest.mark.parametrize(
    ("zone", "text", "wanted"),
    [
        ("UTC", "2014-01-07 02:55:00", "2014-01-07T02:55:00+00:00"),
        ("Europe/Berlin", "2014-01-07 02:55:00", "2014-01-07T02:55:00+01:00"),
        ("Europe/Berlin", "2014-01-07T02:55:00Z", "2014-01-07T02:55:00+00:00"),
        ("Europe/Berlin", "2014-10-26 02:30:00", "2014-10-26T02:30:00+02:00"),
        ("Europe/Berlin", "2014-03-30 02:30:00", "2014-03-30T02:30:00+01:00"),
        ("America/New_York", "2014-07-01", "2014-07-01T00:00:00-04:00"),
    ],
)
def test_a_time_without_a_zone_is_of_the_streams(zone: str, text: str, wanted: str) -> None:
    """One that names a zone keeps it."""
    stream = Stream(name="s", topic="t", key="", device="office", time="t", time_unit="rfc3339", zone=zone)
    found = decode(stream, {"t": text})
    assert found.at.tolist() == [int(datetime.fromisoformat(wanted).timestamp() * 1000)]


@pytest.mark.parametrize(("depth", "taken"), [(1, 1), (16, 1), (17, 0), (18, 0), (900, 0)])
def test_how_deep_the_scanner_looks(depth: int, taken: int) -> None:
    """What lies deeper than it keeps places for it leaves to the slow decoder, as lists, objects or both by turns."""
    scanner = Scanner(Stream(name="s", topic="t", key="id", time="at"), ())
    for kinds in ("[", "{", "[{"):
        levels = (kinds * depth)[:depth]
        begin = "".join('{"a":' if kind == "{" else "[" for kind in levels)
        end = "".join("}" if kind == "{" else "]" for kind in reversed(levels))
        value = f'{{"id":"a","at":1,"x":{begin}1{end}}}'.encode()
        rows = scanner.scan(np.frombuffer(value, np.uint8), np.array([len(value)], np.int64))
        assert rows.ok.tolist() == [taken]


@settings(bounded, max_examples=300)
@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    st.sampled_from([" ", "T"]),
    st.integers(0, 3),
)
def test_times_of_any_zone(moment: datetime, zone: str, separator: str, decimals: int) -> None:
    """Fast in UTC and slow elsewhere: the millisecond that Python's own arithmetic gives."""
    text = moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S") + (
        f".{moment.microsecond:06d}"[: decimals + 1] if decimals else ""
    )
    exact = datetime.fromisoformat(text).replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
    stream = Stream(name="s", topic="t", key="", device="office", time="t", time_unit="rfc3339", zone=zone)
    assert decode(stream, {"t": text}).at.tolist() == [round(exact.timestamp() * 1000)]


def test_all_readings_are_of_the_one_device() -> None:
    """Those of the scanner, of the slow decoder and of arrays."""
    found = decode(OFFICE, {"at": "2014-01-07 02:55:00"}, [{"at": "2014-01-07"}, {"at": "2014-01-08"}])
    assert [found.data[a:b].tobytes() for a, b in zip(found.low, found.high, strict=True)] == [b"office"] * 3
    assert len(set(found.hashes.tolist())) == 1
