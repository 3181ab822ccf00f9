"""What both buses do for a group member that has a name: who restarts under it goes on at once."""

from __future__ import annotations

import time
import uuid

from flows.topics.port import Message, Subscription, Topics
from tests.buses import Bus, new_topic

# Less than the time after which either bus gives a silent member up (10 s and 45 s).
_PATIENCE_S = 8.0


def poll_some(subscription: Subscription, wanted: int) -> list[Message]:
    """That many messages, or what came within the patience."""
    messages: list[Message] = []
    give_up = time.monotonic() + _PATIENCE_S
    while len(messages) < wanted and time.monotonic() < give_up:
        messages += subscription.poll(100, 0.2)
    return messages


def written(topics: Topics, partitions: int) -> tuple[str, str]:
    """A new group and a topic with ten messages."""
    topic = new_topic(topics, partitions)
    writer = topics.writer()
    for number in range(10):
        writer.write(topic, str(number).encode(), key=str(number).encode())
    writer.close()
    return f"g-{uuid.uuid4().hex}", topic


def test_a_restarted_member_takes_the_place_of_the_killed_one(bus: Bus) -> None:
    """Its partitions do not lie idle until the group has given the dead one up."""
    topics = bus.open()
    group, topic = written(topics, 3)
    killed = topics.subscribe(group, [topic], member="one")
    assert len(poll_some(killed, 10)) == 10
    restarted = topics.subscribe(group, [topic], member="one")
    assert len(poll_some(restarted, 10)) == 10
    restarted.close()
    topics.close()


def test_a_named_member_that_closes_leaves_the_group(bus: Bus) -> None:
    """After an orderly end another member, and the same one for other topics, gets the partitions at once."""
    topics = bus.open()
    group, topic = written(topics, 2)
    _, other = written(topics, 2)
    first = topics.subscribe(group, [topic], member="one")
    assert len(poll_some(first, 10)) == 10
    first.close()
    for member, names in (("one", [topic, other]), ("two", [topic, other]), (None, [topic, other])):
        subscription = topics.subscribe(group, names, member=member)
        assert len(poll_some(subscription, 20)) == 20
        subscription.close()
    topics.close()
