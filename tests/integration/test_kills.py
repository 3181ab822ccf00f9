"""`kill -9` at seeded moments to flows and connector while readings come in: nothing is lost, nothing done twice."""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from flows.schema import CloudEvent, Decision, Event, Identity, Outcome, decode
from flows.simulator.compare import compare
from flows.simulator.expectation import expected
from flows.simulator.plan import MINUTE, Plan, Shares
from flows.simulator.records import events, identities
from flows.simulator.send import start_for
from flows.simulator.truths import Truths
from tests.buses import Bus
from tests.integration.account_book import COUNTED, fold, gaps, sums
from tests.integration.fleet import Fleet, a_fleet
from tests.integration.killing import PARTS, Run
from tests.integration.settled import published

SEED = int(os.environ.get("TELLTALE_SEED", "7"))
EPOCH_S = 0.3
CUSTOMERS_EPOCH_S = 0.6
"""Longer than it takes to see a decision, so that most kills of customers find decisions not yet on disk."""
DURATION = 30 * MINUTE
KILLS = (*PARTS, *PARTS, "binding")
# Much is wrong with this fleet, so that decisions and actions are always on their way.
SHARES = Shares(overheating=0.12, battery=0.1, lamp=0.12, silence=0.03, garbage=0.03, duplicates=0.03)


def now() -> int:
    """Wall clock in ms."""
    return time.time_ns() // 1_000_000


def ambiguous(plan: Plan, decisions: Iterable[Decision]) -> set[str]:
    """Customers whose decisions depend on the order in which two partitions are read, kill or no kill.

    A guard asks whether this customer has a case open, or what he has bought. Of one subject everything comes in
    order; of two subjects of one customer it comes in any.
    """
    owners = {
        record.key.decode(): role.customer
        for record in identities(plan)
        for role in decode(Identity, record.value).roles
        if role.role == "owner"
    }
    subjects: defaultdict[str, set[str]] = defaultdict(set)
    for _, record in events(plan):
        subject = decode(Event, record.value).subject
        subjects["event", owners.get(subject, subject)].add(subject)
    for decision in decisions:
        if decision.episode is not None:
            subjects["alarm", decision.customer].add(decision.subject)
    return {customer for (_, customer), found in subjects.items() if len(found) > 1}


def check_watched(fleet: Fleet, truths: Truths) -> None:
    """Every planted episode is raised, whatever came twice is equal, and the accounts are whole."""
    compared = compare(truths.alarms, fleet.alarms.all())
    assert compared.right, compared
    book = fold(fleet.accounts.all())
    assert not gaps(book)
    counts = msgspec.structs.asdict(truths.counts)
    assert dict(sums(book)) == {name: counts[name] for name in COUNTED}
    letters = {
        (headers["partition"], headers["offset"], headers["exception.class.name"])
        for headers in (
            {name.removeprefix("__connect.errors."): value.decode() for name, value in letter.headers}
            for letter in fleet.dead_letters.all()
        )
    }
    assert Counter(reason for _, _, reason in letters) == truths.counts.dead_letters


def check_decided(fleet: Fleet) -> None:
    """A decision binds: one content by number and by id; an action has one content, and is there."""
    decisions = fleet.decisions.all()
    contents: defaultdict[object, set[bytes]] = defaultdict(set)
    for decision in decisions:
        text = msgspec.json.encode(decision)
        contents[decision.customer, decision.number].add(text)
        contents[decision.id].add(text)
    actions: defaultdict[str, set[bytes]] = defaultdict(set)
    for message in fleet.actions():
        actions[decode(CloudEvent, message.value or b"").id].add(message.value or b"")
    assert [key for key, found in {**contents, **actions}.items() if len(found) > 1] == []
    assert set(actions) == set(published(decisions))


def check_carried_out(fleet: Fleet) -> None:
    """One outcome of every action, and one file of each that came in time."""
    outcomes = [msgspec.convert(event.data, Outcome) for event in fleet.outcomes.all()]
    assert Counter(outcome.id for outcome in outcomes) == Counter(set(published(fleet.decisions.all())))
    done = {outcome.reference for outcome in outcomes if outcome.status == "accepted"}
    assert {outcome.status for outcome in outcomes} <= {"accepted", "expired"}
    files = [path for path in fleet.outbox.rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(fleet.outbox)) for path in files) == sorted(map(str, done))


@pytest.mark.slow
def test_kills_lose_nothing_and_do_nothing_twice(bus: Bus, tmp_path: Path) -> None:
    """After eight kills all is as in a run without one: episodes, accounts, decisions, actions and their effects."""
    print(f"TELLTALE_SEED={SEED} runs this again")
    chance = random.Random(SEED)
    kills = chance.sample(KILLS, len(KILLS))
    processes = 1 + (bus.kind == "kafka")
    began = now()
    plan = Plan(
        seed=SEED, vehicles=120, start=start_for(began, DURATION, None), duration=DURATION, shares=SHARES
    )
    with a_fleet(bus, tmp_path / "whole", EPOCH_S, CUSTOMERS_EPOCH_S) as fleet:
        run = Run(fleet, plan, 1, processes=1)
        run.begin()
        run.end()
        check_watched(fleet, expected(plan, "at_once"))
        unkilled = fleet.decisions.all()
    with a_fleet(bus, tmp_path / "killed", EPOCH_S, CUSTOMERS_EPOCH_S) as fleet:
        run = Run(fleet, plan, len(kills) + 1, processes)
        run.begin()
        for kill in kills:
            run.send()
            if kill == "binding":
                run.kill_while_binding(chance)
            else:
                run.kill_in_flight(kill, chance, within_s=2 * EPOCH_S)
        run.end()
        print(run.kills)
        assert Counter(run.kills) == {"devices": 2, "customers": 4, "outbox": 2}
        check_watched(fleet, expected(plan, "at_once"))
        check_decided(fleet)
        check_carried_out(fleet)
        killed = fleet.decisions.all()
        unsure = ambiguous(plan, [*unkilled, *killed])
        ended = now()

        def certain(decisions: list[Decision]) -> set[str]:
            """Actions neither ambiguous nor worth doing only for a part of the time that this test took."""
            return {
                action.id
                for action in published(d for d in decisions if d.customer not in unsure).values()
                if not began <= action.valid_until <= ended
            }

        assert certain(killed) == certain(unkilled)
        assert len(certain(killed)) > len(published(killed)) / 2
