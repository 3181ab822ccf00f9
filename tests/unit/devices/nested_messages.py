"""Nested, narrow and scaled declarations, and messages for them: valid, oddly spelled, damaged; seeded."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec

from flows.streams import Field, Position, Stream
from tests.unit.devices.messages import ANYTHING, NUMBERS

NESTED = Stream(
    name="s", topic="telemetry", key="car.id", time="meta.at", position=Position("gps.lat", "gps.lon"),
    fields=(
        Field(name="t", type="float", source="engine.coolant.temp", scale=0.1, offset=-40.0, low=-60, high=250),
        Field(name="load", type="int", source="engine.load", scale=2),
        Field(name="on", type="bool", source="engine.on"),
        Field(name="e", type="enum", values=("off", "on"), source="light"),
        Field(name="made", type="float", derived=True),
        Field(name="latitude", type="float", source="gps.lat", low=-90, high=90),
        Field(name="longitude", type="float", source="gps.lon", low=-180, high=180),
    ),
)  # fmt: skip
NARROW = Stream(
    name="s", topic="telemetry", key="id", time="at", shape="narrow", metric="what.name", value="what.value",
    fields=(
        Field(name="t", type="float", source="engine.temp", scale=0.5, low=-1000, high=1e6),
        Field(name="load", type="int"),
        Field(name="on", type="bool"),
        Field(name="e", type="enum", values=("off", "on")),
        Field(name="note", type="text"),
    ),
)  # fmt: skip
OFFICE = msgspec.structs.replace(NESTED, key="", device="office", time_unit="rfc3339", zone="UTC", time="at")
BERLIN = msgspec.structs.replace(OFFICE, zone="Europe/Berlin")
ZONED = msgspec.structs.replace(OFFICE, zone="")
STREAMS = {"nested": NESTED, "narrow": NARROW, "office": OFFICE, "Berlin": BERLIN, "zoned": ZONED}
MOMENTS = (
    "2014-01-07 02:55:00", "2014-01-07T02:55:00Z", "2014-02-29 00:00:00", "2016-02-29 23:59:59.5", "2014-01-07",
    "2014-01-07T02:55:00+05:30", "2014-01-07T02:55:00.123-00:30", "2014-01-07 24:00:00", "2014-13-07 02:55:00",
    "2014-10-26 02:30:00", "2014-03-30 02:30:00", "0001-01-01 00:00:00", "1970-01-01 00:00:00", "9999-12-31 23:59:59",
    "2014-01-07T02:55:00.1239", "2014-01-07 02:55:60", "2014-01-07x02:55:00", "2014-01-07 02:55:00+24:00", "soon",
    "2014-01-07 02:55", "20140107T025500", "2014-01-07T02:55:00z", "2014-01-07 02:55:00.", "2014-01-07T02:55:00+0100",
    "2100-02-29 00:00:00", "2000-02-29T00:00:00Z", "1900-03-01 00:00:00Z", "2014-00-07 00:00:00", "2014-01-00 00:00:00",
)  # fmt: skip


def _leaf(random: Random, stream: Stream, path: str, wild: float) -> str:
    """JSON for what stands at a path; so often, of a kind that does not belong there."""
    if random.random() < wild:
        return random.choice((*ANYTHING, random.choice(NUMBERS), "17", "17.0", "-0", "null", "1e3", "{}"))
    if path in (stream.key, stream.metric):
        return random.choice(('"veh-1"', '"a"', '"load"', '"on"', '"e"', '"note"', '"engine.temp"'))
    if path == stream.time:
        text = json.dumps(random.choice(MOMENTS if random.random() < 0.3 else MOMENTS[:2]))
        return text if stream.time_unit == "rfc3339" else str(1_700_000_000_000 + random.randrange(1000))
    number = random.choice((str(random.randrange(-100, 100)), f"{random.randrange(-4000, 4000) / 4}"))
    if path == stream.value:
        return random.choice((number, number, "true", "null", '"on"'))
    leaves = {"bool": ("true", "false"), "enum": ('"on"', '"off"'), "int": (str(random.randrange(99)),)}
    return random.choice(leaves.get({f.path: f.type for f in stream.fields}[path], (number,)))


def _put(tree: dict[str, Any], path: str, leaf: str) -> None:
    """Under a dotted path."""
    *above, last = path.split(".")
    for part in above:
        below = tree.setdefault(part, {})
        tree = below if isinstance(below, dict) else tree
    tree[last] = leaf


def _json(random: Random, tree: dict[str, Any], wild: float) -> str:
    """Objects in any order of their members, with spaces, things nobody wants, and now and then a key twice."""
    members = [
        f"{json.dumps(k)}:{v if isinstance(v, str) else _json(random, v, wild)}" for k, v in tree.items()
    ]
    if random.random() < 0.3:
        depth = random.choice((1, 2, 14, 15, 16, 17))
        inner = random.choice(
            ANYTHING if random.random() < wild else ("1", '"x"', "null", "[]", "{}", "-0.5")
        )
        wrapped = random.choice(
            (
                '{"a":' * depth + inner + "}" * depth,
                "[" * depth + inner + "]" * depth,
                f'[{inner},{{"x":[]}}]',
            )
        )
        members.append(f'"{random.choice(("more", "engine", "x", "gps"))}":{wrapped}')
    if random.random() < wild / 4 and members:
        members.append(random.choice(members))
    if random.random() < 0.5:
        random.shuffle(members)
    space = random.choice(("", "", " ", "\n"))
    return "{" + space + f"{space},".join(members) + space + "}"


def message(random: Random, stream: Stream) -> bytes:
    """Something like a reading of the stream."""
    tree: dict[str, Any] = {}
    wild = random.choice((0, 0, 0.03, 0.2))
    paths = {stream.key, stream.time, stream.metric, stream.value, *(f.path for f in stream.fields)} - {""}
    for path in sorted(paths):
        if random.random() < 0.9:
            # as a whole, or as a path, or both
            way = random.random()
            if way > 0.1:
                _put(tree, path, _leaf(random, stream, path, wild))
            if way < 0.12:
                tree[path] = _leaf(random, stream, path, wild)
    value = _json(random, tree, wild).encode()
    place = random.randrange(len(value))
    match random.randrange(12):
        case 0:
            return (
                value[:place]
                + random.choice(b'{}[]",:0 \xff').to_bytes()
                + value[place + random.randrange(2) :]
            )
        case 1:
            return random.choice((value[:place], value[:place] + value[place + 1 :]))
        case 2:
            return b"[" + b",".join([value] * random.randrange(3)) + b"]"
        case _:
            return value


def messages(seed: int, name: str, count: int) -> list[bytes]:
    """So many messages; those of a smaller count are a prefix."""
    random = Random(seed)
    return [message(random, STREAMS[name]) for _ in range(count)]
