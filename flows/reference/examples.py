"""One engine overheats: what that puts on each topic, made by the objects of both flows.

The clock is handed in and ids come out the same every time, so the messages are the same each time.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from connectors.outcomes import settled
from flows.customers.bucket import Bucket
from flows.customers.outgoing import of_decided
from flows.customers.resolve import AlarmIn, IdentityIn, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided
from flows.devices.shard import Shard, ShardOutput, ShardPlace
from flows.reference.markdown import json_block
from flows.rules.load import Configuration, Documents, load_configuration
from flows.rules.model import RuleSet
from flows.rules.published import PublishedSet
from flows.schema import Action, CloudEvent, Event, Identity, Profile, Role, decode, encode
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import Message, RawBatch

_STARTER = Path(__file__).parents[1] / "starter"
_TENANT, _DEVICE = "default", "veh-17"
_START = 1_772_352_000_000  # 2026-03-01T08:00:00Z
_EVERY, _ON_THE_WAY = 10_000, 400
_COOLANT = (105, 107, 106, 109, 108, 111, 110, 113, 112, 115)
_BROKEN = b'{"device":"veh-17","at":'
_ROLES = (Role(role="owner", customer="c-olga"), Role(role="driver", customer="c-dan", evidence="app"))


def made(topic: str) -> str:
    """The example of a topic."""
    return json_block(messages()[topic])


@cache
def messages() -> dict[str, object]:
    """A message for each topic as plain data; a dead letter is told by its headers."""
    found = load_configuration(Settings(folder=str(_STARTER)))
    sets = _Fixed(found.rule_set(_TENANT, 1))
    rows = [encode(_reading(i, value)) for i, value in enumerate(_COOLANT)]
    out, accounts = _watched(sets, [*rows, _BROKEN])
    decided, profile = _decided(sets, out)
    names = TopicNames()
    sent = [message for _, message in of_decided(decided, names) if message.topic != names.decisions]
    action = decode(CloudEvent, sent[0].value or b"")
    outcome = settled(
        msgspec.convert(action.data, Action), "accepted", decided.decision.decided_at + 250, "outbox",
        reference="CASE-1",
    )  # fmt: skip
    shown: dict[str, bytes] = {
        "stream": rows[-1],
        "things": encode({"hot_c": 105, "model": "m2"}),
        "identity": encode(Identity(number=1, roles=_ROLES)),
        "events": encode(_event()),
        "rules": encode(_published(found)),
        "alarms": encode(out.alarms[0]),
        "accounts": encode(accounts.accounts[0]),
        "decisions": encode(decided.decision),
        "profiles": encode(profile),
        "actions": encode(action),
        "outcomes": outcome.value,
        "dead-letters": encode({name: value.decode() for name, value in out.dead[0].headers()}),
    }
    return {topic: msgspec.json.decode(value) for topic, value in shown.items()}


class _Fixed:
    """One rule set, as the flows ask for it."""

    def __init__(self, current: RuleSet) -> None:
        self.current = current

    def get(self, number: int) -> RuleSet:  # noqa: ARG002 - there is only one
        """The only set."""
        return self.current


def _reading(place: int, coolant: float) -> dict[str, object]:
    at = _START + place * _EVERY
    return {"device": _DEVICE, "at": at, "coolant_c": coolant, "speed_kmh": 50, "mil": "off"}


def _watched(sets: _Fixed, values: list[bytes]) -> tuple[ShardOutput, ShardOutput]:
    """What a shard makes of the readings, and of the end of an epoch."""
    stream = sets.current.streams["vehicle"]
    shard = Shard(ShardPlace(tenant=_TENANT, stream=stream, partition=0, partitions=1), sets)
    things = encode({"hot_c": 105, "model": "m2"})
    shard.on_things([Message("things", 0, 0, _DEVICE.encode(), things, (), _START)])
    places = np.arange(len(values), dtype=np.int64)
    ends = np.cumsum([len(value) for value in values], dtype=np.int64)
    appended = _START + places * _EVERY + _ON_THE_WAY
    batch = RawBatch(stream.topic, 0, b"".join(values), ends, places, appended, at_end=True)
    return shard.on_readings(batch), shard.on_epoch()


def _decided(sets: _Fixed, out: ShardOutput) -> tuple[Decided, Profile]:
    """What is decided on the first alarm, and the profile after it."""
    book, alarm = RuleBook(sets), out.alarms[0]
    resolver = Resolver(book)
    resolver.take(IdentityIn(f"device:{_DEVICE}", Identity(number=1, roles=_ROLES)))
    bucket = Bucket(_TENANT, book, lambda: alarm.at + 2 * _ON_THE_WAY)
    made = [each for trigger in resolver.take(AlarmIn(alarm)) for each in bucket.take([trigger])]
    decided = next(each for each in made if isinstance(each, Decided))
    return decided, next(each for each in made if isinstance(each, Profile))


def _event() -> Event:
    return Event(
        id="e-1", source="service-desk", type="complaint.opened", subject=f"device:{_DEVICE}",
        time="2026-03-01T08:00:00.000Z", data={"about": "service"},
    )  # fmt: skip


def _published(found: Configuration) -> PublishedSet:
    """A set of one rule on one field, which is as short as one can be."""
    vehicle = found.documents.streams["streams"]["vehicle"]
    kept = {name: vehicle[name] for name in ("topic", "key", "time")}
    fields = {"speed_kmh": vehicle["fields"]["speed_kmh"]}
    rule = next(each for name, each in found.documents.rules.items() if "vehicle-silent" in name)
    documents = Documents(
        streams={"streams": {"vehicle": {**kept, "fields": fields}}},
        rules={"vehicle-silent.yaml": {name: rule[name] for name in ("rule", "stream", "when", "limits")}},
        purposes={},
        profile={},
    )
    return PublishedSet(
        number=1, tenant=_TENANT, fingerprint=documents.fingerprint(), at=_START, streams=documents.streams,
        rules=documents.rules, purposes=documents.purposes, profile=documents.profile,
    )  # fmt: skip
