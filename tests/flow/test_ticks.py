"""Ticks under Bytewax: no time reaches a bucket before all that happened until then, and none while one is silent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import pytest
import structlog.testing
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import TestingSink, cluster_main, run_main

from flows.clocks import ClockReader, ClockWriter, Expected, Note, expected_of
from flows.customers.triggers import RulesChanged, Tick
from flows.engine.clock import wall_clock
from flows.engine.gate import Bound
from flows.engine.messages import Item, MessageSource, Watch
from flows.engine.published import PublishedSource
from flows.engine.ticks import Dues, Ticking, TickPartition, TickSource
from flows.topics.port import Message, Topics, TopicSpec
from flows.topics.sqlite import SqliteTopics

SHORT = timedelta(milliseconds=10)
KEYS = ("a", "b", "c")
OWN = expected_of("customers", [("events", 2)])
DEVICES = expected_of("devices", [("telemetry", 1)])
END = 50_000


@pytest.fixture
def topics(tmp_path: Path) -> Topics:
    """A bus with events of old that nobody has read, and published decisions."""
    bus = SqliteTopics(tmp_path / "topics.db")
    bus.create([TopicSpec("clocks", 2, compacted=True), TopicSpec("events", 2), TopicSpec("decisions", 2)])
    return bus


def write(topics: Topics, topic: str, values: Iterable[int]) -> None:
    """Numbers in turn on both partitions; of an event it is its time."""
    writer = topics.writer()
    for n, value in enumerate(values):
        writer.write(topic, str(value).encode(), partition=n % 2)
    writer.close()


@pytest.fixture
def at_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes and ticks as often as can be, so that a short backlog sees many."""
    monkeypatch.setattr("flows.engine.clocks._APART_MS", 0)
    monkeypatch.setattr("flows.engine.ticks._EVERY_MS", 0)


class Bucket(StatefulBatchLogic[object, object, None]):
    """Notes what reaches it in its order; due whenever asked."""

    def __init__(self, dues: Dues, seen: dict[str, list[object]]) -> None:
        self.dues, self.seen, self.rules = dues, seen, 1

    def on_batch(self, values: list[object]) -> tuple[list[object], bool]:
        for value in values:
            if isinstance(value, tuple):
                key, found = value
                self.key: str = key
                self.seen.setdefault(key, []).append(found)
            else:
                self.rules = value.number if isinstance(value, RulesChanged) else self.rules
                self.seen[self.key].append(value)
        self.dues.note(self.key, 0, self.rules)
        return [], StatefulBatchLogic.RETAIN

    def snapshot(self) -> None:
        return None


class Script:
    """Stops once `done` holds, after `at_most` questions of all sources at the latest."""

    def __init__(self, done: Callable[[], bool], at_most: int) -> None:
        self.done, self.left, self.over = done, at_most, False

    def __call__(self) -> bool:
        self.left -= 1
        self.over = self.over or self.left < 0 or (self.left % 20 == 0 and self.done())
        return self.over


def to_items(messages: list[Message]) -> list[Item]:
    """A number for each of the buckets."""
    return [(key, (key, int(m.value or b"0"))) for m in messages for key in KEYS]


def time_of(items: list[Item]) -> int:
    """The greatest event time."""
    return max(found[1] for _, found in items if isinstance(found, tuple))


def run(
    topics: Topics,
    done: Callable[[dict[str, list[object]]], bool],
    *,
    others: frozenset[str] = frozenset(),
    rules: Callable[[], int] = lambda: 1,
    workers: int = 1,
    at_most: int = 20_000,
) -> dict[str, list[object]]:
    """What reached each bucket, in its order."""
    seen: dict[str, list[object]] = {}
    dues = Dues()
    watch = Watch(
        clock=wall_clock, stopping=Script(lambda: done(seen), at_most), bound=Bound(),
        clocks=ClockWriter(topics, "clocks", "customers"),
    )  # fmt: skip
    ticking = Ticking(
        open_clock=lambda clock: ClockReader(topics, "clocks", clock),
        expected=lambda: Expected(OWN, others),
        rules=rules, dues=dues, tick=Tick, rules_changed=RulesChanged, on_lag=lambda _: None,
    )  # fmt: skip
    flow = Dataflow("ticking")
    events = MessageSource(lambda: topics, "events", "g", to_items, 3, watch=watch, time_of=time_of)
    published = PublishedSource(lambda: topics, "decisions", to_items, watch)
    merged = op.merge(
        "merge",
        op.input("published", flow, published),
        op.input("ticks", flow, TickSource(ticking, watch)),
        op.input("events", flow, events),
    )
    said = op.stateful_batch("buckets", merged, lambda _: Bucket(dues, seen))  # type: ignore[arg-type]
    op.output("out", said, TestingSink([]))
    if workers == 1:
        run_main(flow, epoch_interval=SHORT)
    else:
        cluster_main(flow, [], 0, epoch_interval=SHORT, worker_count_per_proc=workers)
    return seen


def ticks(seen: list[object]) -> list[int]:
    """The times that reached a bucket."""
    return [each.now for each in seen if isinstance(each, Tick)]


def at_the_end(seen: dict[str, list[object]]) -> bool:
    """Whether a time later than all events has reached every bucket."""
    return all(any(at > END for at in ticks(seen.get(key, []))) for key in KEYS)


@pytest.mark.usefixtures("at_every_epoch")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", range(2))
def test_no_time_overtakes_an_event_or_what_was_published(topics: Topics, seed: int, workers: int) -> None:
    """Far behind at first, a bucket is told of no moment before every event until then has reached it."""
    chance = random.Random(seed)
    events = sorted(chance.randrange(1, END) for _ in range(1_500))
    write(topics, "events", events)
    write(topics, "decisions", [-1, -2])
    seen = run(topics, at_the_end, workers=workers)
    for key in KEYS:
        found = seen[key]
        assert sorted(v for v in found if isinstance(v, int)) == [-2, -1, *events]
        assert ticks(found) == sorted(ticks(found))
        assert any(at <= END for at in ticks(found))
        begun = next(i for i, each in enumerate(found) if isinstance(each, Tick))
        assert {-1, -2} <= set(found[:begun])
        waiting = set(events)
        for each in found:
            if isinstance(each, Tick):
                assert min(waiting, default=each.now) >= each.now
            elif isinstance(each, int):
                waiting.discard(each)


def test_while_another_process_is_silent_nothing_is_due_and_its_name_is_told_once_a_minute(
    topics: Topics,
) -> None:
    """The devices flow is down: no tick, however long, and a warning that names it."""
    own, now, lags = ClockWriter(topics, "clocks", "customers"), 1_000_000, list[float]()
    dues = Dues()
    dues.note("a", 1, 1)
    ticking = Ticking(
        open_clock=lambda clock: ClockReader(topics, "clocks", clock), expected=lambda: Expected(OWN, DEVICES),
        rules=lambda: 1, dues=dues, tick=Tick, rules_changed=RulesChanged, on_lag=lags.append,
    )  # fmt: skip
    part = TickSource(ticking, Watch(clock=lambda: now)).build("ticks", 0, 1)
    with structlog.testing.capture_logs() as logs:
        for _ in range(14):
            now += 10_000
            for partition in range(2):
                own.tell("events", partition, Note(now, read=now))
            assert part.next_batch() == []
        ClockWriter(topics, "clocks", "devices").tell("telemetry", 0, Note(now))
        now += 10_000
        for partition in range(2):
            own.tell("events", partition, Note(now, read=now))
        items = part.next_batch()
    part.close()
    assert lags == [*(10.0 * n for n in range(1, 15)), 10.0]
    said = [log for log in logs if "Clock stands still" in log["event"]]
    assert [log["held_back_by"] for log in said] == [["devices:telemetry/0"]] * 2
    assert items == [("a", Tick(now - 10_000))]


def test_time_goes_on_when_the_other_process_has_spoken(topics: Topics) -> None:
    """And no further than it said, whatever the wall clock is."""
    write(topics, "events", [1, 2])
    devices = ClockWriter(topics, "clocks", "devices")

    def speak(seen: dict[str, list[object]]) -> bool:
        devices.tell("telemetry", 0, Note(777))
        return all(len(ticks(seen.get(key, []))) >= 3 for key in KEYS)

    seen = run(topics, speak, others=DEVICES)
    assert {at for found in seen.values() for at in ticks(found)} == {777}


def test_every_bucket_is_told_once_of_each_other_rule_set(topics: Topics) -> None:
    """Also one that was saved under an older set than is in force at the start."""
    write(topics, "events", [1, 2])
    number = [2]

    def done(seen: dict[str, list[object]]) -> bool:
        told = [[v for v in found if isinstance(v, RulesChanged)] for found in seen.values()]
        if len(told) == len(KEYS) and all(told):
            number[0] = 3
        return at_the_end(seen) and all(len(each) == 2 for each in told)

    seen = run(topics, done, rules=lambda: number[0])
    for found in seen.values():
        assert [v.number for v in found if isinstance(v, RulesChanged)] == [2, 3]


def test_a_bucket_that_is_busy_is_not_asked_again_and_few_take_up_rules_at_once() -> None:
    """What was sent is handled before more is sent, so that nothing piles up."""
    dues = Dues()
    for n in range(20):
        dues.note(f"b{n}", 10 * n, 1)
    assert dues.due_by(20) == ["b0", "b1", "b2"]
    assert dues.due_by(30) == ["b3"]
    dues.note("b1", 15, 1)
    assert dues.due_by(30) == ["b1"]
    dues.note("b2", None, 1)
    assert dues.due_by(30) == []
    first = dues.behind(2)
    assert len(first) == 8
    assert dues.behind(2) == []
    dues.note(first[0], None, 2)
    assert dues.behind(2) == ["b8"]
    assert dues.behind(1) == [first[0]]


def test_only_one_worker_of_a_process_keeps_the_clock(topics: Topics) -> None:
    """The others have nothing to do."""
    opened: list[ClockReader] = []

    def open_clock(clock: object) -> ClockReader:
        opened.append(ClockReader(topics, "clocks", clock))  # type: ignore[arg-type]
        return opened[-1]

    ticking = Ticking(
        open_clock=open_clock, expected=lambda: Expected(OWN), rules=lambda: 1, dues=Dues(), tick=Tick,
        rules_changed=RulesChanged, on_lag=lambda _: None,
    )  # fmt: skip
    source = TickSource(ticking)
    parts: list[TickPartition] = [source.build("ticks", n, 3) for n in range(3)]
    for part in parts:
        part.close()
    assert len(opened) == 1
