"""Times as messages and rows write them: numbers of a unit since 1970 in UTC, or RFC 3339."""

from __future__ import annotations

import math
from datetime import datetime

from flows.streams import MS_PER_UNIT, TimeUnit
from flows.zones import zone_named

_LATEST = 1 << 53


class NoMoment(ValueError):
    """Why something is no time, in words that may follow the name of where it stands."""


def moment(found: object, unit: TimeUnit, zone: str, earliest: int = 1) -> int:
    """The ms since the epoch, rounded; `zone` is of RFC 3339 times that name none. Raises NoMoment.

    Of an hour that comes twice it is the first; a date alone is its midnight. What lies before `earliest` (ms), or
    after the year 287,000, is no time that can be.
    """
    at = _of_text(found, zone) if unit == "rfc3339" else _of_number(found, unit)
    if not earliest <= at < _LATEST:
        raise NoMoment("is not a time that can be")
    return at


def _of_text(found: object, zone: str) -> int:
    """The ms of an RFC 3339 text."""
    if not isinstance(found, str):
        raise NoMoment("is not an RFC 3339 text")
    try:
        said = datetime.fromisoformat(found)
        if said.tzinfo is None and zone:
            said = said.replace(tzinfo=zone_named(zone))
        if said.tzinfo is not None:
            return round(said.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise NoMoment("is not an RFC 3339 text") from error
    raise NoMoment("has no zone")


def _of_number(found: object, unit: TimeUnit) -> int:
    """The ms of a number of units."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not _finite(found):
        raise NoMoment("is not a number")
    if isinstance(found, int):
        factor = MS_PER_UNIT[unit]
        return found * int(factor) if factor >= 1 else found // round(1 / factor)
    # past the float's range it would be infinite, and has no floor
    ms = min(found * MS_PER_UNIT[unit], float(_LATEST))
    # 1.001 s are 1000.9999999999999 ms: what rounding alone took from a whole one is given back
    return round(ms) if abs(ms - round(ms)) <= 2 * math.ulp(ms) else math.floor(ms)


def _finite(number: float) -> bool:
    """Whether a number fits a float."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
