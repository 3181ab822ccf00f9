"""From readings to the profile of whoever owns the device: a real shard, the resolver and a bucket."""

from __future__ import annotations

import msgspec

from flows.moments import moment
from flows.rules.model import Aggregate, NamedPlace, RuleSet, StreamAggregate, StreamPosition
from flows.schema import Event
from flows.streams import Field, Position, Stream
from tests.unit.customers.world import HOUR, T0, Sets, World, overheating, owned, rule_set
from tests.unit.devices.driving import Driven
from tests.unit.devices.driving import Sets as Published

AT = T0 // HOUR * HOUR
STREAM = Stream(
    name="vehicle",
    topic="telemetry",
    key="vin",
    time="at",
    fields=(
        Field(name="coolant_c", type="float"),
        Field(name="latitude", type="float", source="lat"),
        Field(name="longitude", type="float", source="lon"),
    ),
    position=Position("lat", "lon"),
)
DECLARED = {
    "measured": (
        StreamAggregate(
            name="engine_temp", stream="vehicle", field="coolant_c", every=HOUR, keep=("last", "mean")
        ),
    ),
    "position": StreamPosition(stream="vehicle", every=HOUR),
}


def people() -> RuleSet:
    """The same declarations as the customers flow sees them, with a rule that asks."""
    asking = overheating()
    seen = Aggregate(name="days_since_seen", source="event:any", take="since")
    return msgspec.structs.replace(
        rule_set(asking, profile=(seen,)),
        places=(NamedPlace(name="workshop", latitude=52.5, longitude=13.4, radius_km=0.5),),
        **DECLARED,
    )


def hour(device: str, number: int, *coolant: float) -> list[bytes]:
    """Readings of one hour, all in one place."""
    return [
        msgspec.json.encode(
            {
                "vin": device,
                "at": AT + number * HOUR + i * 60_000,
                "coolant_c": c,
                "lat": 52.501,
                "lon": 13.4,
            }
        )
        for i, c in enumerate(coolant)
    ]


def told(shard: Driven) -> list[tuple[Event, int]]:
    """What the shard has told so far, as the customers flow reads it."""
    return [(event, moment(event.time, "rfc3339", "UTC")) for event in shard.events]


def test_what_a_device_measures_is_in_the_profile_of_its_owner() -> None:
    """The last window that is over, and the place; that a car was driven does not say that its owner was seen."""
    shard = Driven(STREAM, Published(**DECLARED))
    world = World(Sets(people()))
    world.feed(owned("veh-17", "ada"))
    readings = hour("veh-17", 0, 90, 92, 94) + hour("veh-17", 1, 100, 102) + hour("veh-17", 2, 50)
    shard.send(readings, AT + 3 * HOUR)
    world.feed(*told(shard))
    profile = world.profiles["ada"]
    assert profile.values == {
        "days_since_seen": None,
        "engine_temp.last": 102,
        "engine_temp.mean": 101,
        "latitude": 52.501,
        "longitude": 13.4,
        "place": "workshop",
    }
    assert profile.origins["engine_temp.mean"].at == AT + 2 * HOUR
    assert profile.labels == ("device:veh-17",)


def test_what_is_told_again_in_a_replay_changes_nothing() -> None:
    """After a restart from an older snapshot the shard tells the same, and it is known by its id."""
    shard = Driven(STREAM, Published(**DECLARED))
    shard.send(hour("veh-17", 0, 90, 92), AT + HOUR)
    world = World(Sets(people()))
    again = Driven(STREAM, Published(**DECLARED))
    again.send(hour("veh-17", 0, 90, 92), AT + HOUR)
    for each in (shard, again):
        each.send(hour("veh-17", 1, 80), AT + 2 * HOUR)
    assert shard.events == again.events
    world.feed(*told(shard))
    before = world.profiles["device:veh-17"]
    world.feed(*told(again), *told(shard))
    assert world.profiles["device:veh-17"] == before
