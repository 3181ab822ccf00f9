"""When a case looks at the clock: as if it looked at every tick, with next to no looks."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.backtest import cases
from flows.backtest.beats import beats
from flows.devices.ticks import tick_of
from flows.expressions import parse
from flows.rules.case import exact, read_case
from flows.rules.model import Absence, Clear, Rule, RuleSet, Run, Window
from flows.rules.testing import told
from tests.unit.backtest.test_cases import ON_STREAM, TASK, happened, lines
from tests.unit.rules.mistakes import surroundings

MINUTE, DAY = 60_000, 86_400_000
STREAM = surroundings().streams["vehicle"]
PATTERNS = [
    Absence(after=10 * MINUTE),
    Run(length=2, of=parse("coolant_c >= 100")),
    Window(length=4 * MINUTE, every=2 * MINUTE, measure="mean", field="coolant_c", of=parse("value >= 100")),
    Window(length=12 * MINUTE, every=12 * MINUTE, measure="count", field=None, of=parse("value < 3")),
]


def every_tick(rule: Rule, lateness: int, readings: list[int], end: int) -> list[int]:  # noqa: ARG001
    """The obvious way: a look at each tick from the first reading to past the end."""
    tick = tick_of([rule])
    if tick is None:
        return []
    return list(range(-(-readings[0] // tick) * tick, end + 3 * tick, tick)) if readings else []


@settings(max_examples=60, deadline=None)
@given(
    pattern=st.sampled_from(PATTERNS),
    silent=st.sampled_from([None, 15 * MINUTE, 3 * MINUTE]),
    clear=st.booleans(),
    readings=st.lists(
        st.tuples(st.sampled_from([90, 100, 120]), st.sampled_from([10, 61, 135, 601, 1800, 4000])),
        max_size=12,
    ),
)
def test_few_looks_see_what_a_look_at_every_tick_sees(pattern, silent, clear, readings):
    """Of silence, windows and absences, with gaps of any length between readings and after the last."""
    rule = Rule(
        name="r",
        stream="vehicle",
        patterns=(pattern,),
        clear=Clear(run=1, of=parse("coolant_c < 95"))
        if clear and not isinstance(pattern, Absence)
        else None,
        ends_silent=silent,
        reads=("coolant_c",),
    )
    text = " ".join(f"{value} gap {gap}s" for value, gap in readings)
    case = read_case({"name": "n", "interval": "1s", "readings": {"coolant_c": text}, "expect": []}, STREAM)
    player = cases.Backtest(surroundings_set(rule))
    found = player.play(rule, case)
    with patch.object(cases, "beats", every_tick):
        assert [told(each) for each in found.happened] == [told(h) for h in player.play(rule, case).happened]


def surroundings_set(rule: Rule) -> RuleSet:
    """A rule set of one rule on the stream."""
    return RuleSet(number=1, tenant="t", rules=(rule,), purposes={}, profile=(), streams={"vehicle": STREAM})


@pytest.mark.parametrize(
    ("gap", "wanted"), [("1h", ["40s"]), ("364d", ["40s"]), ("366d", ["40s", "365d30s"])]
)
def test_a_year_of_silence_takes_a_few_looks(gap, wanted):
    """An absence at once, and its end when the year is over."""
    rule = ON_STREAM.replace("{run: 2, of: coolant_c > 100}", "{absence: 10s}").replace(
        "silent: 1d", "silent: 365d"
    )
    rule = rule.replace("clear: {run: 1, of: coolant_c < 90}\n", "") + f"do: {{raised: [{{{TASK}}}]}}"
    found = happened(rule, f"{{readings: {{coolant_c: 1x3 gap {gap}}}}}")
    assert [exact(each.at) for each in found] == wanted
    absent = Rule(name="r", stream="vehicle", patterns=(Absence(after=10_000),), ends_silent=365 * DAY)
    assert len(beats(absent, 0, [0, 10_000, 20_000], 366 * DAY)) < 20
    assert lines(rule, "{readings: {coolant_c: 1x3}}") == []
