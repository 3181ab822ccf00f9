"""Values that are the same to a person compare equal, and no others."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from flows.sources.spelling import compared

FORMATS = (
    "%Y-%m-%d",
    "%Y%m%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%Y-%m-%dT00:00:00Z",
    "%Y-%m-%d 00:00:00",
)
days = st.dates(date(1000, 1, 1))


@given(days, st.sampled_from(FORMATS))
def test_a_date_is_its_day_in_whatever_form(day: date, form: str) -> None:
    """The forms that leave nothing open."""
    assert compared(day.strftime(form)) == day.isoformat()


@given(days, days)
def test_a_date_with_strokes_is_never_another_day(one: date, two: date) -> None:
    """Day and month first compare equal with the day itself at most, however they are read."""
    for written, other in ((one.strftime("%d/%m/%Y"), "%m/%d/%Y"), (one.strftime("%m/%d/%Y"), "%d/%m/%Y")):
        assert compared(written) in (one.isoformat(), written)
        if one != two and compared(written) == compared(two.strftime(other)):
            assert compared(written) == written


@given(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.booleans()))
def test_comparing_what_is_compared_changes_nothing(value: object) -> None:
    """Its form is the last one, whatever the value."""
    assert compared(compared(value)) == compared(value)
