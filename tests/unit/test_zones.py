"""Zones by their names: the hour where somebody is, and no exception for what is no zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.zones import hour_of, zone_named

# Offsets by the law of each place, so that the zone database is not its own judge: no summer time in these.
FIXED = {"UTC": 0, "Asia/Tokyo": 9, "Asia/Kolkata": 5.5, "America/Phoenix": -7}


@given(at=st.integers(1_577_836_800_000, 1_893_456_000_000), zone=st.sampled_from(sorted(FIXED)))
def test_the_hour_is_that_of_the_place(at: int, zone: str) -> None:
    """In places whose offset never changes, by arithmetic."""
    there = datetime.fromtimestamp(at / 1000, UTC) + timedelta(hours=FIXED[zone])
    assert hour_of(at, zone) == there.hour


def test_summer_time_counts() -> None:
    """Berlin is an hour ahead of UTC in winter and two in summer."""
    assert [
        hour_of(round(datetime(2026, month, 1, 12, tzinfo=UTC).timestamp() * 1000), "Europe/Berlin")
        for month in (1, 7)
    ] == [13, 14]


@pytest.mark.parametrize(
    "name", ["", "Nowhere/Here", "Europe", "../../etc/passwd", "/etc/passwd", "x" * 65, None, 3, True, "a\0b"]
)
def test_what_is_no_zone_gives_no_hour(name) -> None:
    """A profile may say anything."""
    assert hour_of(0, name) is None


@pytest.mark.parametrize("at", [10**20, -(10**20), 1 << 62])
def test_what_no_calendar_holds_has_no_hour(at) -> None:
    """Times of readings are not bounded by calendars."""
    assert hour_of(at, "UTC") is None


def test_utc_needs_no_database() -> None:
    """A machine without one still knows it."""
    assert zone_named("UTC") is UTC
