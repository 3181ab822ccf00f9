"""Sources and sink under Bytewax, over the embedded bus: nothing is lost, decisions come before actions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main

from flows.engine.latest import LatestSource
from flows.engine.messages import Item, MessageSource, Watch
from flows.engine.published import PublishedSource
from flows.engine.sink import Outgoing, TopicSink, TopicSinkPartition
from flows.engine.spread import key_names, worker_of
from flows.errors import DeliveryFailed, OffsetExpired, TopicMissing
from flows.topics.port import Headers, Message, Topics, TopicSpec
from flows.topics.sqlite import SqliteTopics

SHORT = timedelta(milliseconds=50)


class Notebook:
    """A writer that notes what is asked of it, and fails to deliver when told to."""

    def __init__(self, *, broken: bool = False) -> None:
        self.notes: list[str] = []
        self.broken = broken

    def write(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        self.notes.append((value or b"").decode())
        assert (topic, key, headers, partition) == ("t", None, (), None)

    def poll(self) -> None:
        """Nothing to serve."""

    def flush(self, beat: Callable[[], None] | None = None) -> None:
        if self.broken:
            raise DeliveryFailed("t", "refused by policy")
        if beat is not None:
            beat()
        self.notes.append("|")

    def close(self) -> None:
        """Nothing held."""


def staged(*values: tuple[str, int]) -> list[Outgoing]:
    """Messages of stages."""
    return [Outgoing("t", None, text.encode(), stage=stage) for text, stage in values]


def test_all_decisions_of_a_batch_are_delivered_before_its_first_action() -> None:
    """Stages are written in order, each in the order given, with a flush between."""
    writer = Notebook()
    TopicSinkPartition("p", writer, lambda: None).write_batch(
        staged(("a1", 1), ("d1", 0), ("a2", 1), ("d2", 0))
    )
    assert writer.notes == ["d1", "d2", "|", "a1", "a2"]


def test_a_decision_of_an_earlier_batch_is_delivered_before_an_action_of_a_later_one() -> None:
    """Bytewax cuts batches where it likes."""
    writer = Notebook()
    partition = TopicSinkPartition("p", writer, lambda: None)
    partition.write_batch(staged(("d1", 0)))
    partition.write_batch(staged(("a1", 1)))
    partition.write_batch(staged(("a2", 1)))
    assert writer.notes == ["d1", "|", "a1", "a2"]


def test_a_snapshot_waits_for_delivery_beats_meanwhile_and_raises_what_waiting_cannot_mend() -> None:
    """An epoch is not on disk before what it wrote is."""
    beats: list[str] = []
    writer = Notebook()
    partition = TopicSinkPartition("p", writer, lambda: beats.append("beat"))
    partition.write_batch(staged(("d1", 0)))
    partition.snapshot()
    assert (writer.notes, beats) == (["d1", "|"], ["beat"])
    with pytest.raises(DeliveryFailed, match="refused by policy"):
        TopicSinkPartition("p", Notebook(broken=True), lambda: None).snapshot()


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], Topics]:
    """An embedded bus with two topics of three partitions."""

    def open_topics() -> Topics:
        return SqliteTopics(tmp_path / "topics.db")

    open_topics().create([TopicSpec("in", 3), TopicSpec("out", 3), TopicSpec("view", 3, compacted=True)])
    return open_topics


def write(topics: Topics, topic: str, *values: str) -> None:
    """Write values keyed by themselves."""
    writer = topics.writer()
    for value in values:
        writer.write(topic, value.encode(), key=value.partition("=")[0].encode())
    writer.flush()


def read(topics: Topics, topic: str) -> list[str]:
    """All values of a topic, sorted."""
    found: list[str] = []
    for partition in range(topics.partitions(topic)):
        reader = topics.reader(topic, partition, topics.bounds(topic, partition).low)
        while messages := reader.read(100):
            found += [(m.value or b"").decode() for m in messages]
    return sorted(found)


def to_items(messages: list[Message]) -> list[Item]:
    """Every message to the topic `out`, as it is."""
    return [((m.value or b"").decode(), Outgoing("out", m.key, m.value)) for m in messages]


class Until:
    """Says stop once a topic holds so many messages, or when asked far too often."""

    def __init__(self, topics: Topics, topic: str, wanted: int) -> None:
        self.topics, self.topic, self.wanted, self.asked = topics, topic, wanted, 0

    def __call__(self) -> bool:
        self.asked += 1
        ends = sum(self.topics.bounds(self.topic, p).end for p in range(self.topics.partitions(self.topic)))
        return ends >= self.wanted or self.asked > 20_000


def copy(opened: Callable[[], Topics], wanted: int) -> Dataflow:
    """A flow that copies `in` to `out` until that holds so many."""
    flow = Dataflow("copy")
    watch = Watch(stopping=Until(opened(), "out", wanted))
    messages = op.input("in", flow, MessageSource(opened, "in", "copiers", to_items, watch=watch))
    op.output("out", messages, TopicSink(opened))
    return flow


def test_a_stopped_flow_goes_on_where_its_snapshot_was(opened: Callable[[], Topics], tmp_path: Path) -> None:
    """Two executions copy everything once, in spite of what came between."""
    init_db_dir(tmp_path, 1)
    recovery = RecoveryConfig(str(tmp_path))
    bus = opened()
    write(bus, "in", "a", "b", "c", "d")
    run_main(copy(opened, 4), epoch_interval=SHORT, recovery_config=recovery)
    write(bus, "in", "e", "f")
    run_main(copy(opened, 6), epoch_interval=SHORT, recovery_config=recovery)
    assert read(bus, "out") == ["a", "b", "c", "d", "e", "f"]


def test_without_a_snapshot_a_source_begins_at_the_first_message_still_held(
    opened: Callable[[], Topics],
) -> None:
    """Not at the latest."""
    bus = opened()
    write(bus, "in", "a", "b")
    run_main(copy(opened, 2), epoch_interval=SHORT)
    assert read(bus, "out") == ["a", "b"]


def test_an_offset_that_retention_has_passed_is_refused(opened: Callable[[], Topics], tmp_path: Path) -> None:
    """Never a silent skip, neither for messages nor for published decisions."""
    bus = opened()
    write(bus, "in", *"abcdefghijkl")
    partition = max(range(3), key=lambda p: bus.bounds("in", p).end)
    SqliteTopics(tmp_path / "topics.db").delete_before("in", partition, 2)
    for source in (MessageSource(opened, "in", "g", to_items), PublishedSource(opened, "in", to_items)):
        with pytest.raises(OffsetExpired, match="offset 1 is wanted"):
            source.build_part("step", f"{partition:05}", 1)


def test_a_topic_that_is_missing_is_named(opened: Callable[[], Topics]) -> None:
    """With the command that mends it."""
    with pytest.raises(TopicMissing, match=r"'nowhere'.*telltale topics create"):
        MessageSource(opened, "nowhere", "g", to_items).list_parts()


def test_a_gated_source_is_silent_until_its_first_snapshot(opened: Callable[[], Topics]) -> None:
    """What is ungated comes in the first epoch, what is gated after it."""
    bus = opened()
    write(bus, "in", "a")
    part = bus_partition(bus)
    gated = MessageSource(opened, "in", "g", to_items).build_part("step", part, None)
    assert gated.next_batch() == []
    assert gated.snapshot() == 0
    assert [key for key, _ in gated.next_batch()] == ["a"]
    assert gated.snapshot() == 1
    published = PublishedSource(opened, "in", to_items).build_part("step", part, None)
    assert [key for key, _ in published.next_batch()] == ["a"]
    assert published.next_batch() == []
    write(bus, "in", "a")
    assert (published.next_batch(), published.snapshot()) == ([], 2)


def bus_partition(bus: Topics) -> str:
    """The name of the partition that holds the one message of `in`."""
    return next(f"{p:05}" for p in range(3) if bus.bounds("in", p).end)


def test_snapshotted_offsets_are_mirrored_to_the_group_once_they_are_on_disk(
    opened: Callable[[], Topics],
) -> None:
    """Being asked again after a snapshot means it is on disk; lag is told then."""
    bus = opened()
    write(bus, "in", "a")
    lags: list[tuple[str, int, int]] = []
    now = [10_000]
    watch = Watch(clock=lambda: now[0], on_lag=lambda *lag: lags.append(lag))
    source = MessageSource(opened, "in", "g", to_items, gated=False, watch=watch)
    part = source.build_part("step", bus_partition(bus), None)
    part.next_batch()
    part.snapshot()
    assert bus.committed("g", "in") == {}
    write(bus, "in", "a")
    now[0] += 4_000
    part.next_batch()
    assert bus.committed("g", "in") == {int(bus_partition(bus)): 1}
    assert lags == [("in", int(bus_partition(bus)), 1)]


def test_a_compacted_source_begins_with_the_latest_of_every_key_in_one_batch(
    opened: Callable[[], Topics],
) -> None:
    """Whatever the batch size and the last snapshot; then it follows."""
    bus = opened()
    names = [f"k{n}" for n in range(30)]
    write(bus, "view", *(f"{name}=old" for name in names), *(f"{name}=new" for name in names))
    watch = Watch()
    found: list[str] = []
    for part in range(3):
        source = LatestSource(opened, "view", to_items, batch=2, watch=watch)
        built = source.build_part("step", f"{part:05}", 10_000)
        found += [key for key, _ in built.next_batch()]
        assert built.next_batch() == []
    assert sorted(found) == sorted(f"{name}=new" for name in names)


def test_bytewax_puts_each_key_on_the_worker_we_say() -> None:
    """The hash is Rust's: a flow of three workers is asked where each key came."""
    names = key_names("bucket-", 64)
    seen: dict[str, int] = {}
    loads = [0, 0, 0]
    for name in names:
        loads[worker_of(name, 3)] += 1
        seen[name] = worker_of(name, 3)
    assert max(loads) - min(loads) <= 3
    assert _asked(names, 3) == {name: seen[name] for name in names}


def _asked(names: tuple[str, ...], workers: int) -> dict[str, int]:
    """Which worker thread holds the state of each key, numbered by who holds `worker_of` 0, 1, …"""

    class Where(StatefulBatchLogic[int, int, None]):
        def on_batch(self, values: list[int]) -> tuple[list[int], bool]:
            return [threading.get_ident() for _ in values], StatefulBatchLogic.RETAIN

        def snapshot(self) -> None:
            return None

    flow = Dataflow("where")
    found: list[tuple[str, int]] = []
    keyed = op.input("in", flow, TestingSource([(name, 1) for name in names]))
    op.output("out", op.stateful_batch("where", keyed, lambda _: Where()), TestingSink(found))
    cluster_main(flow, [], 0, worker_count_per_proc=workers)
    threads = {thread: worker_of(name, workers) for name, thread in reversed(found)}
    return {name: threads[thread] for name, thread in found}
