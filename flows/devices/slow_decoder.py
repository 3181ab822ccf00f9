"""Decode one message that the scanner did not take: arrays, escapes, exponents, times in a zone, what is broken."""

from __future__ import annotations

import json
import math
from typing import Any, cast

import msgspec

from flows.moments import NoMoment, moment
from flows.streams import EXPECTED, Field, Stream, value_at

MAX_DEVICE_BYTES = 255
MAX_READINGS_PER_MESSAGE = 10_000
_MOST_NUMBER = 1 << 63


class SlowReading(msgspec.Struct, frozen=True):
    """One reading: the device's id in UTF-8, event time in ms, a float per wanted field (NaN is missing).

    `nth` is its place in the message's array, `metric` which of a narrow stream's metrics it names, -1 for one that is
    not declared.
    """

    device: bytes
    at: int
    values: tuple[float, ...]
    metric: int = -1
    nth: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """Why a message, one of its readings (`reading` True) or one of its values was not taken."""

    reason: str
    message: str
    reading: bool


class _Refused(Exception):
    """Carries a refusal out of the nested checks; never leaves this module."""

    def __init__(self, reason: str, message: str) -> None:
        self.refusal = Refusal(reason, message, True)
        super().__init__(message)


def parse_json(value: bytes) -> Any:
    """Any JSON; NaN and Infinity, which many producers write, are let through as floats.

    Raises ValueError for what is none (a text that is not UTF-8 is a UnicodeDecodeError, which is one, to msgspec
    too), RecursionError for what is nested too deeply.
    """
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as first:
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError(str(first)) from first


def _parse(value: bytes) -> Any:
    """Any JSON; raises _Refused."""
    try:
        return parse_json(value)
    except RecursionError as error:
        raise _Refused("too_deep", "nested too deeply") from error
    except ValueError as error:
        raise _Refused("not_json", str(error)) from error


def _finite(number: float) -> bool:
    """Whether a number fits a float."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _time(stream: Stream, found: object) -> int:
    """Event time in ms."""
    try:
        return moment(found, stream.time_unit, stream.zone)
    except NoMoment as error:
        raise _Refused("wrong_type", f"{stream.time} {error}") from error


def _name(found: object) -> str | None:
    """A device's id: a text, or a whole number as its digits; None for what is neither."""
    if isinstance(found, str):
        return found or None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if not _finite(found) or not -_MOST_NUMBER < found < _MOST_NUMBER or found != int(found):
        return None
    return str(int(found))


def _device(stream: Stream, values: dict[str, Any]) -> bytes:
    """Whose reading it is."""
    if stream.device:
        return stream.device.encode()
    device = _name(value_at(values, stream.key))
    if device is None:
        raise _Refused("wrong_type", f"{stream.key} is neither a text nor a whole number")
    try:
        raw = device.encode()
    except UnicodeEncodeError as error:
        raise _Refused("wrong_type", f"{stream.key} is not Unicode") from error
    if len(raw) > MAX_DEVICE_BYTES:
        raise _Refused("too_big", f"{stream.key} is longer than {MAX_DEVICE_BYTES} bytes")
    return raw


def _metric(stream: Stream, values: dict[str, Any]) -> int:
    """Which of a narrow stream's metrics a reading names."""
    metric = value_at(values, stream.metric)
    if not isinstance(metric, str):
        raise _Refused("wrong_type", f"{stream.metric} is not a text")
    return stream.metrics.index(metric) if metric in stream.metrics else -1


def _value(field: Field, found: Any) -> float:
    """One value as a float; NaN is missing, infinity stays for the range check; raises _Refused for a wrong type."""
    number = field.number(found)
    if number is None:
        raise _Refused("wrong_type", f"{field.name} is not {EXPECTED[field.type]}")
    return number


def said_of(stream: Stream, values: dict[str, Any], field: Field) -> Any:
    """What a reading says of a field, as it is written; None for nothing."""
    if field.derived:
        return None
    if stream.shape == "wide":
        return value_at(values, field.path)
    return value_at(values, stream.value) if value_at(values, stream.metric) == field.path else None


def _reading(stream: Stream, fields: tuple[Field, ...], found: Any, nth: int) -> SlowReading:
    """The nth reading of a message; raises _Refused."""
    if not isinstance(found, dict):
        raise _Refused("wrong_type", "a reading is not a JSON object")
    values = cast("dict[str, Any]", found)
    for path in (stream.key, stream.time, stream.metric):
        if path and value_at(values, path) is None:
            raise _Refused("missing_field", f"{path} is missing")
    device = _device(stream, values)
    at = _time(stream, value_at(values, stream.time))
    metric = _metric(stream, values) if stream.shape == "narrow" else -1
    return SlowReading(device, at, tuple(_value(f, said_of(stream, values, f)) for f in fields), metric, nth)


def _devices(stream: Stream, many: list[Any]) -> set[str]:
    """Which devices the readings of a message name."""
    if stream.device:
        return set()
    keyed = (value_at(cast("dict[str, Any]", one), stream.key) for one in many if isinstance(one, dict))
    return {_name(device) or str(device) for device in keyed if device is not None}


def decode_slowly(
    stream: Stream, fields: tuple[Field, ...], value: bytes, max_bytes: int
) -> tuple[list[SlowReading], list[Refusal]]:
    """The readings of one message in order and what was refused; infinity stands for a value that cannot be."""
    readings: list[SlowReading] = []
    refusals: list[Refusal] = []
    try:
        if not value:
            raise _Refused("not_json", "the message is empty")
        if len(value) > max_bytes:
            raise _Refused("too_big", f"{len(value)} bytes, at most {max_bytes} are taken")
        found = _parse(value)
        many = cast("list[Any]", found) if isinstance(found, list) else [found]
        if len(many) > MAX_READINGS_PER_MESSAGE:
            raise _Refused("too_big", f"{len(many)} readings, at most {MAX_READINGS_PER_MESSAGE} are taken")
        if len(_devices(stream, many)) > 1:
            raise _Refused("mixed_devices", "an array holds readings of several devices")
    except _Refused as refused:
        return [], [refused.refusal]
    for nth, one in enumerate(many):
        try:
            readings.append(_reading(stream, fields, one, nth))
        except _Refused as refused:
            refusals.append(refused.refusal)
    return readings, refusals


def time_of(stream: Stream, value: bytes, max_bytes: int) -> int | None:
    """The greatest event time (ms) of one message; None of one without a reading that can be read."""
    readings, _ = decode_slowly(stream, (), value, max_bytes)
    return max((reading.at for reading in readings), default=None)
