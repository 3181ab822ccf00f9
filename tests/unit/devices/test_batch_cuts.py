"""However messages are cut into batches, and wherever a shard is restarted, it says the same and counts the same."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.devices.shard import Shard
from flows.errors import StateUnreadable
from flows.expressions import parse
from flows.rules.model import Rule, Run, Worsening
from flows.schema import Account, encode
from flows.streams import Field, Stream
from tests.unit.devices.driving import COUNTED, Driven, Sets, message_of, raw_batch, thing
from tests.unit.devices.oracle import Sent
from tests.unit.devices.series import (
    START,
    absences,
    counts,
    readings_of,
    rules_of,
    runs,
    series,
    stream_of,
    streams,
    things,
    trends,
    windows,
)

pytestmark = pytest.mark.slow

bounded = settings(
    derandomize=True, max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
mixed = rules_of(st.one_of(runs(), counts(), trends(), windows()), "mixed")


def pieces(readings: list[Sent], seed: int) -> list[list[Sent]]:
    """Readings cut at random places, often into single ones."""
    cuts = sorted({0, len(readings), *((seed >> i) % len(readings) for i in range(0, 60, 3))})
    return [readings[a:b] for a, b in pairwise(cuts)]


@bounded
@given(streams, mixed, absences, things, series(), st.integers(0, 1 << 62), st.integers(0, 1 << 20))
def test_cuts_and_restarts(
    stream: Stream,
    rule: Rule,
    absence: Rule,
    attributes: dict[str, dict[str, float]],
    readings: list[Sent],
    cuts: int,
    restarts: int,
) -> None:
    """One batch, or many with restarts from snapshots between: the same alarms in the same order, equal counts."""
    whole = Driven(stream, Sets(rule, absence), attributes)
    whole.read(readings)
    cut = Driven(stream, Sets(rule, absence), attributes)
    for i, piece in enumerate(pieces(readings, cuts)):
        cut.read(piece)
        if restarts >> i & 1:
            cut.restart()
    assert cut.alarms == whole.alarms
    assert cut.counts == whole.counts


@settings(bounded, max_examples=30)
@given(streams, mixed, rules_of(windows(), "windows"), absences, things, series())
def test_the_order_of_alarms(
    stream: Stream,
    rule: Rule,
    other: Rule,
    absence: Rule,
    attributes: dict[str, dict[str, float]],
    readings: list[Sent],
) -> None:
    """By ones, by sevens, by a thousand: what is said of several rules is the same, byte for byte, in one order."""
    told: list[bytes] = []
    for size in (1, 7, 1000):
        driven = Driven(stream, Sets(absence, rule, other), attributes)
        for start in range(0, len(readings), size):
            driven.read(readings[start : start + size])
        told.append(b"\n".join(map(encode, driven.alarms)))
    assert told[0] == told[1] == told[2]


def test_alarms_come_as_their_readings() -> None:
    """Two rules over one batch: the alarms of a reading stand together, by rule, before those of the next."""
    of = parse("heat >= 2")
    rules = [
        Rule(name=name, stream="machine", patterns=(Run(length=n, of=of),), fingerprint=name, reads=("heat",))
        for name, n in (("first", 2), ("second", 1))
    ]
    driven = Driven(stream_of(), Sets(*rules))
    sent = [
        Sent("a", START + i * 1000, START + i * 1000, {"heat": heat}) for i, heat in enumerate((1, 3, 3, 1))
    ]
    driven.read(sent)
    assert [(a.rule, a.transition, a.offset) for a in driven.alarms] == [
        ("second", "raised", 1), ("first", "raised", 2), ("first", "cleared", 3), ("second", "cleared", 3),
    ]  # fmt: skip


def test_dead_letters_come_as_their_messages() -> None:
    """Whatever is wrong with a message, and however many there are in a batch, its dead letters stand in order."""
    fields = (Field(name="f", type="float", high=10), Field(name="g", type="float", high=10))
    stream = Stream(name="s", topic="telemetry", key="id", time="at", fields=fields)
    rule = Rule(
        name="r",
        stream="s",
        patterns=(Run(length=1, of=parse("f > g")),),
        reads=("f", "g"),
        fingerprint="r",
    )
    messages = [
        b'{"id":"a","at":1000,"f":1,"g":99}', b'{"id":"a","at":9000000,"f":99,"g":99}',
        b'{"id":"a","at":2000,"f":99,"g":1}', b"{", b'[{"id":"a","at":3000,"g":99},{"id":"a"}]',
    ]  # fmt: skip
    told = []
    for size in (1, 2, 5):
        shard = Driven(stream, Sets(rule))
        for i in range(0, len(messages), size):
            shard.send(messages[i : i + size], 5000)
        told.append([letter for output in shard.outputs for letter in output.dead])
    assert told[0] == told[1] == told[2]
    assert [(letter.offset, letter.reason) for letter in told[0]] == [
        (0, "out_of_range"), (1, "out_of_range"), (1, "out_of_range"), (1, "future"), (2, "out_of_range"),
        (3, "not_json"), (4, "missing_field"), (4, "out_of_range"),
    ]  # fmt: skip


@bounded
@given(rules_of(windows(), "windows"), series(), st.integers(0, 1 << 62))
def test_accounts(rule: Rule, readings: list[Sent], cuts: int) -> None:
    """Accounts follow one another without a gap and add up to all that was read, restarts or not."""
    shard = Driven(stream_of(), Sets(rule))
    accounts: list[Account] = []
    for i, piece in enumerate(pieces(readings, cuts)):
        shard.send([message_of(one) for one in piece] + [b"broken"], readings[0].appended)
        resume = shard.shard.snapshot()
        if i % 2:
            shard.shard = Shard(shard.place, shard.sets, resume)
        accounts += shard.shard.on_epoch().accounts
    assert shard.shard.on_epoch().accounts == []
    assert accounts[0].first == 0
    assert all(a.next == b.first for a, b in pairwise(accounts))
    assert accounts[-1].next == sum(a.messages for a in accounts) == shard.offset
    total: Counter[str] = Counter()
    for account in accounts:
        total.update({name: getattr(account, name) for name in COUNTED})
    assert total == shard.counts
    assert total.total() == shard.offset


@settings(bounded, max_examples=20)
@given(streams, mixed, absences, series(), series())
def test_a_snapshot_does_not_change(
    stream: Stream, rule: Rule, absence: Rule, before: list[Sent], after: list[Sent]
) -> None:
    """What comes after a snapshot leaves its bytes alone, and a shard made from it is the shard of that moment."""
    shard = Driven(stream, Sets(rule, absence))
    shard.read(before)
    taken = shard.shard.snapshot()
    copy = bytes(bytearray(taken))
    shard.read(after)
    assert taken == copy
    assert Shard(shard.place, shard.sets, taken).snapshot() == copy


def test_a_replayed_epoch_says_the_same() -> None:
    """Everything after a snapshot, read twice as after a crash, gives alarms of the same ids and contents."""
    of = parse("heat >= 2")
    run = Run(length=3, of=of, worsening=Worsening(field="heat", rise=0.5, over=3))
    rule = Rule(name="climb", stream="machine", patterns=(run,), fingerprint="climb", reads=("heat",))
    shard = Driven(stream_of(), Sets(rule))
    readings = readings_of(1, 200)
    shard.read(readings[:100])
    resume = shard.shard.snapshot()
    rest = readings[100:]
    batch = raw_batch([message_of(one) for one in rest], [one.appended for one in rest], 100)
    again = Shard(shard.place, shard.sets, resume)
    first = shard.shard.on_readings(batch)
    assert first.alarms
    assert again.on_readings(batch) == first
    assert again.snapshot() == shard.shard.snapshot()


def test_a_snapshot_of_the_first_format_is_gone_on_from() -> None:
    """It ends before what is remembered of narrow streams and aggregates, and everything else is where it was."""
    rule = Rule(
        name="hot",
        stream="machine",
        patterns=(Run(length=3, of=parse("heat >= 2")),),
        fingerprint="hot",
        reads=("heat",),
    )
    shard = Driven(stream_of(), Sets(rule))
    readings = readings_of(1, 200)
    shard.read(readings[:100])
    state = msgspec.msgpack.decode(shard.shard.snapshot())
    assert state[-3:] == [b"", 0, []]
    first = Shard(shard.place, shard.sets, msgspec.msgpack.encode([1, *state[1:-3]]))
    rest = raw_batch(
        [message_of(one) for one in readings[100:]], [one.appended for one in readings[100:]], 100
    )
    said = shard.shard.on_readings(rest)
    assert said.alarms
    assert first.on_readings(rest) == said
    assert first.snapshot() == shard.shard.snapshot()


def test_another_format_is_refused() -> None:
    """A snapshot that a later version wrote is refused by name, with what to do."""
    shard = Driven(stream_of(), Sets())
    state = msgspec.msgpack.decode(shard.shard.snapshot())
    state[0] += 1
    with pytest.raises(StateUnreadable, match=r"machine/0 has format 4.*recovery directory"):
        Shard(shard.place, shard.sets, msgspec.msgpack.encode(state))


def test_things_are_not_state() -> None:
    """A snapshot holds no attributes: they are read again from their topic, and are there before the next batch."""
    shard = Driven(stream_of(), Sets(), {"a": {"hot": 1.0}})
    with_things = shard.shard.snapshot()
    shard.shard.on_things([thing("a", {"hot": 2.0})])
    assert shard.shard.snapshot() == with_things
