"""The declared profile."""

from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.customers import profile
from flows.rules.model import Aggregate
from flows.schema import Evidence, Value
from tests.unit.customers.world import alarm, event

observations = st.lists(st.tuples(st.integers(0, 50), st.one_of(st.none(), st.integers(-9, 9))), max_size=12)


def declared(take: str) -> Aggregate:
    """An aggregate of one kind."""
    return Aggregate(name="x", source="event:order", take=take, field="euros")  # type: ignore[arg-type]


def kept(take: str, seen: list[tuple[int, Value]]) -> Value:
    """What the profile says after these observations."""
    cells: dict[str, profile.Cell] = {}
    for at, value in seen:
        profile.take_in(cells, declared(take), at, value)
    return profile.value_of(cells, declared(take))


@given(observations, st.randoms(use_true_random=False))
def test_every_aggregate_is_what_a_plain_reading_of_all_observations_says(
    seen: list[tuple[int, int | None]], random: object
) -> None:
    """In any order; count counts all, the others what has the field; of equal times the greater text is last."""
    known = [(at, value) for at, value in seen if value is not None]
    values = [value for _, value in known]
    shuffled = list(seen)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert kept("count", shuffled) == len(seen)
    assert kept("sum", shuffled) == sum(values)
    assert kept("min", shuffled) == (min(values) if values else None)
    assert kept("max", shuffled) == (max(values) if values else None)
    assert kept("mean", shuffled) == (pytest.approx(fmean(values)) if values else None)
    last = max(known, key=lambda o: (o[0], str(o[1])), default=(0, None))
    first = max(known, key=lambda o: (-o[0], str(o[1])), default=(0, None))
    assert kept("last", shuffled) == last[1]
    assert kept("first", shuffled) == first[1]


def test_a_text_is_no_number() -> None:
    """A sum passes over what it cannot add, and `last` keeps it."""
    assert kept("sum", [(1, 2), (2, "many")]) == 2
    assert kept("last", [(1, 2), (2, "many")]) == "many"


def test_an_aggregate_declared_otherwise_begins_anew() -> None:
    """The same name over another field is another value."""
    cells: dict[str, profile.Cell] = {}
    profile.take_in(cells, declared("sum"), 1, 5)
    other = Aggregate(name="x", source="event:order", take="sum", field="cents")
    assert profile.value_of(cells, other) == 0


def test_fields_lie_deep_in_an_event_and_among_the_facts_of_an_alarm() -> None:
    """Dotted names reach into data; a fact of the evidence comes before a field of the reading."""
    found = event("order", "crm:1", 1, basket={"euros": 9, "items": [1]})
    assert profile.field_of_event(found, "basket.euros") == 9
    assert profile.field_of_event(found, "basket.items") is None
    assert profile.field_of_event(found, "basket.none.deeper") is None
    hot = alarm(evidence=Evidence(values={"value": 3}, reading={"value": 4, "coolant_c": 5}))
    assert (profile.field_of_alarm(hot, "value"), profile.field_of_alarm(hot, "coolant_c")) == (3, 5)
