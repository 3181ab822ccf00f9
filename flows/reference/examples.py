"""One engine overheats, one shipment breaks: what that puts on each topic, made by the objects of the flows.

The clock is handed in and ids come out the same every time, so the messages are the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from connectors.outcomes import settled
from flows.clocks import Note
from flows.customers.bucket import Bucket
from flows.customers.outgoing import of_decided
from flows.customers.resolve import AlarmIn, EventIn, IdentityIn, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided
from flows.customers.triggers import HandOver, PersonOf
from flows.devices.shard import Shard, ShardOutput, ShardPlace
from flows.ids import audit_id, token
from flows.reference.markdown import json_block
from flows.rules.load import Configuration, Documents, load_configuration
from flows.rules.model import RuleSet
from flows.rules.published import PublishedSet
from flows.schema import (
    Action,
    Answer,
    Audit,
    Brake,
    CloudEvent,
    Consents,
    Event,
    Handoff,
    Identity,
    LookUp,
    Profile,
    Role,
    decode,
    encode,
)
from flows.schema_people import Attested, Consent, Person
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import Message, RawBatch

T = TypeVar("T")

_STARTER = Path(__file__).parents[1] / "starter"
_TENANT, _DEVICE = "default", "veh-17"
_START = 1_772_352_000_000  # 2026-03-01T08:00:00Z
_EVERY, _ON_THE_WAY = 10_000, 400
_COOLANT = (105, 107, 106, 109, 108, 111, 110, 113, 112, 115)
_BROKEN = b'{"device":"veh-17","at":'
_TOKENS = tuple(token(kind, value, b"") for kind, value in (("crm", "k-9"), ("email", "olga@example.com")))
_ROLES = (Role(role="owner", customer="c-olga"), Role(role="driver", customer="c-dan", evidence="app"))
_PERSON = Person(
    attributes={"language": Attested(value="de", source="crm", at=_START)},
    consents={"marketing": Consent(granted=True, source="crm", at=_START)},
    time_zone=Attested(value="Europe/Berlin", source="crm", at=_START),
)


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
    decided, profile, consents, handoff = _decided(sets, out)
    question = _asked(sets)
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
        "person": encode(Identity(number=2, person=_PERSON)),
        "source-records": encode(_row()),
        "events": encode(_event()),
        "rules": encode(_published(found)),
        "brakes": encode(_brake()),
        "clocks": encode(Note(at=_START)),
        "alarms": encode(out.alarms[0]),
        "accounts": encode(accounts.accounts[0]),
        "decisions": encode(decided.decision),
        "profiles": encode(profile),
        "consents": encode(consents),
        "handoffs": encode(handoff),
        "look-ups": encode(question),
        "answers": encode(_answered(question)),
        "audit": encode(_audited()),
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


def _decided(sets: _Fixed, out: ShardOutput) -> tuple[Decided, Profile, Consents, Handoff]:
    """What is decided on the first alarm, what is known after it, and what goes over once the owner is another."""
    book, alarm = RuleBook(sets), out.alarms[0]
    resolver = Resolver(book)
    resolver.take(IdentityIn(f"device:{_DEVICE}", Identity(number=1, roles=_ROLES)))
    bucket = Bucket(_TENANT, book, lambda: alarm.at + 2 * _ON_THE_WAY)
    made = bucket.take([PersonOf(customer="c-olga", person=_PERSON, number=2)])
    for trigger in resolver.take(AlarmIn(alarm)):
        made += bucket.take([trigger])
    profile = _last(made, Profile)
    made += bucket.take([HandOver(source="c-olga", target="c-eva", label=f"device:{_DEVICE}", number=3)])
    return _last(made, Decided), profile, _last(made, Consents), _last(made, Handoff)


def _asked(sets: _Fixed) -> LookUp:
    """What is asked before it is decided on a shipment that broke."""
    resolver = Resolver(RuleBook(sets))
    buyer = Role(role="buyer", customer="c-olga")
    resolver.take(IdentityIn("shipment:s-1", Identity(number=1, roles=(buyer,))))
    event = Event(
        id="e-2", source="carrier", type="shipment.damaged", subject="shipment:s-1",
        time="2026-03-01T08:00:00.000Z", data={"shipment": "s-1", "order": "o-1", "sku": "suit-48"},
    )  # fmt: skip
    bucket = Bucket(_TENANT, RuleBook(sets), lambda: _START + _ON_THE_WAY)
    return _last(bucket.take([*resolver.take(EventIn(event, _START))]), LookUp)


def _answered(question: LookUp) -> Answer:
    return Answer(
        id=question.id, customer=question.customer, status="answered", values={"available": 3},
        at=_START + 2 * _ON_THE_WAY,
    )  # fmt: skip


def _last(made: Sequence[Any], kind: type[T]) -> T:
    """The last of a kind."""
    return next(each for each in reversed(made) if isinstance(each, kind))


def _row() -> Event:
    row = {
        "contact": "k-9", "email": "olga@example.com", "vin": _DEVICE, "bought_at": "2026-02-01T00:00:00Z",
        "newsletter": "yes", "language": "de", "updated_at": "2026-03-01T08:00:00Z",
    }  # fmt: skip
    return Event(
        id="crm-4711", source="crm", type="record.changed", subject="k-9",
        time="2026-03-01T08:00:00.000Z", data=row,
    )  # fmt: skip


def _brake() -> Brake:
    return Brake(
        id="b-1", kind="silence", rule="engine-*", match={"device.model": "m2"},
        until=_START + 2 * 3_600_000, at=_START, who="dan", reason="a recall is under way",
    )  # fmt: skip


def _audited() -> Audit:
    what = {"customer": "customer:5a0c0e43f1b2", "pairs": [[_TOKENS[0], _TOKENS[1]]]}
    number = audit_id(_TENANT, "dan", "identity split", encode(what).decode(), _START)
    return Audit(
        id=number, tenant=_TENANT, at=_START, who="dan", command="identity split", what=what,
        reason="father and daughter",
    )  # fmt: skip


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
