"""What waits while whose it is changes: wherever its parts go, it comes to its end once."""

from __future__ import annotations

from typing import Any

import msgspec

from flows.customers.batch import Out, due
from flows.customers.bucket import Bucket
from flows.customers.packed import Packed
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided
from flows.customers.triggers import EventFor, Expect, HandedOver, HandOver, RulesChanged
from flows.rules.model import Rule
from flows.schema import Decision, Handoff
from tests.unit.customers.desk import act, rules, step
from tests.unit.customers.world import HOUR, T0, TENANT, Sets, event


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
