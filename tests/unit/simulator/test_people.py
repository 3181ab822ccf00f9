"""The messages of people: the same for the same plan, in order, and such as systems send."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import PlanWrong
from flows.simulator.people.expectation import expected
from flows.simulator.people.person import daytime_zone, people
from flows.simulator.people.plan import PeoplePlan, PeopleShares
from flows.simulator.people.planting import KINDS, plant
from flows.simulator.people.simulate import simulate

START = 1_760_000_000_000
PLAN = PeoplePlan(start=START, people=80, duration=19 * 60_000, pace=38.0)
NONE = msgspec.convert(dict.fromkeys(PeopleShares.__struct_fields__, 0.0), PeopleShares)


def test_the_same_plan_gives_the_same_bytes():
    """Two runs of one plan are equal in topics, keys, values and append times."""
    assert simulate(PLAN) == simulate(PLAN)
    assert expected(PLAN) == expected(PLAN)


def test_another_seed_gives_other_lives():
    """The seed decides who does what."""
    other = msgspec.structs.replace(PLAN, seed=2)
    assert {one.value for one in simulate(PLAN)} != {one.value for one in simulate(other)}


def test_what_is_known_comes_first_and_the_rest_in_its_order():
    """Acts follow each other; within one, append times never go back and stay within the plan."""
    told = simulate(PLAN)
    acts = [one.act for one in told]
    assert acts == sorted(acts, key=("before", "during", "after").index)
    assert {one.act for one in told} == {"before", "during", "after"}
    for _, one_act in itertools.groupby(told, key=lambda one: one.act):
        times = [one.appended for one in one_act]
        assert times == sorted(times)
        assert PLAN.start <= times[0] <= times[-1] <= PLAN.end


def test_nothing_is_told_before_it_happened():
    """No event has a time after the one at which the bus takes it; carts are told long after."""
    lags = [one.appended - time_of(one.value) for one in simulate(PLAN)]
    assert min(lags) >= 0
    assert (
        max(lag for lag, one in zip(lags, simulate(PLAN), strict=True) if one.topic == "events") > 15 * 60_000
    )


def test_no_two_messages_have_one_id():
    """An event or row with the id of another would be taken for a repeat."""
    ids = [(said["source"], said["id"]) for said in map(said_of, simulate(PLAN))]
    assert len(ids) == len(set(ids))


def test_nobody_has_two_truths():
    """Each person is planted in once, or is ordinary."""
    society = plant(PLAN)
    numbers = [person.number for one in (*society.planted, *society.ordinary) for person in one.people]
    assert sorted(numbers) == list(range(PLAN.people))


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_truth_comes_at_least_once_or_not_at_all(kind):
    """A share above 0 plants it, 0 does not."""
    only = msgspec.structs.replace(NONE, **{kind: 0.0001})
    planted = plant(msgspec.structs.replace(PLAN, shares=only)).planted
    assert [one.name for one in planted] == [kind]
    assert plant(msgspec.structs.replace(PLAN, shares=NONE)).planted == ()


def test_no_name_of_one_person_is_another_s():
    """Contacts, accounts, addresses, phones, cookies and installations are everybody's own."""
    everybody = list(people(PLAN))
    for name in ("contact", "account", "email", "phone", "cookie", "app"):
        assert len({getattr(person, name) for person in everybody}) == len(everybody)


@given(st.integers(1_500_000_000_000, 2_500_000_000_000))
def test_it_is_about_noon_where_people_live(now):
    """Whenever it is played, nobody's night is disturbed."""
    assert datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(daytime_zone(now))).hour == 12


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seed": -1}, "seed"),
        ({"duration": 1_000}, "minute"),
        ({"shares": PeopleShares(offices=2.0)}, "offices"),
        ({"people": 5}, "more people"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changed, words):
    """It says what is wrong and what to do."""
    with pytest.raises(PlanWrong, match=words):
        simulate(msgspec.structs.replace(PLAN, **changed))


def said_of(told) -> dict:
    """What a message says."""
    return json.loads(told.value)


def time_of(value: bytes) -> int:
    """When it happened, ms."""
    return round(datetime.fromisoformat(json.loads(value)["time"]).timestamp() * 1000)
