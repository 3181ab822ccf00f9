"""What two rule sets say of the same readings: each alarm is the same, one of a pair, or of one side only."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.backtest.difference import Difference, Differing
from flows.schema import Alarm, Transition

pytestmark = pytest.mark.slow

HOUR = 3_600_000
bounded = settings(derandomize=True, max_examples=150, deadline=None)


def alarm(
    device: str = "a",
    at: int = 0,
    severity: str | None = None,
    transition: Transition = "raised",
    rule: str = "hot",
    number: int = 1,
    opened: int | None = None,
) -> Alarm:
    """An alarm as far as it is compared."""
    return Alarm(
        id=f"{rule}/{device}/{at}", episode="e", number=number, tenant="t", rule=rule, rule_set=0, stream="s",
        device=device, transition=transition, severity=severity, at=at, opened_at=at if opened is None else opened,
        partition=0,
    )  # fmt: skip


alarms = st.lists(
    st.builds(
        alarm,
        device=st.sampled_from("ab"),
        at=st.integers(0, 8).map(lambda hours: hours * HOUR),
        severity=st.sampled_from([None, "low", "high"]),
        transition=st.sampled_from(["raised", "cleared"]),
        rule=st.sampled_from(["hot", "cold"]),
    ),
    max_size=12,
)


def compared(now: list[Alarm], before: list[Alarm], within: int = HOUR) -> tuple[Difference, list[Differing]]:
    """Both sides taken at once."""
    found = Difference(["hot"])
    found.take("now", now)
    found.take("before", before)
    return found, found.differing(within)


def kinds(differing: list[Differing]) -> list[tuple[str, str]]:
    """The side and the kind of each."""
    return [(one.side, one.how) for one in differing]


@bounded
@given(alarms, alarms)
def test_nothing_is_lost(now: list[Alarm], before: list[Alarm]) -> None:
    """Of each side and rule, the same, the pairs and what is only there add up to all there was."""
    found, differing = compared(now, before)
    for one in found.by_rule(differing):
        paired = one.same + one.severity + one.shifted
        assert paired + one.only_now == sum(a.rule == one.rule for a in now)
        assert paired + one.only_before == sum(a.rule == one.rule for a in before)
    assert all(one.other is not None or one.how == "only" for one in differing)


@bounded
@given(alarms, alarms, st.integers(0, 1 << 24))
def test_the_order_of_taking_does_not_matter(now: list[Alarm], before: list[Alarm], turns: int) -> None:
    """Taken alternately in any pieces, the two differ in the same."""
    _, at_once = compared(now, before)
    found = Difference(["hot"])
    left, right = list(now), list(before)
    while left or right:
        side, of = ("now", left) if left and (turns & 1 or not right) else ("before", right)
        found.take("now" if side == "now" else "before", [of.pop(0)])
        turns >>= 1
    assert found.differing(HOUR) == at_once


@bounded
@given(alarms)
def test_a_set_against_itself(same: list[Alarm]) -> None:
    """Nothing differs, and all is the same."""
    found, differing = compared(same, same[::-1])
    assert differing == []
    assert sum(one.same for one in found.by_rule(differing)) == len(same)


@bounded
@given(alarms, alarms)
def test_the_sides_mirror_each_other(now: list[Alarm], before: list[Alarm]) -> None:
    """Changed round, what was only now is only before, and as many pairs are found."""
    here = Counter(kinds(compared(now, before)[1]))
    there = Counter(kinds(compared(before, now)[1]))
    assert here == Counter({({"now": "before", "before": "now"}[s], h): n for (s, h), n in there.items()})


def test_another_severity() -> None:
    """The same episode, opened at the same time and of another severity, is one pair."""
    _, differing = compared([alarm(severity="high")], [alarm(severity="low")])
    assert kinds(differing) == [("before", "severity"), ("now", "severity")]
    assert [one.other.severity for one in differing if one.other] == ["high", "low"]


def test_shifted() -> None:
    """The same device under the same rule an hour later is a pair within an hour, and two alarms within less."""
    now, before = [alarm(at=HOUR)], [alarm(at=0)]
    assert kinds(compared(now, before)[1]) == [("before", "shifted"), ("now", "shifted")]
    assert kinds(compared(now, before, HOUR - 1)[1]) == [("before", "only"), ("now", "only")]


def test_each_is_paired_once() -> None:
    """Two before and one now, all within the hour: the earliest pair, and one that was only before."""
    _, differing = compared([alarm(at=HOUR)], [alarm(at=HOUR // 2), alarm(at=HOUR + 1)])
    assert kinds(differing) == [("before", "shifted"), ("now", "shifted"), ("before", "only")]


def test_a_rule_without_alarms_is_counted() -> None:
    """A rule of either set that says nothing stands in the counts with noughts."""
    found, differing = compared([], [])
    assert [(one.rule, one.same, one.only_now) for one in found.by_rule(differing)] == [("hot", 0, 0)]
