"""What a rule's test gives is what its rule reads."""

from __future__ import annotations

import pytest

from flows.backtest.given import customer_of
from flows.customers import stages, suppressions
from flows.customers.known import Known
from flows.customers.state import has_open
from flows.rules.case import Given
from flows.rules.model import Aggregate, NamedPlace, RuleSet, StreamAggregate, StreamPosition
from flows.schema import Value

AT = 1_772_352_140_000
SET = RuleSet(
    number=1,
    tenant="t",
    rules=(),
    purposes={},
    profile=(
        Aggregate(name="spent", source="event:order", take="sum", field="amount"),
        Aggregate(name="mood", source="event:post", take="ewma", field="sentiment", half_life=86_400_000),
        Aggregate(name="spending", source="event:order", take="slope", field="amount", over=86_400_000 * 30),
        Aggregate(name="seen", source="event:any", take="since"),
        Aggregate(name="cases", source="event:c", take="open_set", field="case", closed_by="d", most=9),
        Aggregate(name="brands", source="event:order", take="distinct", field="brand", most=9),
    ),
    measured=(StreamAggregate(name="heat", stream="s", field="c", every=3_600_000, keep=("mean",)),),
    places=(NamedPlace(name="home", latitude=52.5, longitude=13.4, radius_km=1),),
)


@pytest.mark.parametrize("position", [None, StreamPosition(stream="s", every=3_600_000)])
def test_every_value_that_is_given_is_read_at_the_beginning(position: StreamPosition | None) -> None:
    """Counted, told by devices, said by source systems; where somebody is by its name."""
    profile: dict[str, Value] = {
        "spent": 50_000.5,
        "mood": -0.4,
        "spending": 2.5,
        "seen": 40,
        "cases": 2,
        "brands": 3,
        "heat.mean": 95.5,
        "language": "de",
        "time_zone": "Asia/Tokyo",
        "place": "home",
        "stage": "mourning",
    }
    rule_set = RuleSet(
        number=1,
        tenant="t",
        rules=(),
        purposes={},
        profile=SET.profile,
        measured=SET.measured,
        places=SET.places,
        position=position,
    )
    found = customer_of(Given(profile=profile), rule_set, AT - 1)
    for name, value in profile.items():
        assert Known(rule_set).value_of(name, found, AT) == (
            value if isinstance(value, str) else pytest.approx(value)
        )


def test_what_is_open_what_rests_the_stage_and_consents_are_given() -> None:
    """Each as if it had been decided or said before."""
    given = Given(open=("case:engine",), quiet=("marketing",), stage="engaged", consents={"marketing": False})
    found = customer_of(given, SET, AT)
    assert has_open(found, "case", "engine", episode=None, dry_run=None)
    assert suppressions.quiet(found, AT).keys() == {"marketing"}
    assert stages.stage_at(found, AT) == "engaged"
    assert found.person is not None
    assert found.person.consents["marketing"].granted is False


def test_of_nothing_given_nothing_is_known() -> None:
    """A value that is null is one that is missing."""
    found = customer_of(Given(profile={"spent": None, "language": None}), SET, AT)
    assert found.person is None
    assert Known(SET).value_of("spent", found, AT) == 0
    assert Known(SET).value_of("language", found, AT) is None
