"""The planted truths of whole fleets, through real processes on both buses: all are raised, and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from flows.schema import Action, Alarm, CloudEvent, Decision, Event, Identity, Role, decode, encode
from flows.simulator.compare import compare
from flows.simulator.expectation import expected
from flows.simulator.plan import MINUTE, Plan
from flows.simulator.records import events, identities
from flows.simulator.send import Names, send, start_for
from flows.topics.port import Message
from tests.buses import Bus
from tests.integration.account_book import COUNTED, fold, gaps, sums
from tests.integration.fleet import Fleet, a_fleet
from tests.integration.settled import published, wait_until_decided

SEEDS = (1, 2, 3)
VEHICLES = 100
DURATION = 30 * MINUTE
RULE = "engine-overheating"
# The example of the design, to critical and back, a reading every ten seconds.
CAR = "car-of-the-example"
COOLANT = [90] * 4 + [105, 107, 106, 109, 108, 111, 110, 113, 112, 115, 119, 121, 110, 98, 97, 96]
INTERVAL = 10_000


def send_car(fleet: Fleet, end: int) -> None:
    """The example's car, whose last reading is from `end` (ms), after the fleet."""
    roles = tuple(Role(role=role, customer=who) for role, who in (("owner", "olga"), ("driver", "dan")))
    writer = fleet.topics.writer()
    writer.write(fleet.names.things, encode({"hot_c": 105, "model": "m1"}), key=CAR.encode())
    writer.write(fleet.names.identity, encode(Identity(number=1, roles=roles)), key=f"device:{CAR}".encode())
    for i, coolant in enumerate(COOLANT):
        reading = {"device": CAR, "at": end - (len(COOLANT) - 1 - i) * INTERVAL, "coolant_c": coolant}
        writer.write(fleet.names.telemetry("telemetry"), encode(reading), key=CAR.encode())
    writer.close()


def reasons(letters: list[Message]) -> Counter[str]:
    """Dead letters by reason."""
    return Counter(dict(m.headers)["__connect.errors.exception.class.name"].decode() for m in letters)


def complaints(plan: Plan) -> int:
    """How many events of a plan a rule decides on."""
    return sum(decode(Event, record.value).type == "complaint.opened" for _, record in events(plan))


def check_example(alarms: list[Alarm], decisions: list[Decision]) -> None:
    """Raised, critical, warning, cleared; a case, two messages to the driver, one urgent, and the case closed."""
    assert [(alarm.transition, alarm.severity) for alarm in alarms] == [
        ("raised", "warning"),
        ("escalated", "critical"),
        ("deescalated", "warning"),
        ("cleared", "warning"),
    ]
    by_id = {decision.id: decision for decision in decisions}
    done = [[(a.kind, a.lane, a.customer) for a in published([by_id[alarm.id]]).values()] for alarm in alarms]
    assert done == [
        [("open_case", "normal", "olga"), ("notify", "normal", "dan")],
        [("notify", "urgent", "dan")],
        [],
        [("close_case", "normal", "olga")],
    ]


def check_overheatings(plan: Plan, alarms: list[Alarm], decisions: list[Decision]) -> None:
    """Of each raised overheating the driver is told, and if there is none, the decision says so."""
    roles = {
        record.key.decode().removeprefix("device:"): {
            r.role: r.customer for r in decode(Identity, record.value).roles
        }
        for record in identities(plan)
    }
    by_id = {decision.id: decision for decision in decisions}
    for alarm in alarms:
        found = {planned.action.kind: planned for planned in by_id[alarm.id].actions}
        held = roles.get(alarm.device)
        owner = held["owner"] if held else f"device:{alarm.device}"
        assert by_id[alarm.id].customer == found["open_case"].action.customer == owner
        if held:
            assert (found["notify"].status, found["notify"].action.customer) == ("published", held["driver"])
        else:
            assert (found["notify"].status, found["open_case"].status) == ("refused", "published")


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_all_planted_truths_are_raised_and_nothing_else(bus: Bus, seed: int, tmp_path: Path) -> None:
    """Alarms, counts and dead letters are those of a perfect watcher, and what they ask for is on the action topics."""
    with a_fleet(bus, tmp_path / "fleet") as fleet:
        names = fleet.names
        start = start_for(time.time_ns() // 1_000_000, DURATION, None)
        plan = Plan(seed=seed, vehicles=VEHICLES, start=start, duration=DURATION)
        sending = Names(
            telemetry=names.telemetry("telemetry"),
            things=names.things,
            identity=names.identity,
            events=names.events,
        )
        writer = fleet.topics.writer()
        sent = send(plan, writer, sending, pace=None, clock=time.monotonic, sleep=time.sleep)
        writer.close()
        send_car(fleet, plan.end)
        fleet.start("devices", processes=2)
        fleet.start("customers")
        wait_until_decided(fleet, sent + len(COOLANT), complaints(plan))

        truths = expected(plan, "at_once")
        alarms, decisions = fleet.alarms.all(), fleet.decisions.all()
        of_car = [alarm for alarm in alarms if alarm.device == CAR]
        compared = compare(truths.alarms, [alarm for alarm in alarms if alarm.device != CAR])
        assert compared.right, compared
        book = fold(fleet.accounts.all())
        assert not gaps(book)
        taken = msgspec.structs.asdict(truths.counts)
        taken["messages"] += len(COOLANT)
        taken["taken"] += len(COOLANT)
        assert dict(sums(book)) == {name: taken[name] for name in COUNTED}
        assert reasons(fleet.dead_letters.all()) == truths.counts.dead_letters

        check_example(of_car, decisions)
        check_overheatings(
            plan,
            [a for a in alarms if (a.rule, a.transition) == (RULE, "raised") and a.device != CAR],
            decisions,
        )
        wanted = published(decisions)
        fleet.wait(lambda: len(fleet.actions()) >= len(wanted), "the actions that were decided")
        found = [msgspec.convert(decode(CloudEvent, m.value or b"").data, Action) for m in fleet.actions()]
        assert sorted(a.id for a in found) == sorted(wanted)
        assert {a.id: a for a in found} == wanted
