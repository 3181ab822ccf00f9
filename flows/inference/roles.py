"""Which columns are not measurements: time, device, position, and in narrow archives the metric and its value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from flows.inference.sample import NEARLY_ALL, Sample
from flows.streams import MS_PER_UNIT, Position, TimeUnit

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TIMES = (
    "time", "timestamp", "ts", "t", "at", "datetime", "date", "when", "epoch", "recorded", "created", "sent",
    "received", "observed", "logged", "sampled",
)  # fmt: skip
# Names of counters that stand for a time, and how long one counts; a guess each.
_COUNTERS: dict[str, TimeUnit] = {
    "cycle": "h", "step": "s", "tick": "s", "second": "s", "seconds": "s", "elapsed": "s", "t": "s", "time": "s",
    "minute": "min", "minutes": "min", "hour": "h", "hours": "h", "day": "d", "days": "d",
}  # fmt: skip
# Seconds since the epoch from 1973 to 2096, and what other units make of them.
_EPOCHS: tuple[tuple[TimeUnit, float], ...] = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))
_FIRST_S, _LAST_S = 1e8, 4e9
_DEVICES = (
    "device", "vin", "imei", "serial", "vehicle", "machine", "asset", "equipment", "meter", "engine", "unit", "host",
    "hostname", "instance", "node", "station", "pump", "turbine", "truck", "car", "robot", "sensor", "mac", "id",
)  # fmt: skip
_OF_AN_ID = {"id", "no", "nr", "number", "name", "key", "serial", "code", "uuid"}
_METRICS = (
    "metric", "measurement", "parameter", "param", "variable", "signal", "channel", "tag", "property", "name", "field",
    "sensor", "point", "key",
)  # fmt: skip
_VALUES = ("value", "val", "reading", "measurement", "measured")
_MOST_METRICS = 256
# Names that are a device's even where none comes again.
_SURE = 3


class Time(msgspec.Struct, frozen=True):
    """The column of time; `zone` only when it names none."""

    path: str
    unit: TimeUnit
    zone: str = ""
    note: str = ""


def words_of(path: str) -> list[str]:
    """The words of a path's last part: `gps.deviceID` is device, id."""
    return [word.lower() for word in _WORDS.findall(path.rpartition(".")[2])]


def find_time(sample: Sample, named: str | None) -> Time | None:
    """The column that says when, by its values and its name; None if none does, or the named one cannot be read."""
    found: list[tuple[int, Time]] = []
    for path in sample.columns if named is None else [named]:
        time = _as_time(path, sample.columns[path], named is not None)
        if time is not None:
            score = (4 if time.unit == "rfc3339" else 2 if not time.note else 0) + 3 * _says_time(path)
            found.append((score, time))
    return max(found, key=lambda each: each[0])[1] if found else None


def _says_time(path: str) -> bool:
    return bool(set(words_of(path)) & set(_TIMES))


def _as_time(path: str, values: Sequence[Any], named: bool) -> Time | None:
    """A column as times; a number needs the name of one, too, unless it is a counter by its name.

    A tenth of the values may be something else: those will be refused.
    """
    most = NEARLY_ALL * len(values)
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) >= most:
        return _as_moments(path, texts)
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < most:
        return None
    for since_epoch, factor in _EPOCHS:
        fitting = sum(_FIRST_S * factor <= number <= _LAST_S * factor for number in numbers)
        if fitting >= most and (named or _says_time(path)):
            return Time(path, since_epoch)
    words = words_of(path)
    counted = words[-1] if words else ""
    unit = _COUNTERS.get(counted) or ("s" if named else None)
    low, high = min(numbers), max(numbers)
    if unit is None or low <= 0 or high > _FIRST_S or (not named and high == low):
        return None
    return Time(path, unit, note=f"a guess: `{path}` counts from {low:g} to {high:g}, one as 1{unit}")


def _as_moments(path: str, said: list[str]) -> Time | None:
    """Texts as RFC 3339 times; a few that are broken are left to be refused."""
    read = [_moment(value) for value in said]
    good = [moment for moment in read if moment is not None]
    if len(good) < NEARLY_ALL * len(said):
        return None
    if all(moment.tzinfo is not None for moment in good):
        return Time(path, "rfc3339")
    return Time(path, "rfc3339", "UTC")


def _moment(text: str) -> datetime | None:
    """A time as decoders read it; None for none."""
    if "-" not in text and ":" not in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def times_of(time: Time, values: Sequence[Any]) -> list[float | None]:
    """The times of a column in ms, None where there is none."""
    if time.unit != "rfc3339":
        factor = MS_PER_UNIT[time.unit]
        return [
            v * factor if isinstance(v, int | float) and not isinstance(v, bool) else None for v in values
        ]
    moments = [_moment(value) if isinstance(value, str) else None for value in values]
    zoned = [m if m is None or m.tzinfo is not None else m.replace(tzinfo=UTC) for m in moments]
    return [None if m is None else m.timestamp() * 1000 for m in zoned]


def find_device(sample: Sample, without: set[str]) -> str | None:
    """The column that names the device: by its name, and because its values come again."""
    found: list[tuple[int, int, str]] = []
    for path, values in sample.columns.items():
        words = words_of(path)
        if path in without or not words or not _are_names(values):
            continue
        place = _DEVICES.index(words[0]) if words[0] in _DEVICES else -1
        if place < 0 or not set(words[1:]) <= _OF_AN_ID:
            continue
        distinct = len({str(value) for value in values})
        # What never comes again is the name of a message, unless it is called a device's.
        if 2 * distinct <= sample.rows or place < _SURE:
            found.append((place, -distinct, path))
    return min(found)[2] if found else None


def is_name(value: Any) -> bool:
    """Whether a value can name a device: a short text or a whole number."""
    return isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= 255


def _are_names(values: Sequence[Any]) -> bool:
    """Whether nearly all values can name a device; the others will be refused."""
    named = sum(map(is_name, values))
    return named >= NEARLY_ALL * len(values)


def find_metric(sample: Sample, without: set[str]) -> tuple[str, str] | None:
    """The columns of metric and value of a narrow archive; None for a wide one."""
    value = _first(sample, _VALUES, without, _mostly_numbers)
    metric = None if value is None else _first(sample, _METRICS, {*without, value}, _few_texts)
    return None if metric is None or value is None else (metric, value)


def _first(sample: Sample, names: Sequence[str], without: set[str], fits: Any) -> str | None:
    """The column with the earliest of some names that fits."""
    for name in names:
        for path, values in sample.columns.items():
            words = words_of(path)
            called = words == [name] or (len(words) == 2 and words[0] == name and words[1] in _OF_AN_ID)
            if path not in without and called and fits(values):
                return path
    return None


def _mostly_numbers(values: Sequence[Any]) -> bool:
    numbers = sum(isinstance(value, int | float) for value in values)
    return numbers >= 0.5 * len(values)


def _few_texts(values: Sequence[Any]) -> bool:
    texts = [value for value in values if isinstance(value, str)]
    distinct = len(set(texts))
    return (
        len(texts) >= NEARLY_ALL * len(values)
        and len(texts) >= 2 * distinct
        and 0 < distinct <= _MOST_METRICS
    )


def find_position(sample: Sample, without: set[str]) -> Position | None:
    """The pair of columns that says where a device is, both in the same object."""
    for latitude in sample.columns:
        above, dot, name = latitude.rpartition(".")
        if latitude in without or name.lower() not in ("lat", "latitude"):
            continue
        for longitude in sample.columns:
            beside = longitude.removeprefix(above + dot)
            if (
                longitude.startswith(above + dot)
                and beside.lower() in ("lon", "lng", "long", "longitude")
                and _within(sample.columns[latitude], 90)
                and _within(sample.columns[longitude], 180)
            ):
                return Position(latitude, longitude)
    return None


def _within(values: Sequence[Any], bound: float) -> bool:
    said = [value for value in values if value is not None]
    fitting = sum(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) <= bound for v in said)
    return bool(said) and fitting >= NEARLY_ALL * len(said)
