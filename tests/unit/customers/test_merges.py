"""Merges and splits in flight: whatever dies and in whatever order things are read, nothing is lost or done twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.customers.known import Known
from flows.customers.state import Customer
from flows.rules.model import Aggregate, Limit, Rule
from flows.schema import Alarm, Decision
from tests.unit.customers.crowd import Crowd, Read
from tests.unit.customers.registry import Registry
from tests.unit.customers.world import DAY, HOUR, MINUTE, T0, Sets, alarm, entry, event, overheating, rule_set

pytestmark = pytest.mark.slow

RECORDS = ("crm:1", "crm:2", "shop:1")
HANDLES = (*RECORDS, "email:a", "email:b")
DEVICES = ("veh-1", "veh-2")
TOPICS = ("alarms", "events")


def rules() -> tuple[Rule, ...]:
    """A case for each episode, one for each complaint, and a limited one for orders."""
    care = Rule(name="care", event="complaint", do={"raised": (entry("open_case", about="care"),)})
    thanks = Rule(
        name="thanks",
        event="order",
        do={"raised": (entry("notify", purpose="service", template="thanks"),)},
        limits=(Limit(per="customer", at_most=1, every=DAY),),
    )
    opens, closes = entry("open_case", about="engine"), entry("close_case", about="engine")
    return overheating(do={"raised": (opens,), "cleared": (closes,)}, limits=()), care, thanks


def sets() -> Sets:
    """The rules with a count and a sum of orders, and a count of alarms."""
    profile = (
        Aggregate(name="orders", source="event:order", take="count"),
        Aggregate(name="spent", source="event:order", take="sum", field="euros"),
        Aggregate(name="hot", source="alarm:engine-overheating", take="count"),
    )
    return Sets(rule_set(*rules(), profile=profile))


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, list[Read]]:
    """Alarms in the order of each device, events of all handles, some of them twice."""
    alarms: list[Read] = []
    for n in range(draw(st.integers(0, 4))):
        device, opened = draw(st.sampled_from(DEVICES)), T0 + n * HOUR
        steps = draw(
            st.sampled_from((("raised",), ("raised", "cleared"), ("raised", "escalated", "cleared")))
        )
        alarms += [alarm(step, i + 1, device=device, opened_at=opened) for i, step in enumerate(steps)]  # type: ignore[arg-type]
    events: list[Read] = []
    for n in range(draw(st.integers(0, 8))):
        handle = draw(st.sampled_from((*HANDLES, *(f"device:{d}" for d in DEVICES))))
        kind = draw(st.sampled_from(("order", "order", "complaint")))
        made = (event(kind, handle, n, euros=n + 1), T0 + n * draw(st.sampled_from((MINUTE, DAY))))
        events += [made, made] if draw(st.integers(0, 3)) == 0 else [made]
    return {"alarms": alarms, "events": events}


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    """A history of links, merges, splits and claims."""
    made, chance = Registry(), random.Random(draw(st.integers(0, 1 << 30)))
    for _ in range(draw(st.integers(0, 16))):
        handle, customers = chance.choice(HANDLES), made.customers()
        match chance.choice(("link", "link", "join", "merge", "merge", "split", "claim", "unlink")):
            case "link" if made.whose.get(handle) is None:
                made.link(handle, None)
            case "join" if customers:
                made.link(handle, chance.choice(customers))
            case "merge" if customers:
                made.merge(chance.choice(customers), chance.choice(customers))
            case "split" if made.whose.get(handle) is not None:
                made.split(handle)
            case "claim":
                made.claim(f"device:{chance.choice(DEVICES)}", chance.choice(RECORDS))
            case "unlink" if handle not in RECORDS and made.whose.get(handle) is not None:
                made.unlink(handle)
            case _:
                pass
    return made


READS = (
    "alarms",
    "alarms",
    "events",
    "events",
    "say",
    "say",
    "identity-0",
    "identity-1",
    "handoffs",
    "handoffs",
)
KILLS = ("save", "save", "die", "die-saving", "again")
steps = st.integers(0, 80).flatmap(
    lambda n: st.lists(st.sampled_from((*READS, "handle", "handle", *KILLS)), min_size=n, max_size=n)
)


def run(crowd: Crowd, order: Sequence[str]) -> None:
    """Do so, then read all to its end."""
    for n, step in enumerate(order):
        match step:
            case "handle":
                crowd.handle(2)
            case "save":
                crowd.save()
            case "die" | "die-saving":
                crowd.die(saving=step == "die-saving")
            case "again":
                crowd.again(n)
            case "say":
                crowd.say()
            case _:
                crowd.read(step)
    crowd.finish(TOPICS)


@settings(max_examples=400, deadline=None)
@given(inputs(), registries(), steps, st.integers(0, 1 << 30))
def test_nothing_is_lost_or_done_twice(
    found: dict[str, list[Read]], registry: Registry, order: list[str], seed: int
) -> None:
    """Whatever merges, splits, dies and comes late: profiles, limits and cases are those of who is whose at the end."""
    crowd = Crowd(sets(), found, registry.entries, random.Random(seed), now=T0 + HOUR)
    run(crowd, order)
    state = crowd.state()
    every_trigger_is_decided_once(crowd, found)
    no_action_has_two_contents(crowd)
    profiles_are_of_whose_it_is(state, registry, found, crowd.sets)
    limits_are_of_whose_it_is(state, registry, crowd.decisions)
    cases_are_open_where_they_belong(state, registry, crowd.decisions)
    nothing_waits(state)


def every_trigger_is_decided_once(crowd: Crowd, found: dict[str, list[Read]]) -> None:
    """Each alarm, and each event by its rule."""
    log = crowd.decisions
    assert max(Counter(d.id for d in log).values(), default=1) == 1
    assert {d.trigger for d in log if d.transition} == {a.id for a in found["alarms"] if isinstance(a, Alarm)}
    events = {read[0].id for read in found["events"] if isinstance(read, tuple)}
    assert len([d for d in log if not d.transition]) == len(events)


def no_action_has_two_contents(crowd: Crowd) -> None:
    """What was sent is what was decided, again and again at most."""
    assert len(set(crowd.sent)) == len(dict(crowd.sent))
    wanted = {p.action.id for d in crowd.decisions for p in d.actions if p.status == "published"}
    assert set(dict(crowd.sent)) == wanted


def profiles_are_of_whose_it_is(
    state: dict[str, Customer], registry: Registry, found: dict[str, list[Read]], of: Sets
) -> None:
    """Each customer's profile says what came by his handles, each event once."""
    orders: dict[str, dict[str, float]] = {}
    hot: Counter[str] = Counter()
    for read in found["events"]:
        if isinstance(read, tuple) and read[0].type == "order":
            orders.setdefault(registry.holder(read[0].subject), {})[read[0].id] = read[0].data["euros"]
    for read in found["alarms"]:
        if isinstance(read, Alarm) and read.transition == "raised":
            hot[registry.holder(f"device:{read.device}")] += 1
    for name in {*orders, *hot}:
        mine = orders.get(name, {})
        told = [Known(of.current).value_of(v, state[name], T0) for v in ("orders", "spent", "hot")]
        assert told == [len(mine), sum(mine.values()), hot[name]]
    for name, customer in state.items():
        if name not in {*orders, *hot}:
            assert not any(part.cells for part in customer.parts.values())


def limits_are_of_whose_it_is(
    state: dict[str, Customer], registry: Registry, log: Sequence[Decision]
) -> None:
    """What was done under a limit is counted where it would be now."""
    done: dict[str, list[int]] = {}
    for decision in log:
        if decision.rule == "thanks" and decision.verdict == "acted":
            done.setdefault(registry.holder(decision.subject), []).append(decision.at)
    key = f"live|thanks|customer||{DAY}"
    counted = {name: times for name, customer in state.items() if (times := customer.times(key))}
    assert counted == {name: sorted(times) for name, times in done.items()}


def cases_are_open_where_they_belong(
    state: dict[str, Customer], registry: Registry, log: Sequence[Decision]
) -> None:
    """Every raise opened a case, every end closed it, and those that are left lie with whose it is."""
    ended = {d.episode for d in log if d.transition == "cleared"}
    for decision in log:
        if decision.transition == "cleared":
            assert [p.status for p in decision.actions] == ["published"], decision
    left: dict[str, set[str]] = {}
    for decision in log:
        for planned in decision.actions:
            if (
                planned.action.kind == "open_case"
                and planned.status == "published"
                and decision.episode not in ended
            ):
                left.setdefault(registry.holder(decision.subject), set()).add(planned.action.id)
    found = {name: {i for i, _ in customer.items()} for name, customer in state.items()}
    assert {name: items for name, items in found.items() if items} == left


def nothing_waits(state: dict[str, Customer]) -> None:
    """Nobody expects anything, and nothing is stashed, owed or pending."""
    for name, customer in state.items():
        waiting = (customer.expected, customer.stash, customer.owed)
        assert not any(waiting), name
        assert not customer.pending, name
        assert not any(part.folded for part in customer.parts.values()), name
