"""What waits while whose it is changes: wherever its parts go, it comes to its end once."""

from __future__ import annotations

from typing import Any

import msgspec

from flows.customers import handoffs
from flows.customers.batch import Out, due
from flows.customers.bucket import Bucket
from flows.customers.packed import Packed
from flows.customers.resolve import EventIn, IdentityIn, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided
from flows.customers.state import Customer, Owed, Part
from flows.customers.triggers import Erase, EventFor, Expect, HandedOver, HandOver, OutcomeOf, RulesChanged
from flows.rules.model import Aggregate, Rule
from flows.schema import Decision, Handoff, Identity, Profile, Role
from tests.unit.customers.desk import act, rules, step, then
from tests.unit.customers.world import HOUR, T0, TENANT, Sets, World, event, outcome, owned


def decisions(out: list[Out]) -> list[Decision]:
    """What was decided."""
    return [each.decision for each in out if isinstance(each, Decided)]


def handed(out: list[Out]) -> HandedOver:
    """The one handoff, as it reaches its target."""
    (found,) = (each for each in out if isinstance(each, Handoff))
    copy = msgspec.json.decode(msgspec.json.encode(found), type=Handoff)
    return HandedOver(handoff=copy, customer=copy.target)


def world() -> tuple[Sets, Bucket]:
    """A rule on a sequence of two events, and a bucket."""
    rule = Rule(name="seq", sequence=(step("a"), step("b", within=HOUR)), do={"raised": (act("task"),)})
    sets = Sets(rules(rule))
    return sets, Bucket(TENANT, RuleBook(sets), lambda: T0, Packed(due=due))


def begins(customer: str) -> EventFor:
    """An event that begins the sequence."""
    begun: Any = event("a", f"email:{customer}", 1)
    return EventFor(event=begun, at=T0, customer=customer, part=f"email:{customer}|{customer}|1")


def test_an_old_copy_that_is_only_passed_on_is_decided_where_it_ends() -> None:
    """A sequence goes from one to the next; its rule goes, and the first handoff comes again: one decision."""
    sets, bucket = world()
    bucket.take([begins("c-1")])
    first = handed(bucket.take([HandOver(source="c-1", target="c-2", label="", number=5, expected=True)]))
    bucket.take([first])
    second = handed(bucket.take([HandOver(source="c-2", target="c-3", label="", number=6, expected=True)]))
    bucket.take([second])
    sets.current = rules(number=8)
    (ended,) = decisions(bucket.take([RulesChanged(8)]))
    assert (ended.customer, ended.reason) == ("c-3", "rule removed")
    again = bucket.take([first])
    assert decisions(again) == []
    assert decisions(bucket.take([handed(again)])) == []


def test_rules_that_go_while_a_handoff_is_awaited_are_let_go_of_once_it_has_come() -> None:
    """What comes may know that something is settled already."""
    sets, bucket = world()
    bucket.take([begins("c-2"), Expect(source="c-1", target="c-2", label="", number=5)])
    sets.current = rules(number=8)
    assert decisions(bucket.take([RulesChanged(8)])) == []
    nothing = bucket.take([HandOver(source="c-1", target="c-2", label="", number=5, expected=True)])
    (ended,) = decisions(bucket.take([handed(nothing)]))
    assert (ended.customer, ended.reason) == ("c-2", "rule removed")


def test_a_rule_over_things_waits_for_the_events_of_whom_it_names() -> None:
    """The driver's sequence is the driver's, and what calls off or ends what he was told is heard for him."""
    left = Rule(
        name="left",
        customer="driver",
        sequence=(step("left"), step("locked", within=HOUR, absent=True)),
        do={"raised": (act("notify", to="driver", purpose="service"),)},
    )
    again = then(act("notify", name="again", to="driver", purpose="service"), after=HOUR, unless=("locked",))
    low = Rule(
        name="low",
        event="tyre.low",
        customer="driver",
        do={"raised": (act("notify", to="driver", purpose="service", then=(again,)),)},
    )
    made = World(Sets(rules(left, low)), now=T0 + HOUR)
    made.feed(owned("veh-17", "c-ann", "c-dan"))
    made.feed(*((event(kind, "device:veh-17", n), T0) for n, kind in enumerate(("left", "tyre.low"))))
    made.tick(T0 + HOUR - 1)
    made.feed((event("locked", "device:veh-17", 3), T0 + HOUR - 1))
    assert [(d.customer, d.rule, d.reason) for d in made.log] == [
        ("c-dan", "low", None),
        ("c-dan", "low", "called off: locked came"),
        ("c-dan", "left", "broken: locked came"),
    ]
    made.feed((event("left", "device:veh-17", 4), T0 + 2 * HOUR))
    made.now = T0 + 3 * HOUR
    made.tick(made.now)
    (told,) = (d for d in made.log if d.verdict == "acted" and d.rule == "left")
    assert [(p.action.customer, p.status) for p in told.actions] == [("c-dan", "published")]


def test_whoever_is_two_things_to_a_car_has_each_event_by_what_made_him_so() -> None:
    """Counted by the record of the owner, decided by that of the driver: after a split each goes its way."""
    seen = Rule(name="seen", event="ping", customer="driver", do={"raised": (act("task", subject="x"),)})
    pings = Aggregate(name="pings", source="event:ping", take="count")
    made = Resolver(RuleBook(Sets(rules(seen, profile=(pings,)))))
    roles = [Role(role=r, customer="c-ann", evidence=e) for r, e in (("owner", "crm:1"), ("driver", "crm:2"))]
    made.take(IdentityIn("device:veh-17", Identity(number=1, roles=tuple(roles))))
    found = made.take(EventIn(event("ping", "device:veh-17", 1), T0))
    assert [(e.part, e.rules, e.counts) for e in found if isinstance(e, EventFor)] == [
        ("crm:1|c-ann|0", (), True),
        ("crm:2|c-ann|0", ("seen",), False),
    ]


def test_an_outcome_for_who_took_something_finds_him_though_who_gave_it_is_erased_since() -> None:
    """An outcome names whom it was decided for: he left a label to another before he was forgotten."""
    care = Rule(name="care", event="a", do={"raised": (act("open_case", about="care"),)})
    bucket = Bucket(TENANT, RuleBook(Sets(rules(care))), lambda: T0, Packed(due=due))
    (raised,) = decisions(bucket.take([msgspec.structs.replace(begins("c-1"), rules=("care",))]))
    leaves = HandOver(source="c-1", target="c-2", label="email:c-1", number=5, expected=True)
    bucket.take([handed(bucket.take([leaves])), Erase(customer="c-1", number=6)])
    resolved = outcome(raised.actions[0].action.id, "c-1", "accepted")
    stray = handed(bucket.take([OutcomeOf(msgspec.structs.replace(resolved, result="resolved"))]))
    assert stray.customer == "c-2"
    (profile,) = (each for each in bucket.take([stray]) if isinstance(each, Profile))
    assert (profile.customer, profile.open) == ("c-2", {})
    gone = bucket.take([begins("c-1")])
    assert [each for each in gone if isinstance(each, Profile)] == []


def test_only_so_many_labels_that_went_away_are_known() -> None:
    """A hub whose identifiers are given away one by one does not grow; that all has gone is known for ever."""
    hub = Customer(name="c-1")
    for number in range(1, 1000):
        hub.parts[f"email:{number}|c-1|0"] = Part(number=1)
        asked = Owed("c-2", f"email:{number}", number, 1, [0], expected=True)
        assert len(handoffs.give(hub, asked)[-1].parts) == 1
    assert len(hub.moved) <= 256
    assert hub.moved["email:999"].number == 999
    handoffs.give(hub, Owed("c-2", "", 1000, 1, [0], expected=True))
    assert handoffs.everything_gone(hub) is not None
