"""Times as they are written become milliseconds, or a reason why they are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.moments import NoMoment, moment
from flows.streams import TimeUnit

MOST = 1 << 53


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_text_with_an_offset_is_its_moment(local: datetime, minutes: int) -> None:
    """Against the calendar's own difference to 1970, rounded."""
    said = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    exact = (said - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)
    assert abs(moment(said.isoformat(), "rfc3339", "", -MOST) - exact) <= 0.51


@given(st.integers(1, 1 << 40), st.sampled_from([("s", 1000), ("ms", 1), ("min", 60_000), ("d", 86_400_000)]))
def test_a_number_counts_from_1970_in_its_unit(number: int, unit: tuple[TimeUnit, int]) -> None:
    """Whole or with a point; what is past all calendars is none."""
    name, ms = unit
    if number * ms < MOST:
        assert moment(number, name, "") == number * ms
        assert moment(float(number), name, "") == number * ms
    else:
        with pytest.raises(NoMoment, match="is not a time that can be"):
            moment(number, name, "")


@pytest.mark.parametrize(
    ("found", "unit", "zone", "why"),
    [
        ("2025-10-09T08:53:20", "rfc3339", "", "has no zone"),
        ("soon", "rfc3339", "Europe/Berlin", "is not an RFC 3339 text"),
        (5, "rfc3339", "", "is not an RFC 3339 text"),
        ("5", "s", "", "is not a number"),
        (True, "s", "", "is not a number"),
        (float("inf"), "s", "", "is not a number"),
        (10**400, "s", "", "is not a number"),
        (None, "ms", "", "is not a number"),
        (0, "ms", "", "is not a time that can be"),
    ],
)
def test_what_is_no_time_says_why(found: object, unit: TimeUnit, zone: str, why: str) -> None:
    """In words that follow the name of where it stands."""
    with pytest.raises(NoMoment, match=why):
        moment(found, unit, zone)


def test_a_zone_is_of_times_that_name_none() -> None:
    """The first of an hour that comes twice; a date is its midnight; before 1970 only where that may be."""
    assert moment("2025-10-26T02:30:00", "rfc3339", "Europe/Berlin") == 1_761_438_600_000
    assert moment("2025-10-09T08:53:20Z", "rfc3339", "Europe/Berlin") == 1_760_000_000_000
    assert moment("2024-01-01", "rfc3339", "Europe/Berlin") == 1_704_063_600_000
    assert moment("1969-12-31", "rfc3339", "UTC", -MOST) == -86_400_000
