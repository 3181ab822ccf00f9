"""Places at which a process of the product kills itself, counted in what it has done: never in seconds.

Each place is a function; the moments before and after each of its calls are counted over all calls, from when the test
lets them count, and at the n-th the process is gone by SIGKILL. So a kill can fall between any two steps, on a slow
machine as on a fast one.
"""

from __future__ import annotations

import importlib
import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import msgspec

HALF = "half of "
"""Not counted before and after: the n-th message to a topic, or to any but the Clocks', is the last that is let out."""
_WRITERS = ("flows.topics.sqlite_writer:SqliteWriter", "flows.topics.kafka_writer:KafkaWriter")
_SINK = "flows.engine.sink:TopicSinkPartition"

# Of each part (function, how many of its moments are seen at least in a few seconds of work). Those of BOUND come
# only at a start that finds what was published and is not on disk: whoever is to die there dies in PUBLISHED before.
PLACES: dict[str, tuple[tuple[str, int], ...]] = {
    "devices": (
        (f"{_SINK}.write_batch", 4),  # alarms on their way
        (f"{_SINK}.snapshot", 12),  # on the topic, and the epoch is not on disk
        ("flows.devices.operator:ShardLogic.on_batch", 8),
        ("flows.devices.operator:ShardLogic.snapshot", 6),
        ("flows.engine.messages:FollowingPartition.snapshot", 24),  # offsets
        (HALF, 3),
    ),
    "customers": (
        (f"{_SINK}.write_batch", 6),  # decisions on their way, and the actions they want
        (f"{_SINK}.snapshot", 12),
        ("flows.customers.batch:Batch.take", 24),
        ("flows.customers.handoffs:give", 2),
        ("flows.customers.handoffs:take", 2),
        ("flows.customers.operators:ResolveStep.snapshot", 4),
        ("flows.customers.operators:BucketStep.snapshot", 8),
        ("flows.customers.operators:BaseStep.on_batch", 2),  # bases
        ("flows.customers.operators:BaseStep.snapshot", 2),
    ),
    "identity": (
        ("flows.identity.service:Service.take", 2),
        ("flows.identity.service:Service.publish", 2),
        ("flows.identity.service:Service.confirm", 2),
        ("flows.identity.intake:Intake.take", 2),
        ("sqlalchemy.engine.default:DefaultDialect.do_commit", 6),
        (HALF, 4),
    ),
}
PUBLISHED = f"{HALF}decisions", f"{HALF}handoffs"
_OUT = 2
BOUND: tuple[tuple[str, int], ...] = (
    ("flows.engine.published:PublishedPartition.next_batch", 12),
    ("flows.customers.batch:Batch._published", 4),
    ("flows.customers.folding:bind", 2),
)


class Death(msgspec.Struct, frozen=True):
    """Where a process dies, and at which moment of that place, from 1."""

    place: str
    moment: int


def arm(death: Death, counts: Callable[[], bool]) -> None:
    """Have this process die there; moments at which nothing `counts` are none."""
    if death.place.startswith(HALF):
        for writer in _WRITERS:
            _end_half_way(*_found(f"{writer}.write"), death, counts)
        return
    owner, name = _found(death.place)
    method = getattr(owner, name)
    passed = 0

    def go_by() -> None:
        nonlocal passed
        passed += counts()
        if passed >= death.moment:
            die()

    @wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        go_by()
        found = method(*arguments, **named)
        go_by()
        return found

    setattr(owner, name, call)


def die() -> None:
    """At once, and nothing is put in order."""
    os.kill(os.getpid(), signal.SIGKILL)


def _end_half_way(owner: Any, name: str, death: Death, counts: Callable[[], bool]) -> None:
    wanted = death.place.removeprefix(HALF)
    write: Callable[..., None] = getattr(owner, name)
    written = 0

    @wraps(write)
    def call(writer: Any, topic: str, *arguments: Any, **named: Any) -> None:
        nonlocal written
        write(writer, topic, *arguments, **named)
        # What is noted on the Clocks is no work.
        written += counts() and topic.endswith(wanted) and not topic.endswith("clocks")
        if written >= death.moment:
            writer.flush()
            die()

    setattr(owner, name, call)


def _found(place: str) -> tuple[Any, str]:
    """The module or class, and the name of its function."""
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *between, name = path.split(".")
    for step in between:
        owner = getattr(owner, step)
    return owner, name


Deaths = dict[str, list[list[Death]]]
"""By part, and phase after phase, where it dies."""


def deaths_in(times: Mapping[str, Sequence[int]], published: str, chance: random.Random) -> Deaths:
    """Of each part so many in each phase; where customers die twice, they die publishing and then at what they find."""
    found: Deaths = {}
    for part, each in times.items():
        places = [_death(place, chance) for place in chance.sample(PLACES[part], len(PLACES[part]))]
        found[part] = [[places.pop() for _ in range(count)] for count in each]
        if part == "customers":
            bound = [_death((published, _OUT), chance), _death(chance.choice(BOUND), chance)]
            found[part] = [bound if len(phase) == len(bound) else phase for phase in found[part]]
    return found


def _death(place: tuple[str, int], chance: random.Random) -> Death:
    return Death(place[0], chance.randint(1, place[1]))
