"""Zones by their IANA names, and the time of day in one; a name that is none gives none."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.schema import Value

PROFILE_ZONE = "time_zone"
"""The value of the profile that names a customer's zone."""
_LONGEST = 64
_KEPT = 1024


def hour_of(at: int, zone: Value) -> int | None:
    """The hour (0–23) of a time (ms) in an IANA zone, e.g. Europe/Berlin; None for what is no zone or no time."""
    found = zone_named(zone) if isinstance(zone, str) and len(zone) <= _LONGEST else None
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(at / 1000, found).hour
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(_KEPT)
def zone_named(name: str) -> tzinfo | None:
    """The zone of an IANA name, None if there is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
