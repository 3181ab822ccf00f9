"""Texts with holes: what fills them, and what cannot be asked of them."""

from __future__ import annotations

import math

import pytest

from flows.rules.templates import fill, holes
from flows.schema import Value

VALUES: dict[str, Value] = {
    "run": 10,
    "rise": 7.25,
    "device": "veh-1",
    "device.hot_c": 105.0,
    "duration_ms": 100_000,
    "stale": True,
    "nan": math.nan,
    "big": 1e20,
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{run} readings of {device}", "10 readings of veh-1"),
        ("at or above {device.hot_c} °C", "at or above 105 °C"),
        ("up {rise:.1f} °C in {duration}", "up 7.2 °C in 1m40s"),
        ("{rise}, {run:.2f}, {rise:d}, {big}", "7.25, 10.00, 7, 100000000000000000000"),
        ("{stale}", "yes"),
        ("{nobody} {nan:.1f}", "unknown unknown"),
        ("{device:.1f}", "veh-1"),
        ("{{run}}", "{run}"),
        ("nothing", "nothing"),
    ],
)
def test_holes_are_filled_with_what_is_known(text: str, filled: str) -> None:
    """Whole numbers come whole, and what is missing says so instead of failing."""
    assert fill(text, VALUES) == filled


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{0}",
        "{a[0]}",
        "{a.__class__!r}",
        "{a!s}",
        "{a:{b}}",
        "{a:>999999}",
        "{a",
        "a}",
        "{a.b.c.d.e.f}",
        "{a b}",
    ],
)
def test_a_hole_is_a_name_and_a_short_format_alone(text: str) -> None:
    """No index, conversion, nesting or endless width."""
    with pytest.raises(ValueError, match=r"."):
        holes(text)
