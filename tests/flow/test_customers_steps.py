"""The team's steps in the customers flow: events before they are resolved, decisions and actions on their way out."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Stream
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import AbortExecution
from bytewax.operators import StatefulLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main, run_main

from flows import ids
from flows.customers.flow import customers_flow
from flows.engine.clock import moment, wall_clock
from flows.engine.gate import Bound
from flows.engine.messages import Watch
from flows.errors import BrokerUnreachable
from flows.metrics import Metrics
from flows.rules.model import Rule
from flows.schema import Action, Decision, Event, decode, encode
from flows.steps import Steps
from flows.topics.port import Headers, Topics, Writer
from tests.flow.test_customers import (
    HOUR,
    MINUTE,
    NAMES,
    PROFILE,
    SETTINGS,
    SHORT,
    Sets,
    Until,
    actions,
    count,
    decisions,
    episode,
    event,
    overheating,
    profiles,
    roles,
    rule_set,
    values,
    write,
)
from tests.flow.test_customers import bus as bus  # noqa: PLC0414 - the fixture
from tests.unit.customers.world import entry

HERE = Path(__file__)
CLICKED = Rule(name="bought", event="bought", do={"raised": (entry("open_case", about="care", queue="q"),)})
Bus = Callable[[], Topics]


class Noted:
    """A bus whose writers note, in one list, each decision that was delivered and each action that is written."""

    def __init__(self, topics: Topics, notes: list[tuple[str, str]]) -> None:
        self._topics, self._notes = topics, notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._topics, name)

    def writer(self) -> NotedWriter:
        return NotedWriter(self._topics.writer(), self._notes)


class NotedWriter:
    """A real writer, watched."""

    def __init__(self, writer: Writer, notes: list[tuple[str, str]]) -> None:
        self._writer, self._notes = writer, notes
        self._undelivered: list[str] = []

    def write(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> None:
        if topic == NAMES.decisions:
            self._undelivered.append(decode(Decision, value or b"").id)
        elif topic.startswith("actions."):
            self._notes.append(("wants", msgspec.json.decode(value or b"")["data"]["decision"]))
        self._writer.write(topic, value, key=key, headers=headers)

    def poll(self) -> None:
        self._writer.poll()

    def flush(self, beat: Callable[[], None] | None = None) -> None:
        self._writer.flush(beat)
        self._notes += [("delivered", decision) for decision in self._undelivered]
        self._undelivered = []

    def close(self) -> None:
        self._writer.close()


def run(
    bus: Bus,
    steps: Steps,
    until: Callable[[], bool],
    recovery: RecoveryConfig | None = None,
    workers: int = 1,
    epoch: timedelta = SHORT,
) -> Metrics:
    """One execution with steps, until it is stopped or aborted."""
    metrics = Metrics()
    watch = Watch(clock=wall_clock, stopping=until, bound=Bound())
    sets = Sets(rule_set(overheating(limits=()), CLICKED, profile=PROFILE))
    flow = customers_flow(SETTINGS, bus, sets, watch, metrics, lambda: None, steps)
    if workers == 1:
        run_main(flow, epoch_interval=epoch, recovery_config=recovery)
    else:
        cluster_main(flow, [], 0, epoch_interval=SHORT, worker_count_per_proc=workers)
    return metrics


def letters(topics: Topics) -> list[tuple[bytes, str]]:
    """The dead letters: value and reason in words."""
    found: list[tuple[bytes, str]] = []
    for partition in range(topics.partitions(NAMES.dead_letters)):
        reader = topics.reader(NAMES.dead_letters, partition, 0)
        for message in reader.read(1000):
            headers = {name.rpartition(".")[2]: value.decode() for name, value in message.headers}
            assert headers["name"] == "step_failed"
            found.append((message.value or b"", headers["message"]))
        reader.close()
    return found


def test_events_go_by_way_of_the_step(bus: Bus) -> None:
    """A subject that it names becomes a token like any; an event that it cannot take is kept, the others go on."""

    def by_account(one: Event) -> Event:
        if "account" not in one.data:
            raise KeyError("account")
        return msgspec.structs.replace(one, subject=f"email:{one.data['account']}")

    topics = bus()
    write(topics, NAMES.events, ("crm:1", event("click", "crm:1", 1, account="Ann@Example.org")))
    write(topics, NAMES.events, ("crm:2", event("click", "crm:2", 2)))
    write(topics, NAMES.events, ("x", b"{no event"))
    steps = Steps(file=HERE, events=lambda s: op.map("account", s, by_account))
    metrics = run(bus, steps, Until(lambda: count(bus(), NAMES.dead_letters) >= 2 and bool(profiles(bus()))))
    (customer,) = profiles(topics)
    assert (customer.startswith("email:"), "xample" in customer) == (True, False)
    counted = metrics.registry.get_sample_value
    assert counted("telltale_dead_letters_total", {"reason": "step_failed"}) == 1
    kept = [decode(Event, v) for v in values(topics, NAMES.dead_letters) if v != b"{no event"]
    assert [(one.id, one.subject.startswith("crm:")) for one in kept] == [("e2", True)]


def test_a_subject_that_the_step_leaves_alone_is_tokenised_once(bus: Bus) -> None:
    """With and without a step it is one customer."""
    topics = bus()
    write(topics, NAMES.events, ("ann", event("click", "email:ann@example.org", 1)))
    run(bus, Steps(file=HERE, events=lambda s: s), Until(lambda: count(bus(), NAMES.profiles) >= 1))
    write(topics, NAMES.events, ("ann", event("click", "email:ann@example.org", 2)))
    run(bus, Steps(), Until(lambda: count(bus(), NAMES.profiles) >= 2))
    assert len(profiles(topics)) == 1


class Later(StatefulLogic[Event, Event, Any]):
    """Holds each event for half a second of the wall clock."""

    def __init__(self, state: tuple[list[Event], datetime] | None) -> None:
        self.held, self.at = state or ([], None)

    def on_item(self, value: Event) -> tuple[list[Event], bool]:
        self.held.append(value)
        self.at = moment(wall_clock() + 500)
        return [], StatefulLogic.RETAIN

    def on_notify(self) -> tuple[list[Event], bool]:
        return self.held, StatefulLogic.DISCARD

    def notify_at(self) -> datetime | None:
        return self.at

    def snapshot(self) -> Any:
        return [*self.held], self.at


def test_what_a_step_gives_when_its_time_comes_is_decided_once_though_the_flow_is_aborted_then(
    bus: Bus, tmp_path: Path
) -> None:
    """Its state comes back with the event it had given; the decision on that is folded in before it is given again."""

    def held(stream: Stream[Event]) -> Stream[Event]:
        keyed = op.key_on("subject", stream, lambda event: event.subject)
        return op.key_rm("bare", op.stateful("later", keyed, Later))

    topics = bus()
    write(topics, NAMES.events, *((f"crm:{n}", event("bought", f"crm:{n}", n)) for n in range(12)))
    init_db_dir(tmp_path, 1)
    recovery, epoch = RecoveryConfig(str(tmp_path)), timedelta(milliseconds=300)

    def abort_once_decided() -> bool:
        if count(topics, NAMES.decisions):
            raise AbortExecution
        return False

    steps = Steps(file=HERE, events=held)
    run(bus, steps, abort_once_decided, recovery, epoch=epoch)
    run(bus, steps, Until(lambda: len({d.id for d in decisions(bus())}) >= 12), recovery, epoch=epoch)
    assert len(decisions(topics)) == 12


def card(action: Action) -> Action:
    """A case with a link."""
    if action.kind != "open_case":
        return action
    return msgspec.structs.replace(action, parameters={**action.parameters, "card": f"/{action.device}"})


def troubled(topics: Topics, *devices: str) -> None:
    """Each device goes to critical and back, and belongs to somebody."""
    write(topics, NAMES.identity, *((f"device:{d}", roles(f"c-{d}", "c-dan")) for d in devices))
    for device in devices:
        write(topics, NAMES.alarms, *episode(device, wall_clock()))


def test_actions_go_by_way_of_the_step_and_one_that_it_cannot_take_goes_to_the_dead_letters(bus: Bus) -> None:
    """It may change, drop and keep them; what names a lane without a topic is kept too; decisions stay as they are."""

    def one(action: Action) -> list[Action]:
        if action.transition == "escalated":
            raise ValueError("nobody is to be alarmed")
        if action.kind == "notify":
            return []
        lane = "nowhere" if action.kind == "close_case" else action.lane
        return [msgspec.structs.replace(card(action), lane=lane)]

    topics = bus()
    troubled(topics, "veh-17")
    steps = Steps(file=HERE, actions=lambda s: op.flat_map("one", s, one))
    run(bus, steps, Until(lambda: count(bus(), NAMES.decisions) >= 4))
    assert [(a.kind, a.parameters["card"]) for _, _, a in actions(topics)] == [("open_case", "/veh-17")]
    found = {decode(Action, value).kind: said for value, said in letters(topics)}
    assert set(found) == {"notify", "close_case"}
    line = one.__code__.co_firstlineno + 2
    assert found["notify"] == (
        f"actions step, test_customers_steps.py:{line}: ValueError: nobody is to be alarmed"
    )
    assert "there is no topic 'actions.close_case.nowhere'" in found["close_case"]
    assert sorted(d.transition or "" for d in decisions(topics)) == [
        "cleared", "deescalated", "escalated", "raised",
    ]  # fmt: skip


class Silent:
    """A bus that does not say which topics it has, though it can be read and written."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._topics, name)

    def list(self) -> dict[str, Any]:
        raise BrokerUnreachable("nowhere:9092", "timed out")


def test_a_bus_that_does_not_answer_is_no_fault_of_an_action(bus: Bus) -> None:
    """The flow stops, and whoever starts it again loses nothing; a dead letter would have been the action's end."""
    troubled(bus(), "veh-17")
    steps = Steps(file=HERE, actions=lambda s: s)
    with pytest.raises(BytewaxRuntimeError):
        run(lambda: Silent(bus()), steps, Until(lambda: count(bus(), NAMES.dead_letters) >= 1))
    assert letters(bus()) == []


def test_an_action_that_would_be_another_one_after_a_crash_is_refused(bus: Bus) -> None:
    """Its id follows from its decision and its name: so must that of one that is added; a huge one is refused too."""

    def changed(action: Action) -> list[Action]:
        if action.transition == "raised" and action.kind == "notify":
            own = ids.action_id(action.decision, "second")
            return [action, msgspec.structs.replace(action, id=own, name="second")]
        if action.transition == "cleared":
            return [msgspec.structs.replace(action, parameters={"text": "x" * 1_000_000})]
        return [msgspec.structs.replace(action, id=uuid.uuid4().hex)]

    topics = bus()
    troubled(topics, "veh-17")
    steps = Steps(file=HERE, actions=lambda s: op.flat_map("one", s, changed))
    run(bus, steps, Until(lambda: count(bus(), NAMES.dead_letters) >= 3))
    assert sorted(action.name for _, _, action in actions(topics)) == ["notify", "second"]
    said = sorted((said, len(value)) for value, said in letters(topics))
    assert ["is not the id of 'notify' of its decision" in text for text, _ in said[:2]].count(True) == 1
    assert ["is not the id of 'open_case' of its decision" in text for text, _ in said[:2]].count(True) == 1
    assert "a message has at most 900000" in said[2][0]
    assert all(size < 2_000 for _, size in said)


def explained(decision: Decision) -> Decision:
    """What the step makes of a decision, by its transition."""
    match decision.transition:
        case "raised":
            return msgspec.structs.replace(decision, explanation="because")
        case "escalated":
            return msgspec.structs.replace(decision, actions=(), verdict="nothing")
        case "cleared":
            raise ValueError("no words")
        case _:
            return msgspec.structs.replace(decision, id="another")


def test_of_what_the_decisions_step_gives_the_explanation_is_taken_over_and_nothing_that_binds(
    bus: Bus,
) -> None:
    """Each decision is out as it was decided, once, with its actions; what the step may not do is a dead letter."""
    topics = bus()
    troubled(topics, "veh-17")
    steps = Steps(file=HERE, decisions=lambda s: op.map("explain", s, explained))
    metrics = run(bus, steps, Until(lambda: count(bus(), NAMES.dead_letters) >= 3))
    found = {d.transition: d for d in decisions(topics)}
    assert sorted(d.number for d in decisions(topics)) == [1, 2, 3, 4]
    assert found["raised"].explanation == "because"
    assert (found["escalated"].verdict, len(found["escalated"].actions)) == ("acted", 1)
    assert len(actions(topics)) == 4
    said = sorted(said for _, said in letters(topics))
    assert ["no words" in said[0] or "binds" in said[0], len(said)] == [True, 3]
    text = " ".join(said)
    assert "a decision binds, and the step changed its verdict, actions" in text
    assert "must give back each decision at once and once" in text
    assert "ValueError: no words" in text
    counted = metrics.registry.get_sample_value
    assert counted("telltale_dead_letters_total", {"reason": "step_failed"}) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_an_action_is_written_only_when_its_decision_is_delivered(bus: Bus, workers: int) -> None:
    """Though the step sends actions from worker to worker, and to customers of other writers."""

    def elsewhere(action: Action) -> Action:
        return msgspec.structs.replace(action, customer=f"c-{action.device}-{action.kind}")

    def step(stream: Stream[Action]) -> Stream[Action]:
        return op.map("to", op.redistribute("spread", stream), elsewhere)

    notes: list[tuple[str, str]] = []
    topics = bus()
    troubled(topics, *(f"veh-{n}" for n in range(20)))
    steps = Steps(file=HERE, actions=step, decisions=lambda s: op.redistribute("spread", s))
    run(lambda: Noted(bus(), notes), steps, Until(lambda: len(actions(bus())) >= 80), workers=workers)
    delivered: set[str] = set()
    wanted = 0
    for kind, decision in notes:
        if kind == "delivered":
            delivered.add(decision)
        else:
            assert decision in delivered
            wanted += 1
    assert wanted == 80


@pytest.mark.parametrize("seed", range(2))
def test_with_steps_and_aborted_again_and_again_nothing_is_lost_or_contradicted(
    bus: Bus, tmp_path: Path, seed: int
) -> None:
    """Each alarm decided once, each action of one content and with its decision in the world, at every abort."""
    chance = random.Random(seed)
    topics, now = bus(), wall_clock()
    devices = [f"veh-{n}" for n in range(8)]
    write(
        topics,
        NAMES.identity,
        *((f"device:{d}", roles(f"c-{n % 5}", "c-dan")) for n, d in enumerate(devices)),
    )
    alarms = [message for n, d in enumerate(devices * 2) for message in episode(d, now - HOUR + n * MINUTE)]
    write(topics, NAMES.alarms, *alarms)
    steps = Steps(
        file=HERE,
        actions=lambda s: op.map("card", op.redistribute("spread", s), card),
        decisions=lambda s: op.filter("some", s, lambda d: d.transition != "raised"),
    )
    init_db_dir(tmp_path, 1)
    recovery = RecoveryConfig(str(tmp_path))
    for _ in range(6):
        run(bus, steps, Until(lambda: False, abort_at=chance.randint(50, 250)), recovery)
        decided = {d.id for d in decisions(topics)}
        assert all(action.decision in decided for _, _, action in actions(topics))
    run(bus, steps, Until(lambda: _all_out(bus(), len(alarms))), recovery)
    decided_at_last = decisions(topics)
    assert sorted(d.id for d in decided_at_last) == sorted(a.id for _, a in alarms)  # type: ignore[attr-defined]
    sent = {(action.id, encode(action)) for _, _, action in actions(topics)}
    planned = {p.action.id for d in decided_at_last for p in d.actions if p.status == "published"}
    assert {i for i, _ in sent} == planned
    assert len(sent) == len(planned)
    assert letters(topics) == []


def _all_out(topics: Topics, alarms: int) -> bool:
    decided = decisions(topics)
    planned = {p.action.id for d in decided for p in d.actions if p.status == "published"}
    return len(decided) >= alarms and {a.id for _, _, a in actions(topics)} >= planned
