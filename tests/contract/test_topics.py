"""What every bus must do, shown on both adapters alike."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flows.errors import DeliveryFailed, OffsetAhead, OffsetExpired, TooFewPartitions, TopicMissing
from flows.ids import partition_of
from flows.topics.port import Message, Reader, Subscription, Topics, TopicSpec, read_latest
from tests.buses import Bus, new_topic

_PATIENCE_S = 60.0
_ROOT = Path(__file__).parents[2]


def _write(
    topics: Topics, topic: str, values: list[bytes | None], partition: int = 0, key: bytes = b"k"
) -> None:
    writer = topics.writer()
    for value in values:
        writer.write(topic, value, key=key, partition=partition)
    writer.close()


def _read(topics: Topics, topic: str, partition: int = 0) -> list[Message]:
    """All that a partition holds now."""
    bounds = topics.bounds(topic, partition)
    reader = topics.reader(topic, partition, bounds.low)
    messages: list[Message] = []
    while reader.position < bounds.end:
        messages += reader.read(1000, wait=1.0)
    reader.close()
    return messages


def _poll(member: Subscription, enough: Callable[[list[Message]], bool]) -> list[Message]:
    """Poll until what came is enough; fails when it never is."""
    messages: list[Message] = []
    give_up = time.monotonic() + _PATIENCE_S
    while not enough(messages):
        assert time.monotonic() < give_up, f"only {len(messages)} messages came"
        messages += member.poll(100, 0.2)
    return messages


def _batch(reader: Reader, at_most: int):
    """The next raw batch, waited for."""
    give_up = time.monotonic() + _PATIENCE_S
    while (batch := reader.read_batch(at_most)) is None:
        assert time.monotonic() < give_up, "no batch came"
    return batch


def _numbered_writer(bus: Bus, topic: str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.contract.numbered_writer", bus.kind, bus.address, topic, name]
    return subprocess.Popen([*command, str(count)], stdout=subprocess.PIPE, text=True, cwd=_ROOT)


def test_a_partition_keeps_the_order_in_which_it_was_written(topics: Topics) -> None:
    """Offsets count up from 0 without a gap, and the values come back in the order of writing."""
    topic = new_topic(topics, 2)
    values = [b"%d" % i for i in range(5000)]
    _write(topics, topic, list(values), partition=1)
    messages = _read(topics, topic, 1)
    assert [message.value for message in messages] == values
    assert [message.offset for message in messages] == list(range(5000))
    assert topics.bounds(topic, 0).end == 0


def test_a_key_goes_to_the_partition_that_murmur2_names(topics: Topics) -> None:
    """Producers in Java and ours send a device to the same partition, whatever bytes its key has."""
    topic = new_topic(topics, 7)
    keys = [b"", b"a", b"veh-17", "käfer-ñ".encode(), bytes(range(256)), *(b"veh-%d" % i for i in range(100))]
    writer = topics.writer()
    for key in keys:
        writer.write(topic, b"", key=key)
    writer.close()
    found = {message.key: message.partition for p in range(7) for message in _read(topics, topic, p)}
    assert found == {key: partition_of(key, 7) for key in keys}


def test_messages_without_a_key_are_all_delivered(topics: Topics) -> None:
    """Without a key any partition will do, but none is lost and the key stays missing."""
    topic = new_topic(topics, 3)
    writer = topics.writer()
    for i in range(30):
        writer.write(topic, b"%d" % i)
    writer.close()
    messages = [message for p in range(3) for message in _read(topics, topic, p)]
    assert sorted(int(message.value or b"-1") for message in messages) == list(range(30))
    assert {message.key for message in messages} == {None}


def test_headers_come_back_as_they_were_written(topics: Topics) -> None:
    """Order, repeated names and empty values of headers survive, and no header means none."""
    topic = new_topic(topics)
    headers = (("__connect.errors.topic", b"telemetry"), ("a", b"\x00\xff"), ("a", b""))
    writer = topics.writer()
    writer.write(topic, b"with", headers=headers)
    writer.write(topic, b"without")
    writer.close()
    assert [message.headers for message in _read(topics, topic)] == [headers, ()]


def test_the_bus_notes_when_it_took_a_message(topics: Topics) -> None:
    """`appended` is the bus's own clock in milliseconds, alike in messages and in raw batches."""
    topic = new_topic(topics)
    before = time.time() * 1000 - 5000
    _write(topics, topic, [b"a", b"b"])
    appended = [message.appended for message in _read(topics, topic)]
    assert all(before <= at <= time.time() * 1000 + 5000 for at in appended)
    assert _batch(topics.reader(topic, 0, 0), 10).appended.tolist() == appended


def test_a_tombstone_is_no_empty_value(topics: Topics) -> None:
    """None and b"" are two things to a reader of messages."""
    topic = new_topic(topics)
    _write(topics, topic, [None, b""])
    assert [message.value for message in _read(topics, topic)] == [None, b""]


def test_read_latest_gives_each_key_its_last_value_without_the_removed(topics: Topics) -> None:
    """A compacted topic is read to the end seen, the last of each key wins, and a tombstone removes."""
    topic = new_topic(topics, compacted=True)
    writer = topics.writer()
    for key, value in [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", b"1"), (b"b", None), (b"c", b"3")]:
        writer.write(topic, value, key=key)
    writer.close()
    latest, end = read_latest(topics, topic, 0)
    assert {key: message.value for key, message in latest.items()} == {b"a": b"2", b"c": b"3"}
    assert end == 6


def test_raw_batches_hold_what_messages_hold_however_they_are_cut(topics: Topics) -> None:
    """Joined bytes, ends and offsets give every value back, tombstones empty, for any size of batch."""
    topic = new_topic(topics)
    chance = random.Random(7)
    values = [chance.choice([None, b"", chance.randbytes(chance.randrange(1, 300))]) for _ in range(2000)]
    _write(topics, topic, list(values))
    reader = topics.reader(topic, 0, 0)
    got: list[bytes] = []
    offsets: list[int] = []
    while len(got) < len(values):
        at_most = chance.randrange(1, 400)
        batch = _batch(reader, at_most)
        starts = np.concatenate(([0], batch.ends[:-1]))
        got += [batch.data[start:end] for start, end in zip(starts, batch.ends, strict=True)]
        offsets += batch.offsets.tolist()
        assert 1 <= len(batch.ends) <= at_most
        assert batch.ends[-1] == len(batch.data)
        assert len(batch.offsets) == len(batch.appended) == len(batch.ends)
        assert reader.position == offsets[-1] + 1
        assert (batch.topic, batch.partition) == (topic, 0)
    assert got == [value or b"" for value in values]
    assert offsets == list(range(2000))
    reader.close()


def test_a_reader_begins_where_it_is_told(topics: Topics) -> None:
    """An offset in the middle, and the end itself, are places to begin at."""
    topic = new_topic(topics)
    _write(topics, topic, [b"0", b"1", b"2"])
    assert _batch(topics.reader(topic, 0, 1), 10).data == b"12"
    at_the_end = topics.reader(topic, 0, 3)
    assert at_the_end.read_batch(10) is None
    assert at_the_end.position == 3


def test_the_end_of_a_partition_is_known(topics: Topics) -> None:
    """A batch that stops short of the end does not say it is at the end; the one that reaches it does."""
    topic = new_topic(topics)
    _write(topics, topic, [b"%d" % i for i in range(10)])
    reader = topics.reader(topic, 0, 0)
    count = 0
    while count < 10:
        batch = _batch(reader, 3)
        count += len(batch.ends)
        assert batch.at_end == reader.at_end == (count == 10)
    reader.close()


def test_the_end_of_an_empty_partition_is_known(topics: Topics) -> None:
    """A partition without a message lets its reader know that there is nothing, and then that there is."""
    topic = new_topic(topics)
    reader = topics.reader(topic, 0, 0)
    give_up = time.monotonic() + _PATIENCE_S
    while not reader.at_end:
        assert time.monotonic() < give_up
        assert reader.read(1, wait=0.1) == []
    _write(topics, topic, [b"a", b"b"])
    assert _batch(reader, 1).data == b"a"
    assert not reader.at_end
    reader.close()


def test_a_reader_sees_what_is_written_after_it_was_opened(topics: Topics) -> None:
    """A reader that has come to the end goes on when more is written."""
    topic = new_topic(topics)
    reader = topics.reader(topic, 0, 0)
    for i in range(3):
        _write(topics, topic, [b"%d" % i])
        assert [message.value for message in reader.read(10, wait=_PATIENCE_S)] == [b"%d" % i]
    assert reader.read(10, wait=0.05) == []
    reader.close()


def test_a_writer_makes_what_was_written_visible_on_flush(topics: Topics) -> None:
    """After `flush` the bounds count every message, and the writer writes on."""
    topic = new_topic(topics)
    writer = topics.writer()
    for end in (1, 2, 3):
        writer.write(topic, b"x", partition=0)
        writer.poll()
        writer.flush(beat=lambda: None)
        assert topics.bounds(topic, 0).end == end
    writer.close()


def test_a_group_has_the_offsets_that_were_committed(topics: Topics) -> None:
    """Committed offsets come back by partition, partitions without one are left out, groups know nothing of others."""
    topic = new_topic(topics, 3)
    group = uuid.uuid4().hex
    topics.commit(group, topic, {0: 5, 2: 9})
    topics.commit(group, topic, {0: 6})
    topics.commit(group, topic, {})
    assert topics.committed(group, topic) == {0: 6, 2: 9}
    assert topics.committed(uuid.uuid4().hex, topic) == {}


def test_a_subscription_starts_at_the_beginning_and_resumes_at_its_commit(topics: Topics) -> None:
    """Without a commit a group reads all; its next member reads what was not committed, and that again."""
    topic = new_topic(topics, 2)
    for partition in (0, 1):
        _write(topics, topic, [b"%d" % i for i in range(10)], partition=partition)
    group = uuid.uuid4().hex
    first = topics.subscribe(group, [topic])
    messages = _poll(first, lambda got: len(got) >= 20)
    assert len(messages) == 20
    first.commit({(topic, 0): 4, (topic, 1): 10})
    first.close()
    assert topics.committed(group, topic) == {0: 4, 1: 10}
    second = topics.subscribe(group, [topic])
    messages = _poll(second, lambda got: len(got) >= 6)
    assert [(message.partition, message.offset) for message in messages] == [(0, i) for i in range(4, 10)]
    second.close()


def test_two_members_share_the_partitions_and_one_takes_over_what_the_other_leaves(topics: Topics) -> None:
    """Each message goes to one of both; when one leaves, the other reads its partitions on from the commit."""
    topic = new_topic(topics, 4)
    group = uuid.uuid4().hex
    members = [topics.subscribe(group, [topic]) for _ in range(2)]
    shares: list[set[int]] = [set(), set()]
    give_up = time.monotonic() + _PATIENCE_S
    writer = topics.writer()
    while sorted(len(share) for share in shares) != [2, 2]:
        assert time.monotonic() < give_up, f"the shares are {shares}"
        for partition in range(4):
            writer.write(topic, b"x", partition=partition)
        writer.flush()
        for i, member in enumerate(members):
            got = member.poll(1000, 0.05)
            member.commit({(message.topic, message.partition): message.offset + 1 for message in got})
            shares[i] = {message.partition for message in got} or shares[i]
    assert shares[0] | shares[1] == {0, 1, 2, 3}
    members[0].close()
    lost = min(shares[0])
    writer.write(topic, b"after", partition=lost)
    writer.close()
    messages = _poll(members[1], lambda got: any(message.value == b"after" for message in got))
    assert any(message.partition == lost for message in messages)
    members[1].close()


def test_nothing_is_committed_for_a_partition_that_is_not_held(topics: Topics) -> None:
    """A member that has not taken a partition leaves the group's offset alone."""
    topic = new_topic(topics)
    _write(topics, topic, [b"a", b"b"])
    group = uuid.uuid4().hex
    holder = topics.subscribe(group, [topic])
    _poll(holder, lambda got: len(got) >= 2)
    holder.commit({(topic, 0): 1})
    other = topics.subscribe(group, [topic])
    other.commit({(topic, 0): 2})
    assert topics.committed(group, topic) == {0: 1}
    holder.close()
    other.close()


def test_a_group_that_retention_has_overtaken_is_told_so(bus: Bus, topics: Topics) -> None:
    """Expired messages are never skipped in silence, not even by a group."""
    topic = new_topic(topics)
    _write(topics, topic, [b"%d" % i for i in range(10)])
    group = uuid.uuid4().hex
    topics.commit(group, topic, {0: 2})
    bus.expire_before(topic, 0, 5)
    member = topics.subscribe(group, [topic])
    with pytest.raises(OffsetExpired, match="offset 2 is wanted, but retention has left only 5"):
        _poll(member, bool)
    member.close()


def test_many_processes_write_at_once_and_nothing_is_lost(bus: Bus, topics: Topics) -> None:
    """Four processes write to one partition while it is read: every message once, each writer's in order."""
    topic = new_topic(topics)
    names = ["a", "b", "c", "d"]
    processes = [_numbered_writer(bus, topic, name, 1500) for name in names]
    reader = topics.reader(topic, 0, 0)
    found: dict[str, list[int]] = {name: [] for name in names}
    give_up = time.monotonic() + _PATIENCE_S
    while reader.position < 6000 and time.monotonic() < give_up:
        for message in reader.read(500, wait=0.5):
            name, number = (message.value or b"").decode().split(":")
            found[name].append(int(number))
    assert [process.wait(_PATIENCE_S) for process in processes] == [0, 0, 0, 0]
    for process in processes:
        process.communicate()
    assert found == {name: list(range(1500)) for name in names}
    assert reader.read(1, wait=0.05) == []
    reader.close()


def test_a_writer_killed_midway_leaves_a_prefix_and_others_go_on(bus: Bus, topics: Topics) -> None:
    """After SIGKILL all that was flushed is there, what is there has no hole, and a new writer goes on behind."""
    topic = new_topic(topics)
    for name in ("a", "b"):
        process = _numbered_writer(bus, topic, name, 0)
        assert process.stdout is not None
        flushed = [int(process.stdout.readline()) for _ in range(3)][-1]
        process.kill()
        flushed = max([flushed, *map(int, process.communicate()[0].split())])
        numbers = [
            int(value[2:])
            for message in _read(topics, topic)
            if (value := message.value or b"")[:1] == name.encode()
        ]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= flushed
    _write(topics, topic, [b"after"])
    assert _read(topics, topic)[-1].value == b"after"


def test_an_expired_offset_is_an_error_with_its_numbers(bus: Bus, topics: Topics) -> None:
    """A reader that wants what retention has removed is told what is gone, and can begin at what is left."""
    topic = new_topic(topics)
    _write(topics, topic, [b"%d" % i for i in range(10)])
    bus.expire_before(topic, 0, 4)
    assert (topics.bounds(topic, 0).low, topics.bounds(topic, 0).end) == (4, 10)
    with pytest.raises(OffsetExpired) as raised:
        topics.reader(topic, 0, 1)
    assert (raised.value.wanted, raised.value.low) == (1, 4)
    assert _batch(topics.reader(topic, 0, 4), 1).data == b"4"


def test_an_offset_that_the_topic_never_had_is_an_error(topics: Topics) -> None:
    """A topic made anew is shorter than a snapshot remembers: that is said, not waited for."""
    topic = new_topic(topics)
    _write(topics, topic, [b"a"])
    with pytest.raises(OffsetAhead, match="offset 7 is wanted, but the topic ends at 1"):
        topics.reader(topic, 0, 7)


def test_a_missing_topic_is_an_error_that_names_it(topics: Topics) -> None:
    """Nothing creates a topic by the way, whatever is asked of it."""
    name = f"none-{uuid.uuid4().hex}"
    asked: list[Callable[[], object]] = [
        lambda: topics.partitions(name),
        lambda: topics.bounds(name, 0),
        lambda: topics.reader(name, 0, 0),
        lambda: topics.subscribe("g", [name]),
    ]
    for ask in asked:
        with pytest.raises(TopicMissing, match=name):
            ask()
    assert name not in topics.list()


def test_a_partition_that_a_topic_lacks_is_an_error(topics: Topics) -> None:
    """A topic with fewer partitions than expected is not waited for either."""
    topic = new_topic(topics, 2)
    with pytest.raises(TopicMissing, match=topic):
        topics.reader(topic, 2, 0)


def test_writing_to_a_missing_topic_or_partition_fails(topics: Topics) -> None:
    """A message that has nowhere to go is refused by `write` or by `flush`."""
    topic = new_topic(topics)
    writer = topics.writer()
    missing = f"none-{uuid.uuid4().hex}"
    with pytest.raises(DeliveryFailed, match=f"{missing}.*telltale topics create"):
        _write_and_flush(writer, missing, b"x", 0)
    with pytest.raises(DeliveryFailed, match="no"):
        _write_and_flush(writer, topic, b"x", 5)
    _write_and_flush(writer, topic, b"x", 0)
    assert topics.bounds(topic, 0).end == 1


def _write_and_flush(writer, topic: str, value: bytes, partition: int) -> None:
    writer.write(topic, value, partition=partition)
    writer.flush()


def test_a_message_that_is_too_large_is_refused_and_the_writer_goes_on(topics: Topics) -> None:
    """Two mebibytes are refused by name of the topic, and what comes after is written."""
    topic = new_topic(topics)
    writer = topics.writer()
    with pytest.raises(DeliveryFailed, match=topic):
        _write_and_flush(writer, topic, b"x" * (2 << 20), 0)
    _write_and_flush(writer, topic, b"small", 0)
    writer.close()
    assert [message.value for message in _read(topics, topic)] == [b"small"]


def test_creating_again_creates_nothing(topics: Topics) -> None:
    """`create` names what it has made, keeps what is there, and refuses a topic with too few partitions."""
    old, new = (f"t-{uuid.uuid4().hex}" for _ in range(2))
    assert topics.create([TopicSpec(old, 2)]) == [old]
    assert topics.create([TopicSpec(old, 1), TopicSpec(new, 1)]) == [new]
    assert topics.partitions(old) == 2
    with pytest.raises(TooFewPartitions, match=f"{old}.* has 2 partitions and needs 3"):
        topics.create([TopicSpec(old, 3)])


def test_topics_are_listed_as_they_were_created(topics: Topics) -> None:
    """Partitions, compaction and retention are seen in the list, and internal topics are not."""
    specs = [
        TopicSpec(f"t-{uuid.uuid4().hex}", 3),
        TopicSpec(f"t-{uuid.uuid4().hex}", 1, compacted=True),
        TopicSpec(f"t-{uuid.uuid4().hex}", 1, retention_ms=86_400_000),
    ]
    topics.create([*specs, TopicSpec(f"__t-{uuid.uuid4().hex}", 1)])
    listed = topics.list()
    assert [listed[spec.name] for spec in specs] == specs
    assert not any(name.startswith("__") for name in listed)
