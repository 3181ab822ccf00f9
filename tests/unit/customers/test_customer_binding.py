"""A published decision binds: whatever dies, and in whatever order it is read again."""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.expressions import parse
from flows.rules.model import Aggregate, Limit, Rule
from flows.schema import Alarm, Decision, Event
from tests.unit.customers.world import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Sets,
    World,
    alarm,
    entry,
    event,
    overheating,
    owned,
    rule_set,
)

pytestmark = pytest.mark.slow

DEVICES = ("veh-1", "veh-2", "veh-3", "veh-4")
OWNERS = {"veh-1": "c-ann", "veh-2": "c-ann", "veh-3": "c-bob"}  # veh-4 is a customer of its own
Read = Alarm | tuple[Event, int]
Source = list[Read]


def rules() -> tuple[Rule, ...]:
    """Two rules that look at each other's cases and at complaints, with tight limits, and one on events."""
    first = overheating(
        guard=parse("profile.complaints <= 1"),
        limits=(Limit(per="device", at_most=1, every=HOUR), Limit(per="rule", at_most=4, every=DAY)),
    )
    second = overheating(name="battery", limits=(Limit(per="customer", at_most=2, every=DAY),))
    care = Rule(
        name="care",
        event="complaint",
        guard=parse('not has_open("case", "care")'),
        do={"raised": (entry("open_case", about="care"),)},
    )
    return first, second, care


def sets() -> Sets:
    """The rules with a profile of two counts and a sum."""
    profile = (
        Aggregate(name="complaints", source="event:complaint", take="count"),
        Aggregate(name="lost", source="event:complaint", take="sum", field="euros"),
        Aggregate(name="hot", source="alarm:engine-overheating", take="count"),
    )
    return Sets(rule_set(*rules(), profile=profile))


@st.composite
def sources(draw: st.DrawFn) -> tuple[Source, Source]:
    """Alarms of several devices, each episode in its order and some repeated, and events of their owners."""
    alarms: Source = []
    for n in range(draw(st.integers(1, 8))):
        device, rule = (
            draw(st.sampled_from(DEVICES)),
            draw(st.sampled_from(("engine-overheating", "battery"))),
        )
        opened = T0 + n * draw(st.sampled_from((MINUTE, HOUR)))
        steps = draw(
            st.sampled_from((("raised",), ("raised", "cleared"), ("raised", "escalated", "cleared")))
        )
        found = [
            alarm(step, i + 1, device=device, rule=rule, opened_at=opened)  # type: ignore[arg-type]
            for i, step in enumerate(steps)
        ]
        alarms += found + (found if draw(st.integers(0, 5)) == 0 else [])
    events: Source = []
    for n in range(draw(st.integers(0, 5))):
        subject = f"device:{draw(st.sampled_from(DEVICES))}"
        events.append((event("complaint", subject, n, euros=n + 1), T0 + n * MINUTE))
    return alarms, events


class Killed:
    """A world that reads two sources, snapshots and dies; what it published survives in part."""

    def __init__(self) -> None:
        self.world = World(sets(), now=T0 + HOUR)
        self._identity()
        self.offsets = [0, 0]
        self.saved = (self.world.snapshot(), [0, 0], 0)

    def _identity(self) -> None:
        self.world.feed(*(owned(device, owner, "c-dan") for device, owner in OWNERS.items()))

    def read(self, source: int, messages: Source) -> None:
        """Read the next message of a source, if there is one."""
        offset = self.offsets[source]
        if offset < len(messages):
            self.world.feed(messages[offset])
            self.offsets[source] += 1

    def snapshot(self) -> None:
        """An epoch's end."""
        self.saved = (self.world.snapshot(), list(self.offsets), len(self.world.log))

    def die(self, keep: dict[str, int], *, in_order: bool) -> None:
        """Go back to the last snapshot; of what was published since, only so many decisions (of each rule) survive."""
        state, offsets, mark = self.saved
        since = self.world.log[mark:]
        survived = since[: keep[""] % (len(since) + 1)] if in_order else _cut(since, keep)
        self.world.log = self.world.log[:mark] + survived
        self.world.start(state)
        self._identity()
        self.world.fold(survived)
        self.offsets = list(offsets)

    def finish(self, found: tuple[Source, Source]) -> None:
        """Read both sources to their ends."""
        for source, messages in enumerate(found):
            for _ in messages:
                self.read(source, messages)
        self.world.tick(T0)

    def customers(self) -> Any:
        """All state of the bucket."""
        return msgspec.msgpack.decode(zlib.decompress(self.world.bucket.snapshot()[9:]))[0]


def _cut(since: list[Decision], keep: dict[str, int]) -> list[Decision]:
    """Decisions of different rules go two ways to the topic: of each rule a prefix survives, the last rule's first."""
    kept: list[Decision] = []
    for rule in sorted({d.rule for d in since}):
        mine = [d for d in since if d.rule == rule]
        kept = mine[: keep.get(rule, 0) % (len(mine) + 1)] + kept
    return kept


steps = st.lists(st.sampled_from(("alarm", "alarm", "event", "snapshot", "die")), max_size=40)
cuts = st.fixed_dictionaries(
    {rule: st.integers(0, 20) for rule in ("", "engine-overheating", "battery", "care")}
)


@settings(max_examples=150, deadline=None)
@given(sources(), steps, st.lists(cuts, min_size=1, max_size=6))
def test_folding_any_prefix_of_what_was_published_gives_the_state_of_an_unkilled_run(
    found: tuple[Source, Source], order: list[str], keep: list[dict[str, int]]
) -> None:
    """Read in the same order again, a killed run ends with the very customers and decisions of one never killed."""
    script = [found[0], found[1]]
    merged: Source = [*script[0], *script[1]]
    calm, killed = Killed(), Killed()
    calm.finish((merged, []))
    for n, step in enumerate(order):
        if step == "snapshot":
            killed.snapshot()
        elif step == "die":
            killed.die(keep[n % len(keep)], in_order=True)
        else:
            killed.read(0, merged)
    killed.finish((merged, []))
    assert killed.customers() == calm.customers()
    assert killed.world.log == calm.world.log
    assert dict(killed.world.sent) == dict(calm.world.sent)


@settings(max_examples=250, deadline=None)
@given(sources(), steps, st.lists(cuts, min_size=1, max_size=6))
def test_read_in_another_order_after_each_kill_nothing_published_is_contradicted(
    found: tuple[Source, Source], order: list[str], keep: list[dict[str, int]]
) -> None:
    """Every trigger is decided once, no action has two contents, profiles count each trigger once, limits hold."""
    killed = Killed()
    sent: list[tuple[str, bytes]] = []
    for n, step in enumerate(order):
        match step:
            case "alarm" | "event":
                killed.read(0 if step == "alarm" else 1, found[0 if step == "alarm" else 1])
            case "snapshot":
                killed.snapshot()
            case _:
                killed.die(keep[n % len(keep)], in_order=False)
                survived = {p.action.id for d in killed.world.log for p in d.actions}
                # an action leaves only after its decision is safe in the topic
                sent += [s for s in killed.world.sent if s[0] in survived]
                killed.world.sent = []
    killed.finish(found)
    sent += killed.world.sent
    log = killed.world.log
    alarms = {a.id for a in found[0] if isinstance(a, Alarm)}
    assert sorted(d.id for d in log if d.transition is not None) == sorted(alarms)
    assert len({d.id for d in log}) == len(log)
    assert len(set(sent)) == len(dict(sent))
    wanted = {p.action.id for d in log for p in d.actions if p.status == "published"}
    assert set(dict(sent)) == wanted
    assert all(customer.get("pending", {}) == {} for customer in killed.customers().values())
    _profiles_count_each_trigger_once(killed, found)
    _limits_hold(log)
    _ends_match_beginnings(log)


def _profiles_count_each_trigger_once(killed: Killed, found: tuple[Source, Source]) -> None:
    counted: dict[str, list[float]] = {}
    for read in found[1]:
        if isinstance(read, tuple):
            device = read[0].subject.removeprefix("device:")
            counted.setdefault(OWNERS.get(device, read[0].subject), []).append(read[0].data["euros"])
    for customer, euros in counted.items():
        values = killed.world.profiles[customer].values
        assert (values["complaints"], values["lost"]) == (len(euros), sum(euros))


def _limits_hold(log: list[Decision]) -> None:
    acted = [d for d in log if d.transition == "raised" and d.verdict in ("acted", "held")]
    by_device: dict[str | None, list[int]] = {}
    for decision in acted:
        if decision.rule == "engine-overheating":
            by_device.setdefault(decision.device, []).append(decision.at)
    for times in by_device.values():
        ordered = sorted(times)
        assert all(later - earlier >= HOUR for earlier, later in pairwise(ordered))
    published = [d for d in acted if d.rule == "engine-overheating" and d.verdict == "acted"]
    assert len(published) <= 4


def _ends_match_beginnings(log: list[Decision]) -> None:
    for cleared in (d for d in log if d.transition == "cleared"):
        opened = {
            p.action.name for d in log if d.episode == cleared.episode for p in d.actions if _goes(p.status)
        }
        closes = any(p.action.kind == "close_case" and _goes(p.status) for p in cleared.actions)
        assert closes == ("open_case" in opened)


def _goes(status: str) -> bool:
    return status in ("published", "held")


@settings(max_examples=100, deadline=None)
@given(sources(), st.randoms(use_true_random=False), st.lists(st.integers(1, 5), min_size=1))
def test_decisions_do_not_depend_on_how_customers_interleave_or_batches_are_cut(
    found: tuple[Source, Source], random: Any, cuts: list[int]
) -> None:
    """Only the order within one customer counts."""
    loose = tuple(
        msgspec.structs.replace(r, limits=tuple(x for x in r.limits if x.per != "rule")) for r in rules()
    )
    one, other = (
        World(Sets(rule_set(*loose, profile=sets().current.profile)), now=T0 + HOUR) for _ in range(2)
    )
    for world in (one, other):
        world.feed(*(owned(device, owner, "c-dan") for device, owner in OWNERS.items()))
    read = [*found[0], *found[1]]
    for message in read:
        one.feed(message)
    queues: dict[str, Source] = {}
    for message in read:
        device = message.device if isinstance(message, Alarm) else message[0].subject.removeprefix("device:")
        queues.setdefault(OWNERS.get(device, device), []).append(message)
    shuffled: Source = []
    while queues:
        customer = random.choice(sorted(queues))
        shuffled.append(queues[customer].pop(0))
        queues = {c: q for c, q in queues.items() if q}
    place = 0
    while place < len(shuffled):
        size = cuts[place % len(cuts)]
        other.feed(*shuffled[place : place + size])
        place += size
    key = lambda d: (d.customer, d.number)  # noqa: E731
    assert sorted(one.log, key=key) == sorted(other.log, key=key)
    assert one.profiles == other.profiles


def test_a_folded_decision_sends_its_actions_again_and_its_trigger_decides_nothing() -> None:
    """The same ids go out once more, then the alarm is only counted."""
    first = World(sets(), now=T0 + HOUR)
    first.feed(owned("veh-1", "c-ann", "c-dan"))
    (decision,) = first.feed(alarm(device="veh-1"))
    again = World(sets(), now=T0 + HOUR)
    again.fold([decision])
    assert again.sent == first.sent
    assert again.feed(alarm(device="veh-1")) == []
    assert again.profiles["c-ann"].values["hot"] == 1
    assert again.feed(alarm(device="veh-1")) == []
    assert again.profiles["c-ann"].values["hot"] == 1


def test_a_replayed_trigger_goes_to_the_customer_its_decision_names() -> None:
    """Identity has changed since, for an alarm and for an event: both stay with whom they were decided for."""
    first = World(sets(), now=T0 + HOUR)
    first.feed(owned("veh-1", "c-ann", "c-dan"))
    complaint = (event("complaint", "device:veh-1", 1, euros=3), T0)
    published = first.feed(alarm(device="veh-1"), complaint)
    again = World(sets(), now=T0 + HOUR)
    again.feed(owned("veh-1", "c-new", number=2))
    again.fold(published)
    assert again.feed(alarm(device="veh-1"), complaint) == []
    assert again.feed(alarm("cleared", 2, device="veh-1"))[0].customer == "c-ann"


def test_a_decision_the_snapshot_holds_already_is_not_folded_again() -> None:
    """An older mark is safe: numbers tell."""
    first = World(sets(), now=T0 + HOUR)
    first.feed(owned("veh-1", "c-ann", "c-dan"))
    published = first.feed(alarm(device="veh-1"))
    saved = first.snapshot()
    again = World(sets(), now=T0 + HOUR)
    again.start(saved)
    again.fold(published)
    assert again.sent == []
    assert again.snapshot()[1] == saved[1]
