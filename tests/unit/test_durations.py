"""Durations: what is read, what is refused, and how they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "ms"),
    [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("0s", 0)],
)
def test_a_duration_is_read_in_milliseconds(text: str, ms: int) -> None:
    """Units go from large to small."""
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "10", "10 s", "s", "1m1h", "-1s", "1.5h", "10S", "1s\n", "9999999d"])
def test_what_is_no_duration_is_none(text: str) -> None:
    """A number without a unit could be anything."""
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (99, "99ms"),
        (100_000, "1m40s"),
        (90_061_001, "1d1h"),
        (86_460_000, "1d"),
        (-90_000, "-1m30s"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(ms: int, text: str) -> None:
    """As a person would say it."""
    assert format_duration(ms) == text


@settings(deadline=None)
@given(st.integers(0, 999_999), st.sampled_from(["d", "h", "m", "s", "ms"]))
def test_what_is_shown_is_read_as_at_most_what_it_was(number: int, unit: str) -> None:
    """Showing cuts off, and never invents."""
    ms = parse_duration(f"{number}{unit}")
    assert ms is not None
    again = parse_duration(format_duration(ms)) if ms < 999_999 * 86_400_000 else ms
    assert again is not None
    assert 0 <= ms - again <= ms / 24
