"""The outbox connector under `kill -9`: each action has one file and one outcome, wherever the kills fall."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from flows.schema import Action, CloudEvent, Outcome, decode
from flows.topics.names import TopicNames
from flows.topics.port import Message, Topics
from tests.buses import Bus
from tests.unit.connectors.examples import HOUR, an_action, as_message

# Where to die, and about how many steps a round takes there: also between an effect and the note of it.
PLACES = {
    "Ledger.claim": 60,
    "Folder.put": 400,
    "Folder.settle": 30,
    "Ledger.settle": 12,
    "Outcomes.publish": 200,
    "Ledger.confirm": 12,
    "Outbox.handle": 80,
}
ACTIONS_A_ROUND = 20
ROOT = Path(__file__).parents[2]


def run_process(bus: Bus, prefix: str, folder: Path, *death: object) -> int:
    """Run the connector to its end and return how that came."""
    program = [sys.executable, "-m", "tests.integration.outbox_process"]
    arguments = [bus.kind, bus.address, prefix, str(folder), *map(str, death)]
    return subprocess.run([*program, *arguments], cwd=ROOT, timeout=120, check=False).returncode


def some_actions(chance: random.Random, first: int, now: int) -> list[Action]:
    """A round of actions of two kinds on two lanes; about one in five came too late."""
    return [
        an_action(
            number,
            kind=chance.choice(["notify", "open_case"]),
            lane=chance.choice(["urgent", "normal"]),
            at=now - 2 * HOUR,
            valid_until=now - HOUR if chance.random() < 0.2 else now + HOUR,
        )
        for number in range(first, first + ACTIONS_A_ROUND)
    ]


def publish(topics: Topics, names: TopicNames, actions: list[Action], chance: random.Random) -> None:
    """Write actions, some of them twice, and one message that is none."""
    writer = topics.writer()
    for action in actions:
        for _ in range(1 + (chance.random() < 0.1)):
            topic = names.actions(action.kind, action.lane)
            writer.write(topic, as_message(action), key=action.customer.encode())
    writer.write(names.actions("notify", "urgent"), b'{"not": "an action"}', key=b"nobody")
    writer.close()


def whole_topic(topics: Topics, topic: str) -> list[Message]:
    """All messages of a topic."""
    messages: list[Message] = []
    for partition in range(topics.partitions(topic)):
        bounds = topics.bounds(topic, partition)
        reader = topics.reader(topic, partition, bounds.low)
        while reader.position < bounds.end:
            messages += reader.read(1_000, wait=0.2)
        reader.close()
    return messages


@pytest.mark.slow
def test_every_action_has_one_file_and_one_outcome_after_kills(bus: Bus, tmp_path: Path) -> None:
    """Seven kills, one in each place, with actions coming in between, leave neither a gap nor a second effect."""
    chance = random.Random(7)
    names = TopicNames(f"k{uuid.uuid4().hex[:8]}-")
    topics = bus.open()
    topics.create(names.own_topics(2, ["notify", "open_case"], ["urgent", "normal"]))
    now = time.time_ns() // 1_000_000
    actions: list[Action] = []
    places = list(PLACES)
    while places:
        arriving = some_actions(chance, len(actions), now)
        publish(topics, names, arriving, chance)
        actions += arriving
        step = chance.randint(1, PLACES[places[-1]])
        ended = run_process(bus, names.prefix, tmp_path, places[-1], step)
        assert ended in (0, -signal.SIGKILL)
        if ended:
            places.pop()
    assert run_process(bus, names.prefix, tmp_path) == 0

    timely = {action.id for action in actions if action.valid_until > now}
    outcomes = [
        (message, decode(CloudEvent, message.value or b"")) for message in whole_topic(topics, names.outcomes)
    ]
    assert Counter(event.id for _, event in outcomes) == Counter(action.id for action in actions)
    customers = {action.id: action.customer for action in actions}
    folder = tmp_path / "outbox"
    for message, event in outcomes:
        outcome = msgspec.convert(event.data, Outcome)
        assert outcome.status == ("accepted" if event.id in timely else "expired")
        assert (message.key or b"").decode() == outcome.customer == customers[event.id]
        assert (outcome.reference is not None) == (event.id in timely)
        assert outcome.reference is None or (folder / outcome.reference).exists()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert Counter(path.stem.rsplit("-", 1)[1] for path in files) == Counter(timely)
    assert all(path.read_text().endswith(path.stem.rsplit("-", 1)[1] + "\n") for path in files)
    assert len({message.value for message in whole_topic(topics, names.dead_letters)}) == 1
    topics.close()
