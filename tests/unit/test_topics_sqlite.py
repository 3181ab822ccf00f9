"""What only the embedded bus can be asked: its clock, its limits, compaction, a busy or a broken file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.errors import DeliveryFailed, TopicsFileUnusable
from flows.topics.port import TopicSpec, read_latest
from flows.topics.sqlite import SqliteTopics
from flows.topics.sqlite_compaction import compact
from flows.topics.sqlite_file import changing, connect, opened, shard_of

_ROOT = Path(__file__).parents[2]
_TORN = """
import os, signal, sys
from pathlib import Path
from flows.topics.sqlite_file import connect, shard_of
connection = connect(Path(sys.argv[1]))
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE shard SET end = 50000 WHERE topic = 'a'")
place = shard_of(connection, "a", 0).place(0)
connection.executemany(
    "INSERT INTO message (place, value, appended) VALUES (?, ?, 0)", ((place + i, b"x" * 200) for i in range(50000))
)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "topics.db"


def _written(topics: SqliteTopics, keys: list[bytes | None]) -> None:
    """One message for each key, with its place in the list as value."""
    topics.create([TopicSpec("a", 1, compacted=True)])
    writer = topics.writer()
    for i, key in enumerate(keys):
        writer.write("a", b"%d" % i, key=key)
    writer.close()


def test_messages_are_stamped_by_the_clock_that_was_handed_in(path: Path) -> None:
    """`appended` is the injected clock in milliseconds."""
    topics = SqliteTopics(path, clock=lambda: 1234.5678)
    _written(topics, [b"k"])
    assert [message.appended for message in topics.reader("a", 0, 0).read(10)] == [1_234_567]


def test_compaction_leaves_gaps_that_are_no_errors(path: Path) -> None:
    """Of each key the last message stays, with its offset; a reader from the beginning steps over the gaps."""
    topics = SqliteTopics(path)
    _written(topics, [b"a", b"b", b"a", None, b"b", b"c"])
    with opened(path) as connection, changing(connection):
        compact(connection, shard_of(connection, "a", 0))
    batch = topics.reader("a", 0, 0).read_batch(10)
    assert batch is not None
    assert (batch.offsets.tolist(), batch.data) == ([2, 3, 4, 5], b"2345")
    assert batch.at_end
    assert topics.reader("a", 0, 1).read(1)[0].offset == 2
    latest, end = read_latest(topics, "a", 0)
    assert (sorted(latest), end) == ([b"a", b"b", b"c"], 6)


def test_a_compacted_topic_stays_as_large_as_its_keys(path: Path) -> None:
    """About twice its keys at most lie there, the last of each in it."""
    topics = SqliteTopics(path)
    topics.create([TopicSpec("a", 1, compacted=True), TopicSpec("b", 1)])
    writer = topics.writer()
    for keys, most in ((10, 1_010), (2_500, 5_000), (3, 5_000)):
        for i in range(6_000):
            for topic in ("a", "b"):
                writer.write(topic, b"%d" % i, key=b"%d" % (i % keys))
            if i % 500 == 0:
                writer.flush()
                assert len(topics.reader("a", 0, 0).read(100_000)) <= most + 500
    writer.close()
    latest, end = read_latest(topics, "a", 0)
    assert (len(latest), end) == (2_500, 18_000)
    assert [latest[key].value for key in (b"0", b"2", b"7", b"2499")] == [b"5997", b"5999", b"5007", b"4999"]
    assert len(topics.reader("b", 0, 0).read(100_000)) == 18_000


def test_retention_never_goes_beyond_the_end(path: Path) -> None:
    """Removing more than there is leaves an empty partition that counts on from its end."""
    topics = SqliteTopics(path)
    _written(topics, [b"a", b"b"])
    topics.delete_before("a", 0, 99)
    topics.delete_before("a", 0, 1)
    assert (topics.bounds("a", 0).low, topics.bounds("a", 0).end) == (2, 2)
    _written(topics, [b"c"])
    assert [message.offset for message in topics.reader("a", 0, 2).read(10)] == [2]


def test_a_limit_on_the_size_counts_key_value_and_headers(path: Path) -> None:
    """A message of just the allowed size passes, and one byte more in any part of it does not."""
    topics = SqliteTopics(path, most_bytes=10)
    topics.create([TopicSpec("a", 1)])
    writer = topics.writer()
    writer.write("a", b"12345678", key=b"kk")
    for value, key, headers in [
        (b"123456789", b"kk", ()),
        (b"12345678", b"kkk", ()),
        (b"", b"", (("h", b"1234567"),)),
    ]:
        with pytest.raises(DeliveryFailed, match="10 are allowed"):
            writer.write("a", value, key=key, headers=headers)
    writer.close()
    assert topics.bounds("a", 0).end == 1


def test_a_flush_waits_and_beats_while_another_process_writes(path: Path) -> None:
    """`poll` gives up on a busy file and keeps the messages; `flush` beats until the file is free."""
    topics = SqliteTopics(path)
    topics.create([TopicSpec("a", 1)])
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    writer = topics.writer()
    writer.write("a", b"x")
    writer.poll()
    assert topics.bounds("a", 0).end == 0
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        other.execute("ROLLBACK")

    writer.flush(beat)
    assert beats == [1]
    assert topics.bounds("a", 0).end == 1
    writer.close()
    other.close()


def test_a_process_killed_within_a_transaction_leaves_nothing(path: Path) -> None:
    """Rows that have reached the disk without their commit are not there for anybody."""
    topics = SqliteTopics(path)
    topics.create([TopicSpec("a", 1)])
    done = subprocess.run([sys.executable, "-c", _TORN, str(path)], cwd=_ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert topics.bounds("a", 0).end == 0
    assert topics.reader("a", 0, 0).read_batch(10) is None
    _written(topics, [b"k"])
    assert topics.bounds("a", 0).end == 1


def test_a_dead_member_is_replaced_when_its_lease_is_over(path: Path) -> None:
    """A member that no longer polls holds its partitions for ten seconds of the clock, and not longer."""
    now = [1000.0]
    topics = SqliteTopics(path, clock=lambda: now[0])
    _written(topics, [b"a", b"b"])
    dead = topics.subscribe("g", ["a"])
    assert len(dead.poll(10, 0)) == 2
    other = topics.subscribe("g", ["a"])
    now[0] += 9
    assert other.poll(10, 0) == []
    now[0] += 2
    assert len(other.poll(10, 0)) == 2
    dead.commit({("a", 0): 2})
    assert topics.committed("g", "a") == {}


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    """Whatever lies at the path is not touched, and the error says where it is."""
    path.parent.mkdir()
    path.write_bytes(b"something else entirely " * 100)
    with pytest.raises(TopicsFileUnusable, match="cannot be used"):
        SqliteTopics(path)
    assert path.read_bytes().startswith(b"something else")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way of the directory is an error of the product, not of the operating system."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(TopicsFileUnusable, match="taken"):
        SqliteTopics(tmp_path / "taken" / "topics.db")


def test_a_file_of_a_later_version_is_refused(path: Path) -> None:
    """The format stands in the file, and an unknown one is not guessed at."""
    SqliteTopics(path)
    connection = connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(TopicsFileUnusable, match="format 99"):
        SqliteTopics(path)


def test_a_batch_is_bounded_in_bytes_and_the_next_goes_on(path: Path) -> None:
    """However many messages are asked for, large ones come in several batches and none is left out."""
    topics = SqliteTopics(path)
    topics.create([TopicSpec("a", 1)])
    writer = topics.writer()
    for i in range(3000):
        writer.write("a", b"%07d" % i + b"x" * 20_000)
    writer.close()
    reader = topics.reader("a", 0, 0)
    counts: list[int] = []
    while (batch := reader.read_batch(100_000)) is not None:
        counts.append(len(batch.ends))
        assert batch.at_end == (sum(counts) == 3000)
    assert sum(counts) == 3000
    assert len(counts) > 1


def test_readers_keep_what_they_need_in_a_forked_process(path: Path) -> None:
    """The bus itself holds no connection, so that a child may use it after a fork."""
    topics = SqliteTopics(path)
    _written(topics, [b"a"])
    child = os.fork()
    if child == 0:
        os._exit(0 if topics.bounds("a", 0).end == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
