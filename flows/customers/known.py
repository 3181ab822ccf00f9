"""What is known of a customer now: one value for a rule that asks, or all of it for who reads the topics.

Values are counted from events, alarms and devices (`profile.yaml`), or said by source systems (`sources.yaml`); the
stage of life and what rests come from decisions.
"""

from __future__ import annotations

import hashlib

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

_Said = tuple[Value, Origin | None]
_NOTHING: _Said = (None, None)


class Known:
    """What is known of customers, by what one rule set declares."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.kept = tuple(profile.kept(aggregate) for aggregate in rule_set.kept())
        self._by_name = {each.aggregate.name: each for each in reversed(self.kept)}
        self._zone = self._by_name.get(PROFILE_ZONE)
        self._places = rule_set.places

    def value_of(self, name: str, customer: Customer, now: int) -> Value:
        """What `profile.<name>` says at event time `now` (ms); None is unknown.

        To be in no stage is known, and empty.
        """
        if name == "stage":
            return stages.stage_at(customer, now) or ""
        if name == "place":
            latitude, longitude = (self.value_of(each, customer, now) for each in ("latitude", "longitude"))
            return place_of(latitude, longitude, self._places)
        if name == PROFILE_ZONE:
            return self._zone_of(customer, now)[0]
        declared = self._by_name.get(name)
        if declared is not None:
            return profile.value_over(_cells(customer), declared, now)
        said = _said(customer).get(name)
        return None if said is None else said.value

    def profile_of(self, name: str, customer: Customer, now: int) -> Profile:
        """All that is known of a customer, with where each value comes from.

        Values are as of the customer's last event, whenever it is read, so that a replay says the same; what lasts (the
        stage, what rests) is as of `now` (ms).
        """
        values: dict[str, Value] = {}
        origins: dict[str, Origin] = {}
        full: list[str] = []
        self._counted_into(customer, values, origins, full)
        self._said_into(customer, values, origins)
        if self._places:
            place = place_of(values.get("latitude"), values.get("longitude"), self._places)
            values["place"] = place
            if place is not None and "latitude" in origins:
                origins["place"] = origins["latitude"]
        waits = _waits(customer)
        return Profile(
            customer=name,
            number=customer.number,
            at=customer.at,
            values=values,
            open=_open(customer),
            origins=origins,
            stage=stages.stage_at(customer, now) if waits else None,
            quiet=suppressions.quiet(customer, now) if waits else {},
            labels=tuple(sorted({label for part in customer.parts if (label := part.partition("|")[0])})),
            full=tuple(full),
        )

    def may_consent(self, customer: Customer) -> bool:
        """Whether there may be anything to say in consents."""
        return customer.person is not None or self._zone is not None or _waits(customer)

    def consents_of(self, name: str, customer: Customer, now: int) -> Consents:
        """Whether and how a customer may be written to at event time `now` (ms)."""
        person = customer.person
        zone = self._zone_of(customer, now)[0]
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

    def _counted_into(
        self, customer: Customer, values: dict[str, Value], origins: dict[str, Origin], full: list[str]
    ) -> None:
        """Declared values, also when they are unknown, and which of them are full."""
        parts = _cells(customer)
        for kept in self.kept:
            aggregate = kept.aggregate
            cell = profile.combined(parts, kept)
            value, origin = _read(cell, aggregate, customer.at)
            values[aggregate.name] = value
            if origin is not None:
                origins[aggregate.name] = origin
            if kinds.is_full(cell, aggregate):
                full.append(aggregate.name)

    def _said_into(self, customer: Customer, values: dict[str, Value], origins: dict[str, Origin]) -> None:
        """What source systems say, as far as they say it and nothing else is declared under its name."""
        person = customer.person
        if person is None:
            return
        if person.time_zone is not None:
            values[PROFILE_ZONE], origin = self._zone_of(customer, customer.at)
            if origin is not None:
                origins[PROFILE_ZONE] = origin
        for name, said in _said(customer).items():
            if name not in values:
                values[name], origins[name] = said.value, Origin(source=said.source, at=said.at)

    def _zone_of(self, customer: Customer, now: int) -> _Said:
        """The zone: what an event or a source system said last."""
        said = None if customer.person is None else customer.person.time_zone
        counted = _NOTHING
        if self._zone is not None:
            counted = _read(profile.combined(_cells(customer), self._zone), self._zone.aggregate, now)
        if said is None:
            return counted
        value, origin = counted
        if value is not None and origin is not None and (origin.at or 0) > said.at:
            return counted
        return said.value, Origin(source=said.source, at=said.at)


def fingerprint(consents: Consents) -> str:
    """16 hexadecimal digits over what consents say, whatever their number: the same ones need no second message."""
    plain = encode(msgspec.structs.replace(consents, number=0))
    return hashlib.blake2b(plain, digest_size=8).hexdigest()


def _read(cell: Cell | None, aggregate: Aggregate, now: int) -> _Said:
    """What a cell says at event time `now` (ms), and when it last changed."""
    if cell is None:
        return kinds.value_of(None, aggregate, now), None
    # What is published is seen after the last event, not at it.
    value = kinds.days_since(cell, now) if aggregate.take == "since" else kinds.value_of(cell, aggregate, now)
    return value, Origin(source=aggregate.source, at=kinds.changed_at(cell))


def _waits(customer: Customer) -> bool:
    """Whether a stage or a suppression may last."""
    return any(part.waiting for part in customer.parts.values())


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
