"""Limits: at most so many in any stretch of event time, per device, customer and rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.customers import limits
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import RuleLimits
from flows.errors import StateUnreadable
from flows.rules.model import Limit
from tests.unit.customers.world import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Sets,
    World,
    alarm,
    overheating,
    owned,
    rule_set,
    statuses,
)


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(0, 4), st.integers(1, 20))
def test_no_stretch_ever_holds_more_than_allowed_and_nothing_is_refused_without_need(
    wanted: list[int], at_most: int, every: int
) -> None:
    """Against an oracle that looks at every stretch that begins at a counted time, in any order of coming."""
    times: list[int] = []
    for at in wanted:
        after = sorted([*times, at])
        fits = all(sum(begin <= t < begin + every for t in after) <= at_most for begin in after)
        assert limits.allows(times, at, at_most, every) == fits
        if fits:
            limits.count(times, at, every)
    assert times == sorted(times)


def test_what_is_counted_stays_bounded() -> None:
    """Ten thousand raises an hour apart leave the last 64."""
    times: list[int] = []
    for n in range(10_000):
        limits.count(times, n * HOUR, HOUR)
    assert len(times) == 64


def held_world() -> World:
    """A rule that may act twice an hour over all customers."""
    rule = overheating(limits=(Limit(per="rule", at_most=2, every=HOUR),))
    world = World(Sets(rule_set(rule)), now=T0 + HOUR)
    world.feed(*(owned(f"veh-{n}", f"c-{n}", f"d-{n}") for n in range(5)))
    return world


def test_beyond_the_rules_limit_actions_are_held_for_release_and_still_count_as_open() -> None:
    """The third customer's decision is held; its case is open, nothing of it is sent."""
    world = held_world()
    decisions = world.feed(*(alarm(device=f"veh-{n}", opened_at=T0 + n * MINUTE) for n in range(3)))
    assert [d.verdict for d in decisions] == ["acted", "acted", "held"]
    assert set(statuses(decisions[2]).values()) == {"held"}
    assert world.profiles["c-2"].open == {"case:engine": 1}
    assert not {p.action.id for p in decisions[2].actions} & {sent for sent, _ in world.sent}


def test_the_end_of_a_held_episode_is_held_too_but_its_escalation_is_not() -> None:
    """A case that was never opened is not closed; pull-over is sent all the same."""
    world = held_world()
    world.feed(*(alarm(device=f"veh-{n}", opened_at=T0 + n * MINUTE) for n in range(3)))
    opened = {"device": "veh-2", "opened_at": T0 + 2 * MINUTE}
    world.now = T0 + 5 * MINUTE
    escalated, cleared = world.feed(alarm("escalated", 2, **opened), alarm("cleared", 3, **opened))
    assert (escalated.verdict, cleared.verdict) == ("acted", "held")


def test_an_hour_later_there_is_room_again() -> None:
    """The limit slides with event time."""
    world = held_world()
    world.now = T0 + 3 * HOUR
    world.feed(*(alarm(device=f"veh-{n}", opened_at=T0) for n in range(2)))
    (later,) = world.feed(alarm(device="veh-3", opened_at=T0 + HOUR))
    assert later.verdict == "acted"


def test_folded_decisions_are_counted_once_and_pass_as_they_are() -> None:
    """After a crash two published raises and a held one leave no room, and the held one sends nothing."""
    first = held_world()
    published = first.feed(*(alarm(device=f"veh-{n}", opened_at=T0 + n * MINUTE) for n in range(3)))
    again = held_world()
    again.fold(published)
    assert again.sent == first.sent
    (fourth,) = again.feed(alarm(device="veh-4", opened_at=T0 + 4 * MINUTE))
    assert fourth.verdict == "held"


def test_a_dry_run_does_not_use_up_the_rules_limit() -> None:
    """Only what acts is counted."""
    rule = overheating(mode="dry_run", limits=(Limit(per="rule", at_most=1, every=DAY),))
    world = World(Sets(rule_set(rule)), now=T0 + HOUR)
    decisions = world.feed(*(alarm(device=f"veh-{n}") for n in range(3)))
    assert {d.verdict for d in decisions} == {"dry_run"}


def test_a_snapshot_of_an_unknown_format_is_refused() -> None:
    """State of a later version is not guessed at."""
    with pytest.raises(StateUnreadable, match="rule limits has format 9"):
        RuleLimits(RuleBook(Sets(rule_set())), b"\x09\x80")
