"""The messages of the fleet: the same for the same plan, in order, and such as vehicles send."""

import itertools
import json

import msgspec
import pytest

from flows.errors import PlanWrong
from flows.simulator.plan import Plan, Shares
from flows.simulator.records import events, identities, things
from flows.simulator.simulate import simulate

START = 1_760_000_000_000
PLAN = Plan(start=START, vehicles=60, duration=30 * 60_000)
NONE = msgspec.convert(dict.fromkeys(Shares.__struct_fields__, 0.0), Shares)


def test_the_same_plan_gives_the_same_bytes():
    """Two runs of one plan are equal in keys, values and append times."""
    assert list(simulate(PLAN)) == list(simulate(PLAN))


def test_another_seed_gives_other_bytes():
    """The seed decides the readings."""
    other = msgspec.structs.replace(PLAN, seed=2)
    assert {one.value for one in simulate(PLAN)}.isdisjoint(
        {one.value for one in simulate(other) if b"odometer" in one.value}
    )


def test_append_times_never_go_back():
    """The order of the stream is the order in which the bus takes it."""
    times = [one.appended for one in simulate(PLAN)]
    assert all(a <= b for a, b in itertools.pairwise(times))


def test_no_message_is_empty_or_holds_a_newline():
    """Every message, garbage too, can stand as one line of an archive."""
    assert all(one.value and b"\n" not in one.value for one in simulate(PLAN))


def test_ordinary_vehicles_stay_far_from_every_rule():
    """Over a whole day: coolant under 97 °C, battery at 12.5 V and more, no lamp lit twice in a row."""
    plan = Plan(start=START, vehicles=15, duration=24 * 3_600_000, interval=60_000, shares=NONE)
    lit: set[str] = set()
    speeds = set()
    for sent in simulate(plan):
        reading = json.loads(sent.value)
        assert 0 < reading["coolant_c"] < 97
        assert 12.5 <= reading["battery_v"] <= 14.5
        assert not (reading["mil"] == "on" and reading["device"] in lit)
        (lit.add if reading["mil"] == "on" else lit.discard)(reading["device"])
        speeds.add(reading["speed_kmh"] > 0)
    assert speeds == {True, False}


def test_more_cars_drive_by_day_than_by_night():
    """The daily pattern shows: between 7 and 9 h many more engines run than between 1 and 3 h (UTC)."""

    def driving(hour):
        midnight = START - START % 86_400_000
        plan = Plan(start=midnight, vehicles=60, duration=9 * 3_600_000, interval=60_000, shares=NONE)
        window = (midnight + hour * 3_600_000, midnight + (hour + 2) * 3_600_000)
        readings = (json.loads(one.value) for one in simulate(plan) if window[0] <= one.appended < window[1])
        return sum(one["engine_load"] > 0 for one in readings)

    assert driving(7) > 2 * driving(1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"duration": 10 * 60_000}, "too short"),
        ({"interval": 120_000}, "interval"),
        ({"vehicles": 10}, "ordinary"),
        ({"shares": Shares(silence=0.3)}, "silent"),
        ({"shares": Shares(battery=1.5)}, "battery"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_plan_that_cannot_hold_its_truths_is_refused(changes, says):
    """The error names what is wrong, before anything is made."""
    with pytest.raises(PlanWrong, match=says):
        next(simulate(msgspec.structs.replace(PLAN, **changes)))


def test_records_are_of_the_fleet():
    """Every vehicle is a thing; some owners have two, some vehicles nobody; events come in order of time."""
    plan = msgspec.structs.replace(PLAN, vehicles=500)
    devices = {one.key.decode() for one in things(plan)}
    assert len(devices) == 500
    roles = {one.key.decode(): json.loads(one.value)["roles"] for one in identities(plan)}
    assert 400 < len(roles) < 500
    assert {key.removeprefix("device:") for key in roles} <= devices
    owners = [role["customer"] for each in roles.values() for role in each if role["role"] == "owner"]
    assert len(owners) == len(roles)
    assert len(set(owners)) < len(owners)
    found = list(events(plan))
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert {json.loads(one.value)["type"] for _, one in found} == {"order.placed", "complaint.opened"}
