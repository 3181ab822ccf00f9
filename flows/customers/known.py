"""What is known of a customer now: one value for a rule that asks, or all of it for who reads the topics.

Values are counted from events, alarms and devices (`profile.yaml`), or said by source systems (`sources.yaml`); the
stage of life and what rests come from decisions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from flows.customers import cells as kinds
from flows.customers import profile, stages, suppressions
from flows.customers.cells import Cell
from flows.customers.positions import place_of
from flows.customers.state import Customer
from flows.rules.model import Aggregate, RuleSet
from flows.schema import Consents, Origin, Profile, Value, encode
from flows.schema_people import Attested
from flows.zones import PROFILE_ZONE

Known = tuple[Value, Origin | None]


def value_of(name: str, customer: Customer, rule_set: RuleSet, now: int) -> Value:
    """What `profile.<name>` says at event time `now` (ms); None is unknown. To be in no stage is known, and empty."""
    if name == "stage":
        return stages.stage_at(customer, now) or ""
    if name == "place":
        latitude, longitude = (value_of(each, customer, rule_set, now) for each in ("latitude", "longitude"))
        return place_of(latitude, longitude, rule_set.places)
    declared = next((each for each in rule_set.kept() if each.name == name), None)
    if name == PROFILE_ZONE:
        return _zone(customer, declared, now)[0]
    if declared is not None:
        return profile.value_over(_cells(customer), declared, now)
    said = _said(customer).get(name)
    return None if said is None else said.value


def profile_of(name: str, customer: Customer, rule_set: RuleSet, now: int) -> Profile:
    """All that is known of a customer, with where each value comes from.

    Values are as of the customer's last event, whenever it is read, so that a replay says the same; what lasts (the
    stage, what rests) is as of `now` (ms).
    """
    values: dict[str, Value] = {}
    origins: dict[str, Origin] = {}
    for key, (value, origin) in _all(customer, rule_set, customer.at):
        values[key] = value
        if origin is not None:
            origins[key] = origin
    parts = _cells(customer)
    full = [each.name for each in rule_set.kept() if kinds.is_full(profile.combined(parts, each), each)]
    return Profile(
        customer=name,
        number=customer.number,
        at=customer.at,
        values=values,
        open=_open(customer),
        origins=origins,
        stage=stages.stage_at(customer, now),
        quiet=suppressions.quiet(customer, now),
        labels=tuple(sorted({label for part in customer.parts if (label := part.partition("|")[0])})),
        full=tuple(full),
    )


def consents_of(name: str, customer: Customer, rule_set: RuleSet, now: int) -> Consents:
    """Whether and how a customer may be written to at event time `now` (ms)."""
    person = customer.person
    declared = next((each for each in rule_set.profile if each.name == PROFILE_ZONE), None)
    zone = _zone(customer, declared, now)[0]
    return Consents(
        customer=name,
        # Both only grow, and whatever changes here comes with one of them.
        number=customer.number + customer.person_number,
        consents={} if person is None else person.consents,
        time_zone=zone if isinstance(zone, str) else None,
        preferences={} if person is None else {k: said.value for k, said in person.preferences.items()},
        quiet=suppressions.quiet(customer, now),
        items=suppressions.items(customer, now),
    )


def fingerprint(consents: Consents) -> str:
    """16 hexadecimal digits over what consents say, whatever their number: the same ones need no second message."""
    plain = encode(msgspec.structs.replace(consents, number=0))
    return hashlib.blake2b(plain, digest_size=8).hexdigest()


def _all(customer: Customer, rule_set: RuleSet, now: int) -> Iterator[tuple[str, Known]]:
    """Each value by name: declared ones also when they are unknown, said ones as far as somebody says them."""
    parts = _cells(customer)
    seen: dict[str, Known] = {}
    for aggregate in rule_set.kept():
        seen[aggregate.name] = _counted(parts, aggregate, now)
    zone = next((each for each in rule_set.profile if each.name == PROFILE_ZONE), None)
    if zone is not None or (customer.person is not None and customer.person.time_zone is not None):
        seen[PROFILE_ZONE] = _zone(customer, zone, now)
    for name, said in _said(customer).items():
        seen.setdefault(name, (said.value, Origin(source=said.source, at=said.at)))
    if rule_set.places:
        nothing: Known = (None, None)
        latitude, origin = seen.get("latitude", nothing)
        place = place_of(latitude, seen.get("longitude", nothing)[0], rule_set.places)
        seen["place"] = (place, None if place is None else origin)
    yield from seen.items()


def _counted(parts: Sequence[dict[str, Cell]], aggregate: Aggregate, now: int) -> Known:
    """An aggregate over all parts, and when it last changed."""
    cell = profile.combined(parts, aggregate)
    if cell is None:
        return kinds.value_of(None, aggregate, now), None
    at = kinds.changed_at(cell)
    # What is published is seen after the last event, not at it.
    value = kinds.days_since(cell, now) if aggregate.take == "since" else kinds.value_of(cell, aggregate, now)
    return value, Origin(source=aggregate.source, at=at)


def _zone(customer: Customer, declared: Aggregate | None, now: int) -> Known:
    """The zone: what an event or a source system said last."""
    person = customer.person
    said = None if person is None else person.time_zone
    counted = (None, None) if declared is None else _counted(_cells(customer), declared, now)
    if said is None:
        return counted
    value, origin = counted
    if value is not None and origin is not None and (origin.at or 0) > said.at:
        return counted
    return said.value, Origin(source=said.source, at=said.at)


def _said(customer: Customer) -> dict[str, Attested]:
    """What source systems say that is not personal: attributes and preferences by name."""
    person = customer.person
    return {} if person is None else {**person.preferences, **person.attributes}


def _cells(customer: Customer) -> list[dict[str, Cell]]:
    return [part.cells for part in customer.parts.values()]


def _open(customer: Customer) -> dict[str, int]:
    """How many items are open, by `kind:about`."""
    counts: dict[str, int] = {}
    for _, item in customer.items():
        if not item.dry_run:
            key = f"{item.kind}:{item.about}"
            counts[key] = counts.get(key, 0) + 1
    return counts
