"""The outbox connector on both buses, in this process."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from connectors.folder import Folder
from connectors.ledger import Ledger
from connectors.outbox import GROUP, run_outbox
from flows.errors import TopicMissing
from flows.metrics import Metrics
from flows.schema import Action, CloudEvent, Outcome, decode
from flows.settings import OutboxSettings, Settings, TopicsSettings
from flows.topics.names import TopicNames
from flows.topics.port import Message, Topics, TopicSpec
from tests.unit.connectors.examples import HOUR, NOON, an_action, as_message


class Site:
    """A bus with the topics of one prefix, and a folder: what a connector runs in."""

    def __init__(self, topics: Topics, folder: Path) -> None:
        self.topics, self.folder = topics, folder
        self.names = TopicNames(f"o{uuid.uuid4().hex[:8]}-")
        self.metrics = Metrics()
        topics.create(self.names.own_topics(2, ["notify"], ["urgent"]))

    @property
    def settings(self) -> Settings:
        """As telltale.toml would say it."""
        return Settings(
            topics=TopicsSettings(prefix=self.names.prefix),
            outbox=OutboxSettings(folder="outbox", ledger="ledger.db"),
            folder=str(self.folder),
        )

    def write(self, *actions: Action | bytes) -> None:
        """Publish actions, or what is none."""
        writer = self.topics.writer()
        for action in actions:
            if isinstance(action, Action):
                topic = self.names.actions(action.kind, action.lane)
                writer.write(topic, as_message(action), key=action.customer.encode())
            else:
                writer.write(self.names.actions("notify", "urgent"), action, key=b"nobody")
        writer.close()

    def run(self, now: int = NOON) -> None:
        """Carry out all there is, at a wall clock that stands."""
        run_outbox(
            self.settings, self.topics, lambda: now, threading.Event(), until_idle=True, metrics=self.metrics
        )

    def read(self, topic: str) -> list[Message]:
        """All messages of a topic."""
        messages: list[Message] = []
        for partition in range(self.topics.partitions(topic)):
            bounds = self.topics.bounds(topic, partition)
            with closing(self.topics.reader(topic, partition, bounds.low)) as reader:
                while reader.position < bounds.end:
                    messages += reader.read(1_000, wait=0.2)
        return messages

    def outcomes(self) -> dict[str, Outcome]:
        """The outcomes by action; there is never more than one."""
        events = [decode(CloudEvent, message.value or b"") for message in self.read(self.names.outcomes)]
        found = {event.id: msgspec.convert(event.data, Outcome) for event in events}
        assert len(found) == len(events)
        return found

    def files(self) -> list[str]:
        """The files of the outbox, by their path in it."""
        root = self.folder / "outbox"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def site(topics: Topics, tmp_path: Path) -> Iterator[Site]:
    """A site on one of both buses."""
    return Site(topics, tmp_path)


def test_an_action_becomes_a_file_and_an_outcome(site: Site) -> None:
    """The file is the letter, the outcome is a CloudEvent keyed by the customer, and the offset is committed."""
    site.write(an_action())
    site.run()
    assert site.files() == ["notify/2026-01-01-000000000000000000000001.txt"]
    assert (
        (site.folder / "outbox" / site.files()[0]).read_text().startswith("Notify the driver: Stop the car\n")
    )
    [message] = site.read(site.names.outcomes)
    event = decode(CloudEvent, message.value or b"")
    assert (message.key, event.subject) == (b"customer-1", "customer-1")
    assert (event.type, event.time) == ("telltale.outcome.accepted", "2026-01-01T12:00:00.000Z")
    assert site.outcomes()[an_action().id] == Outcome(
        id=an_action().id,
        tenant="default",
        customer="customer-1",
        kind="notify",
        status="accepted",
        at=NOON,
        connector="outbox",
        reference=site.files()[0],
    )
    group = site.names.group(GROUP)
    assert sum(site.topics.committed(group, site.names.actions("notify", "urgent")).values()) == 1
    labels = {"connector": "outbox", "status": "accepted"}
    assert site.metrics.registry.get_sample_value("telltale_outcomes_total", labels) == 1


def test_an_action_that_comes_again_has_no_second_effect(site: Site) -> None:
    """In one batch, in the next, or after a restart: one file, one outcome, and the first content stays."""
    other = an_action(explanation="Another text under the same id.")
    site.write(an_action(), other)
    site.run()
    site.write(other)
    site.run()
    assert list(site.outcomes()) == [an_action().id]
    assert "Another text" not in (site.folder / "outbox" / site.files()[0]).read_text()


def test_an_action_that_came_too_late_expires(site: Site) -> None:
    """Past `valid_until` nothing is written but the outcome, which says why."""
    site.write(an_action(1, valid_until=NOON - 1), an_action(2, valid_until=NOON))
    site.run()
    assert site.files() == ["notify/2026-01-01-000000000000000000000002.txt"]
    late = site.outcomes()[an_action(1).id]
    assert (late.status, late.reason, late.reference) == ("expired", "valid_until has passed", None)


def test_what_a_killed_process_had_written_counts_as_sent(site: Site) -> None:
    """A file of a claimed action whose outcome was not recorded makes it accepted, even when time has passed."""
    with closing(Ledger(site.folder / "ledger.db")) as ledger:
        ledger.claim([an_action(1).id, an_action(2).id], NOON)
    Folder(site.folder / "outbox").put(an_action(1), "text\n")
    site.write(an_action(1), an_action(2))
    site.run(NOON + 2 * HOUR)
    statuses = {name: outcome.status for name, outcome in site.outcomes().items()}
    assert statuses == {an_action(1).id: "accepted", an_action(2).id: "expired"}


def test_a_message_that_is_no_action_costs_itself_alone(site: Site) -> None:
    """It goes to the dead letters whole, with place and reason; those around it are carried out."""
    site.write(an_action(1), b'{"id": 7', an_action(2))
    site.run()
    assert set(site.outcomes()) == {an_action(1).id, an_action(2).id}
    [dead] = site.read(site.names.dead_letters)
    assert (dead.key, dead.value) == (b"nobody", b'{"id": 7')
    headers = dict(dead.headers)
    assert headers["__connect.errors.topic"] == site.names.actions("notify", "urgent").encode()
    assert headers["__connect.errors.exception.class.name"] == b"ActionMalformed"


def test_a_new_topic_of_actions_is_found_while_running(site: Site) -> None:
    """A kind or lane that a new rule brings is consumed without a restart."""
    now, stop = [NOON], threading.Event()

    def clock() -> int:
        now[0] += 1_000
        return now[0]

    running = threading.Thread(target=run_outbox, args=(site.settings, site.topics, clock, stop))
    site.write(an_action(1))
    running.start()
    try:
        wait_for(site, 1)
        site.topics.create([TopicSpec(site.names.actions("open_case", "normal"), 1)])
        site.write(an_action(2, kind="open_case", lane="normal"))
        wait_for(site, 2)
    finally:
        stop.set()
        running.join(60)
    assert set(site.outcomes()) == {an_action(1).id, an_action(2).id}


def wait_for(site: Site, outcomes: int) -> None:
    """Until so many outcomes are on the topic; pytest's own timeout ends a wait in vain."""
    while len(site.read(site.names.outcomes)) < outcomes:
        threading.Event().wait(0.05)


def test_topics_of_another_prefix_are_left_alone(site: Site) -> None:
    """Two installations share a cluster without taking each other's actions."""
    stranger = Site(site.topics, site.folder / "stranger")
    stranger.write(an_action())
    site.run()
    assert (site.files(), site.outcomes()) == ([], {})
    stranger.run()
    assert list(stranger.outcomes()) == [an_action().id]


def test_without_a_topic_of_outcomes_nothing_is_done(topics: Topics, tmp_path: Path) -> None:
    """The missing topic is named before any file is written."""
    settings = Settings(topics=TopicsSettings(prefix=f"m{uuid.uuid4().hex[:8]}-"), folder=str(tmp_path))
    with pytest.raises(TopicMissing, match="outcomes"):
        run_outbox(settings, topics, lambda: NOON, threading.Event(), until_idle=True)
