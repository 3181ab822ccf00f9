"""What is known beside the readings: the vehicles as things, whose they are, and some events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np

from flows.schema import Event, Identity, Role, encode
from flows.simulator.plan import Plan

_NOBODY, _SECOND_CAR, _OTHER_DRIVER = 0.05, 0.1, 0.2
_EVENTS_PER_VEHICLE = 0.2
_DEALERS = 12
HOT_C = 105.0


class Record(msgspec.Struct, frozen=True):
    """A keyed message of a topic."""

    key: bytes
    value: bytes


def _names(plan: Plan) -> Iterator[str]:
    return (f"veh-{number:07d}" for number in range(plan.vehicles))


def _customer(rng: np.random.Generator) -> str:
    return f"c-{rng.bytes(6).hex()}"


def things(plan: Plan) -> Iterator[Record]:
    """One record a vehicle: its model and from which coolant temperature (°C) that model is hot."""
    models = plan.generator("things").integers(1, 4, plan.vehicles).tolist()
    for name, model in zip(_names(plan), models, strict=True):
        yield Record(name.encode(), encode({"hot_c": HOT_C, "model": f"m{model}"}))


def identities(plan: Plan) -> Iterator[Record]:
    """The roles of each vehicle; some owners have two, some cars another driver, some nobody."""
    rng = plan.generator("identity")
    dealers = [_customer(rng) for _ in range(_DEALERS)]
    owner = _customer(rng)
    since = plan.start - 1
    for number, name in enumerate(_names(plan), 1):
        chances = rng.random(3)
        if chances[0] < _NOBODY:
            continue
        owner = owner if chances[1] < _SECOND_CAR else _customer(rng)
        driver = _customer(rng) if chances[2] < _OTHER_DRIVER else owner
        dealer = dealers[int(rng.integers(0, _DEALERS))]
        held = (("owner", owner), ("driver", driver), ("dealer", dealer))
        roles = tuple(
            Role(role=role, customer=who, since=since, evidence="registration") for role, who in held
        )
        yield Record(f"device:{name}".encode(), encode(Identity(number=number, roles=roles)))


def events(plan: Plan) -> Iterator[tuple[int, Record]]:
    """Orders and complaints about some vehicles, with their time (ms), oldest first."""
    rng = plan.generator("events")
    count = round(plan.vehicles * _EVENTS_PER_VEHICLE)
    times = np.sort(rng.integers(plan.start, plan.end, count)).tolist()
    for i, at in enumerate(times):
        subject = f"device:veh-{int(rng.integers(0, plan.vehicles)):07d}"
        ordered = rng.random() < 0.8
        event = Event(
            id=f"e-{plan.seed}-{i:06d}",
            source="shop" if ordered else "service-desk",
            type="order.placed" if ordered else "complaint.opened",
            subject=subject,
            time=datetime.fromtimestamp(at / 1000, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            data={"amount": round(float(rng.gamma(2.0, 60.0)), 2)} if ordered else {"about": "service"},
        )
        yield at, Record(subject.encode(), encode(event))
