"""The notation of series in tests."""

from __future__ import annotations

import pytest

from flows.rules.series import parse_series
from flows.schema import Value
from flows.streams import Field

MIL = Field(name="mil", type="enum", values=("off", "on"))
DOOR = Field(name="door", type="bool")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("90", [90.0]),
        ("90x4", [90.0] * 5),
        ("90x2 105 107.5", [90.0, 90.0, 90.0, 105.0, 107.5]),
        ("1+2x3", [1.0, 3.0, 5.0, 7.0]),
        ("1-2x3 -4", [1.0, -1.0, -3.0, -5.0, -4.0]),
        ("-1.5+0.5x2", [-1.5, -1.0, -0.5]),
        ("1 _ 2 _x2", [1.0, None, 2.0, None, None]),
        ("", []),
    ],
)
def test_samples_are_one_interval_apart(text: str, values: list[Value]) -> None:
    """`a+bxn` is a and n further samples, as in promtool."""
    series = parse_series(text, 10_000)
    assert [sample.value for sample in series.samples] == pytest.approx(values)
    assert [sample.offset for sample in series.samples] == [i * 10_000 for i in range(len(values))]


def test_the_tenth_hot_reading_of_the_overheating_example_is_at_2m20s() -> None:
    """The meaning of `x` agrees with the rule's own test."""
    series = parse_series("90x4 105 107 106 109 108 111 110 113 112 115", 10_000)
    assert [sample.offset for sample in series.samples if sample.value and sample.value >= 105][9] == 140_000
    assert series.end == 140_000


def test_a_gap_is_a_silence_after_the_last_sample() -> None:
    """The next sample comes that long after the last; a gap at the end lasts until nothing comes."""
    series = parse_series("1 2 gap 5m 3 4 gap 1m gap 1m", 10_000)
    assert [sample.offset for sample in series.samples] == [0, 10_000, 310_000, 320_000]
    assert series.end == 440_000
    assert parse_series("gap 5m 1", 10_000).samples[0].offset == 300_000


def test_enums_and_truths_are_written_as_words() -> None:
    """They repeat like numbers do."""
    assert [s.value for s in parse_series("offx1 on _ onx2", 1, MIL).samples] == (
        ["off", "off", "on", None, "on", "on", "on"]
    )
    assert [s.value for s in parse_series("truex1 false", 1, DOOR).samples] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("90y4", None),
        ("on", None),
        ("1+2", None),
        ("gap", None),
        ("gap soon", None),
        ("1x999999", None),
        ("1x90000 1x90000", None),
        ("nonsense", MIL),
        ("1", DOOR),
    ],
)
def test_what_is_no_series_is_refused(text: str, field: Field | None) -> None:
    """Endless and meaningless words are told apart from samples."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_series(text, 10_000, field)
