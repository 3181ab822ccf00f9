"""Whose a trigger is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.customers.identity_view import IdentityView
from flows.customers.resolve import AlarmIn, BindIn, EventIn, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.triggers import AlarmFor
from flows.errors import StateUnreadable
from flows.rules.model import Aggregate
from flows.schema import Identity, Role
from tests.unit.customers.world import DAY, T0, Sets, World, alarm, event, overheating, owned, rule_set


def view(**entries: Identity) -> IdentityView:
    """A view of devices by name."""
    made = IdentityView()
    for name, identity in entries.items():
        made.apply(f"device:{name}", identity)
    return made


def sold(at: int) -> Identity:
    """Ann's car until a time, Bob's from then on."""
    ann, bob = Role(role="owner", customer="c-ann", until=at), Role(role="owner", customer="c-bob", since=at)
    return Identity(number=1, roles=(ann, bob))


@given(st.integers(-3, 3))
def test_a_role_counts_from_its_beginning_to_just_before_its_end(offset: int) -> None:
    """At the moment of the sale the car is the new owner's."""
    owner = view(v=sold(T0)).find("device:v", T0 + offset).roles["owner"]
    assert owner == ("c-ann" if offset < 0 else "c-bob")


def test_of_two_holders_of_a_role_the_later_counts() -> None:
    """Whoever came last drives."""
    roles = (Role(role="driver", customer="c-b", since=5), Role(role="driver", customer="c-a", since=9))
    assert view(v=Identity(number=1, roles=roles)).find("device:v", 10).roles == {"driver": "c-a"}


@given(st.permutations(range(6)))
def test_per_key_the_greatest_number_wins_in_any_order(numbers: list[int]) -> None:
    """A late copy of an older entry changes nothing."""
    made = IdentityView()
    for number in numbers:
        made.apply("crm:1", Identity(number=number, customer=f"c-{number}"))
    assert made.find("crm:1", 0).itself.customer == "c-5"


def test_survivors_are_followed_over_chains_and_never_in_circles() -> None:
    """Two merges lead to the last; a circle ends."""
    made = IdentityView()
    made.apply("crm:1", Identity(number=1, customer="c-1"))
    made.apply("c-1", Identity(number=2, survivor="c-2"))
    made.apply("c-2", Identity(number=3, survivor="c-3"))
    assert made.find("crm:1", 0).itself.customer == "c-3"
    made.apply("c-3", Identity(number=4, survivor="c-1"))
    assert made.find("crm:1", 0).itself.customer in {"c-1", "c-2", "c-3"}


def test_an_identifier_nobody_knows_is_a_customer_by_itself() -> None:
    """The token stands for its owner until identity says more."""
    made = IdentityView()
    assert made.find("email:abc", 0).itself.customer == "email:abc"
    made.apply("email:abc", Identity(number=1, customer="c-1"))
    assert made.find("email:abc", 0).itself.customer == "c-1"


def resolver(**roles: str) -> Resolver:
    """A resolver that knows who is what to veh-17."""
    book = RuleBook(Sets(rule_set(overheating(customer="driver"))))
    made = Resolver(book)
    made.take(owned("veh-17", roles.get("owner", "c-ann"), roles.get("driver")))
    return made


def whose(made: Resolver, **fields: object) -> str:
    """Whom an alarm is for."""
    (found,) = made.take(AlarmIn(alarm(**fields)))
    assert isinstance(found, AlarmFor)
    return found.customer


def test_the_rules_own_role_decides_and_without_it_the_thing_itself() -> None:
    """The rule asks the driver: the owner does not stand in."""
    assert whose(resolver(driver="c-dan")) == "c-dan"
    assert whose(resolver()) == "device:veh-17"


def test_a_snapshot_keeps_whose_episodes_are_whose_but_not_the_view() -> None:
    """The view is read anew at each start; an episode's end still reaches whom it was raised for."""
    made = resolver(driver="c-dan")
    whose(made)
    again = Resolver(RuleBook(Sets(rule_set(overheating(customer="driver")))), made.snapshot())
    assert whose(again, transition="cleared", number=2) == "c-dan"
    assert whose(again, device="veh-17", opened_at=T0 + 1) == "device:veh-17"


def test_a_week_after_its_end_an_episode_is_forgotten_and_an_open_one_never() -> None:
    """What is kept is bounded by what is open."""
    made = resolver(driver="c-dan")
    whose(made)
    whose(made, transition="cleared", number=2)
    whose(made, opened_at=T0 + 1)
    before = len(made.snapshot())
    whose(made, device="veh-17", opened_at=T0 + 8 * DAY)
    kept = Resolver(RuleBook(Sets(rule_set())), made.snapshot())
    assert whose(kept, transition="cleared", number=2) == "device:veh-17"
    assert whose(kept, opened_at=T0 + 1, transition="cleared", number=2) == "c-dan"
    assert before > 0


def test_a_published_event_decision_binds_its_rule_also_when_the_set_has_lost_it() -> None:
    """The replayed event still goes to whom it was decided for, and only once."""
    here = World(Sets(rule_set(overheating(name="seen", stream=None, event="ping"))))
    (decision,) = here.feed((event("ping", "device:veh-17", 1), T0))
    made = Resolver(RuleBook(Sets(rule_set())))
    made.take(BindIn(decision))
    (found,) = made.take(EventIn(event("ping", "device:veh-17", 1), T0))
    assert (found.customer, found.rules) == ("device:veh-17", ("seen",))  # type: ignore[union-attr]
    assert made.take(EventIn(event("ping", "device:veh-17", 1), T0)) == []


def test_an_event_that_only_counts_goes_to_the_owner() -> None:
    """Aggregates over a thing's events are its owner's."""
    pings = Aggregate(name="pings", source="event:ping", take="count")
    made = Resolver(RuleBook(Sets(rule_set(profile=(pings,)))))
    made.take(owned("veh-17", "c-ann", "c-dan"))
    (found,) = made.take(EventIn(event("ping", "device:veh-17", 1), T0))
    assert (found.customer, found.rules, found.counts) == ("c-ann", (), True)  # type: ignore[union-attr]


def test_a_snapshot_of_an_unknown_format_is_refused() -> None:
    """State of a later version is not guessed at."""
    with pytest.raises(StateUnreadable, match="resolver has format 3"):
        Resolver(RuleBook(Sets(rule_set())), b"\x03\x80")
