"""Whatever operators a step is made of, what one of them cannot take leaves it alone, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import StatefulBatchLogic, StatefulLogic
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main
from structlog.testing import capture_logs

from flows.engine.attach import Joint, attach
from flows.engine.blame import Blame
from flows.engine.clock import LONGEST_SLEEP_MS, moment
from flows.engine.guarded_logic import GuardedLogic
from flows.engine.sink import Outgoing
from flows.errors import StepsUnreadable

HERE = Path(__file__)
Step = Callable[[Stream[Any]], Stream[Any]]


def run(
    step: Step, items: list[Any], workers: int = 1, batch: int = 3
) -> tuple[list[Any], list[tuple[Any, str]]]:
    """What a step makes of items, and what of them failed with the reason."""
    flow = Dataflow("f")
    joint = Joint(
        point="actions", step_id="actions-step", step=step, file=HERE, kind=int,
        topic="t", dead_letters="dead", go_on=lambda item: item,
    )  # fmt: skip
    given: list[Any] = []
    dead: list[tuple[str, Outgoing]] = []
    attached = attach(op.input("in", flow, TestingSource(items, batch_size=batch)), joint)
    op.output("given", attached.given, TestingSink(given))
    op.output("dead", attached.dead, TestingSink(dead))
    if workers == 1:
        run_main(flow)
    else:
        cluster_main(flow, [], 0, worker_count_per_proc=workers)
    reasons = [dict(one.headers)["__connect.errors.exception.message"].decode() for _, one in dead]
    values = [msgspec.json.decode(one.value or b"") for _, one in dead]
    return sorted(given, key=str), list(zip(values, reasons, strict=True))


def odd(n: int) -> int:
    """An item, unless it is 5."""
    if n == 5:
        raise ValueError("five is right out")
    return n


def mapped(s: Stream[int]) -> Stream[int]:
    return op.map("m", s, odd)


def flat_mapped(s: Stream[int]) -> Stream[int]:
    return op.flat_map("m", s, lambda n: (odd(n) for _ in range(1)))


def in_batches(s: Stream[int]) -> Stream[int]:
    return op.flat_map_batch("m", s, lambda batch: [odd(n) for n in batch])


def filtered(s: Stream[int]) -> Stream[int]:
    return op.filter("m", s, lambda n: odd(n) >= 0)


def branched(s: Stream[int]) -> Stream[int]:
    both = op.branch("b", s, lambda n: odd(n) % 2 == 0)
    return op.merge("m", op.map("l", both.trues, odd), op.map("r", both.falses, odd))


def one_branch(s: Stream[int]) -> Stream[int]:
    return op.branch("b", s, lambda n: odd(n) >= 0).trues


def keyed(s: Stream[int]) -> Stream[int]:
    return op.key_rm("u", op.key_on("k", s, lambda n: str(odd(n))))


def valued(s: Stream[int]) -> Stream[int]:
    return op.key_rm("u", op.map_value("v", op.key_on("k", s, lambda _: "k"), odd))


def stateful_mapped(s: Stream[int]) -> Stream[int]:
    def count(state: int | None, n: int) -> tuple[int, int]:
        return (state or 0) + 1, odd(n)

    return op.key_rm("u", op.stateful_map("c", op.key_on("k", s, lambda n: str(n % 2)), count))


class Item(StatefulLogic[int, int, int]):
    """Forgets after each item."""

    def on_item(self, value: int) -> tuple[list[int], bool]:
        return [odd(value)], StatefulLogic.DISCARD

    def snapshot(self) -> int:
        return 0


class Batch(StatefulBatchLogic[int, int, int]):
    """Takes whole batches, and keeps its key."""

    def on_batch(self, values: list[int]) -> tuple[list[int], bool]:
        return [odd(n) for n in values], StatefulBatchLogic.RETAIN

    def snapshot(self) -> int:
        return 0


def stateful(s: Stream[int]) -> Stream[int]:
    return op.key_rm("u", op.stateful("c", op.key_on("k", s, lambda n: str(n % 2)), lambda _: Item()))


def stateful_in_batches(s: Stream[int]) -> Stream[int]:
    return op.key_rm("u", op.stateful_batch("c", op.key_on("k", s, lambda n: str(n % 2)), lambda _: Batch()))


def redistributed(s: Stream[int]) -> Stream[int]:
    return op.redistribute("r", op.map("m", s, odd))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "step",
    [
        mapped, flat_mapped, in_batches, filtered, branched, one_branch, keyed, valued,
        stateful_mapped, stateful, stateful_in_batches, redistributed,
    ],
)  # fmt: skip
def test_an_operator_that_raises_costs_the_item_alone(step: Step, workers: int) -> None:
    """Named with its line in the log and in the dead letter, in whichever operator it happens."""
    with capture_logs() as log:
        given, dead = run(step, list(range(12)), workers)
    assert given == sorted((n for n in range(12) if n != 5), key=str)
    line = odd.__code__.co_firstlineno + 3
    assert dead == [(5, f"actions step, test_guard.py:{line}: ValueError: five is right out")]
    assert [entry["event"] for entry in log] == [dead[0][1]]


def test_a_failure_upstream_is_not_seen_by_what_comes_after() -> None:
    """Neither by state nor by a look at the items."""
    seen: list[int] = []

    def step(s: Stream[int]) -> Stream[int]:
        looked = op.inspect("look", op.map("m", s, odd), lambda _, n: seen.append(n))
        return stateful_mapped(looked)

    given, dead = run(step, [4, 5, 6])
    assert (given, [value for value, _ in dead], seen) == ([4, 6], [5], [4, 6])


def test_a_look_that_raises_leaves_its_item_in_the_stream() -> None:
    """It is told in the log, for nothing went wrong with the item."""
    with capture_logs() as log:
        assert run(lambda s: op.inspect("look", s, lambda _, n: odd(n)), [4, 5]) == ([4, 5], [])
    assert "ValueError: five is right out" in log[0]["event"]


def test_state_stays_as_it_was_before_the_item_that_failed() -> None:
    """Also that of a key whose first item fails, and of one that is discarded on the way."""

    def total(state: int | None, n: int) -> tuple[int | None, int]:
        return (None if n == 9 else (state or 0) + odd(n)), (state or 0)

    def step(s: Stream[int]) -> Stream[int]:
        return op.key_rm("u", op.stateful_map("t", op.key_on("k", s, lambda _: "k"), total))

    for batch in (1, 8):
        given, dead = run(step, [5, 1, 5, 2, 9, 5, 4, 0], batch=batch)
        assert given == [0, 0, 1, 3, 4]
        assert [value for value, _ in dead] == [5, 5, 5]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda s: op.key_on("k", s, str), "op.key_rm missing"),
        (lambda s: op.map("m", s, str), "must give items of the kind int, not str"),
        (lambda s: op.branch("b", s, lambda n: n).trues, "'b' must give a bool, and gave a int"),
        (lambda s: op.stateful_map("c", s, lambda _, n: (1, n)), "key it with op.key_on"),
    ],
)
def test_what_bytewax_would_die_of_is_a_failure_of_the_item(step: Step, said: str) -> None:
    """A wrong kind, no bool, no key: with a word on how to mend it."""
    given, dead = run(step, [1])
    assert given == []
    assert [said in reason for _, reason in dead] == [True]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda _: None, "returns a NoneType and no stream"),
        (lambda s: op.map("m", s), "cannot be built: TypeError"),
        (lambda s: op.input("mine", s.flow(), TestingSource([1])), "uses op.input"),
        (lambda s: op.map("m", s, op.output("mine", s, TestingSink([])) or odd), "uses op.output"),
    ],
)
def test_a_step_that_cannot_be_built_is_refused(step: Step, said: str) -> None:
    """So is one that reads or writes by itself: what it wrote before a kill would be lost."""
    with pytest.raises(StepsUnreadable, match=said):
        run(step, [1])


class Held(StatefulBatchLogic[int, int, int]):
    """Gives what it holds when its time comes, which is long past, or at the end."""

    def __init__(self, held: int) -> None:
        self.held = held

    def on_batch(self, values: list[int]) -> tuple[list[int], bool]:
        return values, StatefulBatchLogic.RETAIN

    def on_notify(self) -> tuple[list[int], bool]:
        return [self.held], StatefulBatchLogic.DISCARD

    def on_eof(self) -> tuple[list[int], bool]:
        return self.on_notify()

    def notify_at(self) -> datetime:
        return moment(5)

    def snapshot(self) -> int:
        return self.held


def test_state_that_comes_back_says_nothing_of_its_own_accord_before_an_epochs_end() -> None:
    """Neither when its time is due nor at the end of the input; it keeps what it has, and is asked again soon."""
    blame = Blame("events", HERE)
    back = GuardedLogic(Held, blame, "s", 7, clock=lambda: 1000)
    assert back.notify_at() == moment(1000 + LONGEST_SLEEP_MS)
    assert [*map(list, (back.on_notify()[0], back.on_eof()[0], back.on_batch([3])[0]))] == [[], [], [3]]
    assert (back.on_notify()[1], back.on_eof()[1]) == (StatefulBatchLogic.RETAIN, StatefulBatchLogic.RETAIN)
    assert back.snapshot() == 7
    assert back.notify_at() == moment(5)
    assert back.on_notify() == ([7], StatefulBatchLogic.DISCARD)
    fresh = GuardedLogic(lambda _: Held(1), blame, "s", None)
    fresh.on_batch([3])
    assert (fresh.notify_at(), list(fresh.on_eof()[0])) == (moment(5), [1])
