"""The demonstration's people: what is planted in their lives, each once, and what a person would call it."""

from __future__ import annotations

from collections import Counter

import msgspec

from flows.demo.fleet import pace_of
from flows.simulator.people.expectation import expected
from flows.simulator.people.plan import PeoplePlan, PeopleShares
from flows.simulator.people.planting import plant
from flows.simulator.people.simulate import simulate
from flows.simulator.people.truths import ExpectedChange, PeopleTruths
from flows.simulator.plan import Plan

PEOPLE = 40
_ONCE = 1 / PEOPLE
TOLD = {
    "log_ins": "a visitor logs in, whom the crm knows",
    "second_accounts": "a shop's account and a crm's contact are one",
    "offices": "four accounts with the address of an office",
    "abandoned_carts": "a cart that nobody orders",
    "ordered_carts": "a cart that is ordered",
    "complaints": "a cart, and then a complaint",
    "broken": "rows and events that nobody can read",
    "ordinary": "nothing: these people are as they seem",
}
"""What is planted, in a person's words, by the simulator's names."""


def people_for(plan: Plan, seconds: float) -> PeoplePlan:
    """The people beside a fleet whose telling takes so many seconds."""
    return PeoplePlan(
        start=plan.start,
        people=PEOPLE,
        seed=plan.seed,
        duration=plan.duration,
        pace=pace_of(seconds),
        shares=PeopleShares(**dict.fromkeys(PeopleShares.__struct_fields__, _ONCE)),
    )


def handles_in(plan: PeoplePlan) -> list[str]:
    """Every handle that a message of the plan is about, and every one that a planted person has."""
    found = {told.key.decode(): None for told in simulate(plan) if b":" in told.key}
    found |= {handle: None for person in expected(plan).persons for handle in person.handles}
    found |= {f"email:{email}": None for email in _emails(plan)}
    return list(found)


def _emails(plan: PeoplePlan) -> list[str]:
    """The addresses that rows hold."""
    rows = [
        msgspec.json.decode(told.value)["data"] for told in simulate(plan) if told.topic == "source_records"
    ]
    return [row["email"] for row in rows if "email" in row]


def messages_by_source(plan: PeoplePlan) -> Counter[str]:
    """How many messages come from the web, the app, the service desk and each system with rows."""
    return Counter(msgspec.json.decode(told.value)["source"] for told in simulate(plan))


def consequence(change: ExpectedChange, truths: PeopleTruths) -> str:
    """What follows from two being one, or one being two, in a sentence."""
    spent = {
        handle: person.values.get("lifetime_value", 0.0)
        for person in truths.persons
        for handle in person.handles
    }
    one, other = (handle.partition(":")[2] for handle in (change.one, change.other))
    match change.truth:
        case "log_ins":
            return (
                f"What the visitor ordered as a guest counts for them: {spent[change.other]:.2f} EUR in all."
            )
        case "second_accounts":
            return (
                f"Together they spent {spent[change.other]:.2f} EUR, so the complaint of {other} is that of a good "
                "customer, and somebody calls."
            )
        case _:
            return (
                f"The {spent[change.other]:.2f} EUR of {other} speak for {one} no longer: their complaint gets a case, "
                "but no call."
            )


def planted_people(plan: PeoplePlan) -> dict[str, int]:
    """How many people have each truth, by its name."""
    found = dict.fromkeys(TOLD, 0)
    society = plant(plan)
    for one in (*society.planted, *society.ordinary):
        found[one.name] += len(one.people)
    return found
