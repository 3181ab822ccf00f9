"""What is known of a customer, as rules ask for it and as the topics say it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.customers import known, profile
from flows.customers.cells import Cell
from flows.customers.positions import place_of
from flows.customers.rule_index import RuleIndex
from flows.customers.state import Customer, Item, Part, has_open
from flows.expression_values import distance_km
from flows.rules.model import Aggregate, NamedPlace, RuleSet, StreamAggregate, StreamPosition
from flows.schema import Event, Origin, Profile
from flows.schema_change import Waiting
from flows.schema_people import Attested, Consent, Person
from tests.unit.customers.world import DAY, HOUR, T0, event

SPENT = Aggregate(name="spent", source="event:order.placed", take="sum", field="amount")
SEEN = Aggregate(name="days_since_seen", source="event:any", take="since")
ZONE = Aggregate(name="time_zone", source="event:moved", take="last", field="zone")
CASES = Aggregate(
    name="cases", source="event:opened", take="open_set", field="case", closed_by="closed", most=2
)
HOME = NamedPlace(name="home", latitude=52.52, longitude=13.405, radius_km=1)
RULES = RuleSet(
    number=7,
    tenant="acme",
    rules=(),
    purposes={},
    profile=(SPENT, SEEN, CASES, ZONE),
    measured=(
        StreamAggregate(name="heat", stream="vehicle", field="coolant_c", every=HOUR, keep=("last", "mean")),
    ),
    places=(HOME,),
    position=StreamPosition(stream="vehicle", every=HOUR),
)
KNOWN = known.Known(RULES)
PERSON = Person(
    attributes={"language": Attested(value="de", source="crm", at=T0)},
    consents={"marketing": Consent(granted=False, source="shop", at=T0)},
    preferences={"channel": Attested(value="sms", source="app", at=T0)},
    time_zone=Attested(value="Europe/Berlin", source="crm", at=T0),
)


def customer(*seen: tuple[str, int, Event], **fields: Any) -> Customer:
    """A customer who saw these events (label, time, event), each in the part of its label."""
    parts: dict[str, Part] = {}
    index = RuleIndex(RULES)
    for label, at, one in seen:
        cells: dict[str, Cell] = parts.setdefault(f"{label}|c|0", Part()).cells
        for kept in index.aggregates(f"event:{one.type}"):
            profile.take_event(cells, kept, at, one)
    at = max((at for _, at, _ in seen), default=T0)
    return Customer(at=at, parts=parts, **fields)


def told(found: Customer, now: int | None = None) -> Profile:
    """The profile of a customer."""
    return KNOWN.profile_of("c", found, found.at if now is None else now)


def measured(name: str, **data: float) -> Event:
    """What a shard tells of a device."""
    return event(f"telltale.measured.{name}", "device:veh-17", 1, **data)


def test_all_parts_together_are_one_profile_with_where_each_value_comes_from() -> None:
    """Values of two labels are joined; what source systems say stands beside them, with source and time."""
    found = customer(
        ("crm:1", T0, event("order.placed", "crm:1", 1, amount=30)),
        ("email:2", T0 + DAY, event("order.placed", "email:2", 2, amount=12)),
        person=PERSON,
    )
    said = told(found)
    assert said.labels == ("crm:1", "email:2")
    assert (said.values["spent"], said.origins["spent"]) == (
        42,
        Origin(source="event:order.placed", at=T0 + DAY),
    )
    assert (said.values["language"], said.origins["language"]) == ("de", Origin(source="crm", at=T0))
    assert (said.values["channel"], said.values["time_zone"]) == ("sms", "Europe/Berlin")
    assert (said.values["cases"], said.values["heat.mean"], said.values["place"]) == (0, None, None)
    for name, value in said.values.items():
        if name != "days_since_seen":
            assert KNOWN.value_of(name, found, found.at) == value


def test_what_is_asked_at_an_event_is_how_long_it_had_been_and_what_is_published_is_how_long_it_is() -> None:
    """The latter as of the last event, whenever; a measurement by one's own car is nothing that somebody did."""
    found = customer(
        ("crm:1", T0, event("order.placed", "crm:1", 1)),
        ("crm:1", T0 + 40 * DAY, event("page.seen", "crm:1", 2)),
        ("device:veh-17", T0 + 41 * DAY, measured("heat", mean=90)),
    )
    assert KNOWN.value_of("days_since_seen", found, T0 + 40 * DAY) == 40
    assert told(found, T0 + 42 * DAY).values["days_since_seen"] == 1


def test_what_a_device_tells_is_read_under_its_measure_and_its_place_by_name() -> None:
    """The newest window counts, whichever device told it."""
    found = customer(
        ("device:veh-17", T0, measured("heat", last=95.5, mean=90)),
        ("device:veh-18", T0 + HOUR, measured("heat", last=80, mean=85)),
        ("device:veh-17", T0, measured("position", latitude=52.521, longitude=13.4)),
    )
    said = told(found)
    assert (said.values["heat.last"], said.values["heat.mean"]) == (80, 85)
    assert (said.values["latitude"], said.values["place"]) == (52.521, "home")
    assert said.origins["place"] == Origin(source="event:telltale.measured.position", at=T0)
    assert KNOWN.value_of("place", found, T0) == "home"


@pytest.mark.parametrize(("moved", "zone"), [(T0 - 1, "Europe/Berlin"), (T0 + 1, "Asia/Tokyo")])
def test_the_zone_is_what_was_said_last(moved: int, zone: str) -> None:
    """By an event or by a source system."""
    found = customer(("crm:1", moved, event("moved", "crm:1", 1, zone="Asia/Tokyo")), person=PERSON)
    assert KNOWN.value_of("time_zone", found, T0) == zone
    assert KNOWN.consents_of("c", found, T0).time_zone == zone
    alone = msgspec.structs.replace(found, person=None)
    assert KNOWN.value_of("time_zone", alone, T0) == "Asia/Tokyo"


def test_a_value_with_more_behind_it_than_is_kept_says_so() -> None:
    """Its count is the least there can be."""
    found = customer(*((f"crm:{i}", T0 + i, event("opened", f"crm:{i}", i, case=f"k{i}")) for i in range(5)))
    assert (told(found).values["cases"], told(found).full) == (2, ("cases",))


def test_what_is_open_about_nothing_in_particular_counts_whatever_is_asked() -> None:
    """An appointment that does not say what it is about is open for any question, one about the brakes is not."""
    for about, engine, brakes in (("", True, True), ("brakes", False, True), ("engine", True, False)):
        item = Item("appointment", about, rule="r", episode=None)
        found = Customer(at=T0, parts={"crm:1|c|0": Part(items={"a": item})})
        asked = [
            has_open(found, "appointment", each, episode=None, dry_run=None)
            for each in ("engine", "brakes", None)
        ]
        assert asked == [engine, brakes, True]
        assert not has_open(found, "case", None, episode=None, dry_run=None)


def test_what_is_open_what_rests_and_the_stage_are_told() -> None:
    """What a dry run pretends is not."""
    items = {
        str(i): Item("case", "engine", rule="r", episode=None, dry_run=dry)
        for i, dry in enumerate((False, False, True))
    }
    waiting = [
        Waiting(id="s", kind="stage", rule="r", until=T0 + DAY, stage="mourning", since=T0),
        Waiting(
            id="q",
            kind="quiet",
            rule="r",
            until=T0 + DAY,
            since=T0,
            purposes=("marketing",),
            items=("sku-1",),
        ),
        Waiting(id="d", kind="quiet", rule="r", until=T0 + DAY, since=T0, purposes=("x",), dry_run=True),
    ]
    parts = {"crm:1|c|0": Part(items=items, waiting={each.id: each for each in waiting})}
    found = Customer(number=3, at=T0, parts=parts, person=PERSON, person_number=9)
    said = told(found)
    assert (said.open, said.stage, said.quiet) == ({"case:engine": 2}, "mourning", {"marketing": T0 + DAY})
    assert KNOWN.value_of("stage", found, T0) == "mourning"
    assert KNOWN.value_of("stage", found, T0 + DAY) == ""
    consents = KNOWN.consents_of("c", found, T0)
    assert (consents.quiet, consents.items, consents.number) == ({"marketing": T0 + DAY}, ("sku-1",), 12)
    assert (consents.consents, consents.preferences) == (PERSON.consents, {"channel": "sms"})


def test_consents_that_say_the_same_have_one_fingerprint() -> None:
    """Whatever their number; what changes anything changes it."""
    found = Customer(at=T0, person=PERSON)
    first = KNOWN.consents_of("c", found, T0)
    again = KNOWN.consents_of("c", msgspec.structs.replace(found, number=5), T0)
    other = KNOWN.consents_of("c", Customer(at=T0), T0)
    assert known.fingerprint(first) == known.fingerprint(again)
    assert known.fingerprint(first) != known.fingerprint(other)


def test_of_a_customer_of_whom_nothing_is_known_everything_declared_is_unknown() -> None:
    """Counts are 0; a name that nobody declares is unknown, too."""
    said = told(Customer())
    assert said.values["spent"] == 0
    assert said.values["days_since_seen"] is None
    assert said.origins == {}
    assert KNOWN.value_of("language", Customer(), T0) is None


@given(
    st.lists(
        st.builds(
            NamedPlace,
            name=st.sampled_from("abcdef"),
            latitude=st.floats(-90, 90),
            longitude=st.floats(-180, 180),
            radius_km=st.floats(0.1, 20_000),
        ),
        max_size=6,
        unique_by=lambda place: place.name,
    ),
    st.floats(-90, 90),
    st.floats(-180, 180),
)
def test_the_place_is_the_nearest_whose_circle_one_is_in(
    places: list[NamedPlace], latitude: float, longitude: float
) -> None:
    """As a plain look at every distance says; to be at none is known, and empty."""
    away = {p.name: distance_km(latitude, longitude, p.latitude, p.longitude) for p in places}
    inside = [p.name for p in places if away[p.name] <= p.radius_km]
    assert place_of(latitude, longitude, places) == min(inside, key=lambda n: (away[n], n), default="")


def test_without_a_position_one_is_nowhere() -> None:
    """Half a position is none."""
    assert place_of(None, 13.4, [HOME]) is None
    assert place_of(52.52, None, [HOME]) is None
