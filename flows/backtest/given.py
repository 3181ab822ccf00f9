"""The customer of a rule's test: of whom is known what the test gives."""

from __future__ import annotations

from flows.customers.cells import Cell
from flows.customers.profile import cell_key, cell_of
from flows.customers.stages import FOR_EVER
from flows.customers.state import Customer, Item, Part
from flows.rules.case import Given
from flows.rules.model import RuleSet
from flows.schema import Value
from flows.schema_change import Waiting
from flows.schema_people import Attested, Consent, Person
from flows.zones import PROFILE_ZONE

_SOURCE = "given"


def customer_of(given: Given, rule_set: RuleSet, at: int) -> Customer:
    """A customer of whom all that is known is what is given, since event time `at` (ms)."""
    profile = {name: value for name, value in given.profile.items() if value is not None}
    stage = given.stage or profile.pop("stage", None)
    profile |= _place(profile.pop("place", None), rule_set)
    cells: dict[str, Cell] = {}
    for aggregate in rule_set.kept():
        if aggregate.name in profile:
            cells[cell_key(aggregate)] = cell_of(aggregate, at, profile.pop(aggregate.name))
    items = {
        f"given-{i}": Item(kind, about, rule="", episode=None, status="open")
        for i, (kind, _, about) in enumerate(each.partition(":") for each in given.open)
    }
    waiting: dict[str, Waiting] = {}
    if stage is not None:
        waiting["given-stage"] = Waiting(
            id="given-stage", kind="stage", rule="", until=FOR_EVER, since=at, stage=str(stage)
        )
    if given.quiet:
        waiting["given-quiet"] = Waiting(
            id="given-quiet", kind="quiet", rule="", until=FOR_EVER, since=at, purposes=given.quiet
        )
    part = Part(number=1, at=at, cells=cells, items=items, waiting=waiting)
    return Customer(at=at, parts={_SOURCE: part}, person=_person(given, profile, at))


def _person(given: Given, said: dict[str, Value], at: int) -> Person | None:
    """What source systems would say; None when nothing is given of it."""
    attested = {name: Attested(value=value, source=_SOURCE, at=at) for name, value in said.items()}
    zone = attested.pop(PROFILE_ZONE, None)
    consents = {
        name: Consent(granted=granted, source=_SOURCE, at=at) for name, granted in given.consents.items()
    }
    if not attested and zone is None and not consents:
        return None
    return Person(attributes=attested, consents=consents, time_zone=zone)


def _place(name: Value, rule_set: RuleSet) -> dict[str, Value]:
    """Where somebody is who is at a named place: in its middle."""
    found = next((place for place in rule_set.places if place.name == name), None)
    return {} if found is None else {"latitude": found.latitude, "longitude": found.longitude}
