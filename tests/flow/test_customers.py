"""The customers flow under Bytewax on the embedded bus: from alarms to actions, also when it is aborted on the way."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from bytewax.inputs import AbortExecution
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main, run_main

from flows.customers.flow import customers_flow
from flows.engine.clock import wall_clock
from flows.engine.gate import Bound
from flows.engine.messages import Watch
from flows.metrics import Metrics
from flows.rules.model import Aggregate
from flows.schema import Action, CloudEvent, Decision, Event, Identity, Profile, Role, decode, encode
from flows.settings import CustomersSettings, Settings
from flows.topics.names import TopicNames
from flows.topics.port import Topics
from flows.topics.sqlite import SqliteTopics
from tests.unit.customers.world import (
    HOUR,
    MINUTE,
    TENANT,
    Sets,
    alarm,
    event,
    outcome,
    overheating,
    rule_set,
)

NAMES = TopicNames()
SETTINGS = Settings(tenant=TENANT, tenant_key="key", customers=CustomersSettings(buckets=8, batch=2))
SHORT = timedelta(milliseconds=40)
KINDS, LANES = ("open_case", "close_case", "notify", "task"), ("normal", "urgent", "slow")
ACTIONS = [NAMES.actions(kind, lane) for kind in KINDS for lane in LANES]
PROFILE = (
    Aggregate(name="hot", source="alarm:engine-overheating", take="count"),
    Aggregate(name="clicks", source="event:click", take="count"),
)


@pytest.fixture
def bus(tmp_path: Path) -> Callable[[], Topics]:
    """An embedded bus with all of Telltale's topics."""

    def open_topics() -> Topics:
        return SqliteTopics(tmp_path / "topics.db")

    open_topics().create(NAMES.own_topics(4, KINDS, LANES))
    return open_topics


def write(topics: Topics, topic: str, *messages: tuple[str, object]) -> None:
    """Write keyed messages, bytes as they are."""
    writer = topics.writer()
    for key, value in messages:
        writer.write(topic, value if isinstance(value, bytes) else encode(value), key=key.encode())
    writer.flush()
    writer.close()


def values(topics: Topics, topic: str) -> list[bytes]:
    """All values of a topic, partition by partition."""
    found: list[bytes] = []
    for partition in range(topics.partitions(topic)):
        reader = topics.reader(topic, partition, topics.bounds(topic, partition).low)
        while messages := reader.read(1000):
            found += [m.value or b"" for m in messages]
        reader.close()
    return found


def decisions(topics: Topics) -> list[Decision]:
    """All decisions."""
    return [decode(Decision, value) for value in values(topics, NAMES.decisions)]


def actions(topics: Topics) -> list[tuple[str, CloudEvent, Action]]:
    """All actions with their topics and envelopes."""
    found: list[tuple[str, CloudEvent, Action]] = []
    for topic in ACTIONS:
        for value in values(topics, topic):
            envelope = decode(CloudEvent, value)
            found.append((topic, envelope, msgspec.convert(envelope.data, Action)))
    return found


def profiles(topics: Topics) -> dict[str, Profile]:
    """The last profile of each customer."""
    return {p.customer: p for value in values(topics, NAMES.profiles) for p in [decode(Profile, value)]}


class Until:
    """Says stop once `done` holds or after far too many questions; aborts at the question `abort_at`."""

    def __init__(self, done: Callable[[], bool], abort_at: int | None = None) -> None:
        self.done, self.abort_at, self.asked, self.over = done, abort_at, 0, False

    def __call__(self) -> bool:
        self.asked += 1
        if self.abort_at is not None and self.asked > self.abort_at:
            raise AbortExecution
        if not self.over and self.asked % 200 == 0:
            self.over = self.done()
        return self.over or self.asked > 100_000


def run(
    bus: Callable[[], Topics], until: Until, recovery: RecoveryConfig | None = None, workers: int = 1
) -> Metrics:
    """One execution, until it is stopped or aborted."""
    metrics = Metrics()
    watch = Watch(clock=wall_clock, stopping=until, bound=Bound())
    sets = Sets(rule_set(overheating(limits=()), profile=PROFILE))
    flow = customers_flow(SETTINGS, bus, sets, watch, metrics, lambda: None)
    if workers == 1:
        run_main(flow, epoch_interval=SHORT, recovery_config=recovery)
    else:
        cluster_main(
            flow, [], 0, epoch_interval=SHORT, recovery_config=recovery, worker_count_per_proc=workers
        )
    return metrics


def count(topics: Topics, topic: str) -> int:
    """How many messages a topic has taken."""
    return sum(topics.bounds(topic, p).end for p in range(topics.partitions(topic)))


def roles(owner: str, driver: str) -> Identity:
    """Who owns and drives a thing."""
    return Identity(
        number=1, roles=(Role(role="owner", customer=owner), Role(role="driver", customer=driver))
    )


def episode(device: str, opened_at: int) -> list[tuple[str, object]]:
    """To critical and back."""
    steps = ("raised", "escalated", "deescalated", "cleared")
    return [
        (device, alarm(step, n + 1, device=device, opened_at=opened_at, at=opened_at + n))  # type: ignore[arg-type]
        for n, step in enumerate(steps)
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_from_an_alarm_to_critical_and_back_pull_over_is_sent_and_the_case_closed(
    bus: Callable[[], Topics], workers: int
) -> None:
    """The customers' half of DESIGN §7's example, with one worker and with two."""
    topics = bus()
    write(topics, NAMES.identity, ("device:veh-17", roles("c-ann", "c-dan")))
    write(topics, NAMES.alarms, *episode("veh-17", wall_clock()))
    run(bus, Until(lambda: len(actions(bus())) >= 4), workers=workers)
    found = {
        action.kind + ":" + action.parameters.get("template", ""): (t, c, action)
        for t, c, action in actions(topics)
    }
    assert set(found) == {"open_case:", "notify:overheating", "notify:pull-over", "close_case:"}
    topic, envelope, pull_over = found["notify:pull-over"]
    assert topic == "actions.notify.urgent"
    assert (envelope.id, envelope.type, envelope.subject) == (pull_over.id, "telltale.action.notify", "c-dan")
    assert (pull_over.customer, pull_over.decision) == (
        "c-dan",
        alarm("escalated", 2, opened_at=pull_over.at - 1).id,
    )
    assert [d.verdict for d in sorted(decisions(topics), key=lambda d: d.number)] == [
        "acted",
        "acted",
        "nothing",
        "acted",
    ]
    assert profiles(topics)["c-ann"].open == {}


def test_what_cannot_be_read_goes_to_the_dead_letters_and_everything_else_is_decided(
    bus: Callable[[], Topics],
) -> None:
    """One broken message of each topic costs itself alone, and is counted by its reason."""
    topics = bus()
    write(topics, NAMES.alarms, ("veh-17", b"{not json"), *episode("veh-17", wall_clock()))
    write(topics, NAMES.events, ("crm:1", b"[]"), ("crm:1", event("click", "crm:1", 1)))
    write(topics, NAMES.outcomes, ("c", outcome("a", "c", "accepted")))
    write(topics, NAMES.identity, ("device:veh-17", b"null?"))
    metrics = run(bus, Until(lambda: count(bus(), NAMES.decisions) >= 4 and len(profiles(bus())) >= 2))
    assert len(decisions(topics)) == 4
    assert sorted(values(topics, NAMES.dead_letters)) == sorted(
        [b"{not json", b"[]", b"null?", encode(outcome("a", "c", "accepted"))]
    )
    reasons = {
        m.labels["reason"] for f in metrics.registry.collect() for m in f.samples if "reason" in m.labels
    }
    assert reasons == {"DecodeError", "ValidationError"}


def test_no_address_of_a_person_leaves_the_decoder(bus: Callable[[], Topics]) -> None:
    """A customer nobody knows is its token."""
    topics = bus()
    clicked = event("click", "email:Ann@Example.org", 1)
    write(topics, NAMES.events, ("email:ann@example.org", clicked))
    run(bus, Until(lambda: count(bus(), NAMES.profiles) >= 1))
    (customer,) = profiles(topics)
    assert customer.startswith("email:")
    assert b"xample" not in b"".join(values(topics, NAMES.profiles))


@pytest.mark.parametrize("seed", range(4))
def test_aborted_again_and_again_it_neither_loses_nor_contradicts_nor_counts_twice(
    bus: Callable[[], Topics], tmp_path: Path, seed: int
) -> None:
    """Every alarm decided once, every action of one content and present, every profile right."""
    chance = random.Random(seed)
    topics, now = bus(), wall_clock()
    devices = [f"veh-{n}" for n in range(12)]
    write(
        topics,
        NAMES.identity,
        *((f"device:{d}", roles(f"c-{n % 5}", "c-dan")) for n, d in enumerate(devices)),
    )
    alarms = [message for n, d in enumerate(devices * 3) for message in episode(d, now - HOUR + n * MINUTE)]
    write(topics, NAMES.alarms, *alarms)
    clicks: list[tuple[str, Event]] = [
        (f"device:{d}", event("click", f"device:{d}", n)) for n, d in enumerate(devices * 2)
    ]
    write(topics, NAMES.events, *clicks)
    init_db_dir(tmp_path, 1)
    recovery = RecoveryConfig(str(tmp_path))
    for _ in range(10):
        run(bus, Until(lambda: False, abort_at=chance.randint(50, 200)), recovery)
    # Profiles of lost epochs may say already what was counted in them: not so of what only the last run can have read.
    alarms += (last := [message for d in devices for message in episode(d, now)])
    write(topics, NAMES.alarms, *last)
    write(
        topics,
        NAMES.events,
        *((f"device:{d}", event("click", f"device:{d}", n + 100)) for n, d in enumerate(devices)),
    )
    run(bus, Until(lambda: _all_counted(bus()) and count(bus(), NAMES.decisions) >= len(alarms)), recovery)
    decided = decisions(topics)
    assert sorted(d.id for d in decided) == sorted(a.id for _, a in alarms)  # type: ignore[attr-defined]
    sent = {(action.id, encode(action)) for _, _, action in actions(topics)}
    assert len({i for i, _ in sent}) == len(sent)
    assert {i for i, _ in sent} == {
        p.action.id for d in decided for p in d.actions if p.status == "published"
    }
    found = profiles(topics)
    wanted = {f"c-{c}": sum(n % 5 == c for n in range(12)) for c in range(5)}
    assert {c: found[c].values["clicks"] for c in wanted} == {c: 3 * n for c, n in wanted.items()}
    assert {c: found[c].values["hot"] for c in wanted} == {c: 4 * n for c, n in wanted.items()}


def _all_counted(topics: Topics) -> bool:
    found = profiles(topics).values()
    return (
        sum(int(p.values["hot"] or 0) for p in found) >= 48
        and sum(int(p.values["clicks"] or 0) for p in found) >= 36
    )
