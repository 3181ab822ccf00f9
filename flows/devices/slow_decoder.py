"""Decode one message that the scanner did not take: arrays, escapes, exponents, RFC 3339 times, and what is broken."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any, cast

import msgspec

from flows.streams import MS_PER_UNIT, Field, Stream

MAX_DEVICE_BYTES = 255
MAX_READINGS_PER_MESSAGE = 10_000
_LATEST = 1 << 53


class SlowReading(msgspec.Struct, frozen=True):
    """One reading: the device's id in UTF-8, event time in ms, a float per wanted field (NaN is missing)."""

    device: bytes
    at: int
    values: tuple[float, ...]


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


def _time(stream: Stream, found: Any) -> int:
    """Event time in ms."""
    if stream.time_unit == "rfc3339":
        if not isinstance(found, str):
            raise _Refused("wrong_type", f"{stream.time} is not an RFC 3339 text")
        try:
            moment = datetime.fromisoformat(found)
        except ValueError as error:
            raise _Refused("wrong_type", f"{stream.time} is not an RFC 3339 text") from error
        if moment.tzinfo is None:
            raise _Refused("wrong_type", f"{stream.time} has no zone")
        at = round(moment.timestamp() * 1000)
    elif isinstance(found, bool) or not isinstance(found, int | float) or not _finite(found):
        raise _Refused("wrong_type", f"{stream.time} is not a number")
    elif isinstance(found, int):
        factor = MS_PER_UNIT[stream.time_unit]
        at = found * int(factor) if factor >= 1 else found // round(1 / factor)
    else:
        # past the float's range it would be infinite, and has no floor
        at = math.floor(min(found * MS_PER_UNIT[stream.time_unit], float(_LATEST)))
    if not 0 < at < _LATEST:
        raise _Refused("wrong_type", f"{stream.time} is not a time that can be")
    return at


def _wrong(field: Field, expected: str) -> _Refused:
    return _Refused("wrong_type", f"{field.name} is not {expected}")


def _value(field: Field, found: Any) -> float:
    """One value as a float; NaN is missing, infinity stays for the range check; raises _Refused for a wrong type."""
    if found is None:
        return math.nan
    if field.type == "bool":
        if not isinstance(found, bool):
            raise _wrong(field, "true or false")
        return float(found)
    if field.type == "enum":
        if not isinstance(found, str):
            raise _wrong(field, "a text")
        return float(field.values.index(found)) if found in field.values else math.inf
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _wrong(field, "a number")
    try:
        value = float(found)
    except OverflowError:
        return math.inf
    if field.type == "int" and math.isfinite(value) and not value.is_integer():
        raise _wrong(field, "a whole number")
    return math.inf if math.isnan(value) else value


def _reading(stream: Stream, fields: tuple[Field, ...], found: Any) -> SlowReading:
    """One reading of a message; raises _Refused."""
    if not isinstance(found, dict):
        raise _Refused("wrong_type", "a reading is not a JSON object")
    values = cast("dict[str, Any]", found)
    for name in (stream.key, stream.time):
        if values.get(name) is None:
            raise _Refused("missing_field", f"{name} is missing")
    device: object = values[stream.key]
    if not isinstance(device, str) or not device:
        raise _Refused("wrong_type", f"{stream.key} is not a text")
    try:
        raw = device.encode()
    except UnicodeEncodeError as error:
        raise _Refused("wrong_type", f"{stream.key} is not Unicode") from error
    if len(raw) > MAX_DEVICE_BYTES:
        raise _Refused("too_big", f"{stream.key} is longer than {MAX_DEVICE_BYTES} bytes")
    at = _time(stream, values[stream.time])
    return SlowReading(raw, at, tuple(_value(field, values.get(field.name)) for field in fields))


def _devices(stream: Stream, many: list[Any]) -> set[str]:
    """Which devices the readings of a message name."""
    keyed = (cast("dict[str, Any]", one).get(stream.key) for one in many if isinstance(one, dict))
    return {str(device) for device in keyed if device is not None}


def at_of(stream: Stream, found: Any) -> int | None:
    """Event time in ms of one reading as parsed, None for one that is refused."""
    try:
        return _reading(stream, (), found).at
    except _Refused:
        return None


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
    for one in many:
        try:
            readings.append(_reading(stream, fields, one))
        except _Refused as refused:
            refusals.append(refused.refusal)
    return readings, refusals
