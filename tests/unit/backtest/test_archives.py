"""Rules played over archives: what the written semantics say, and the same to the last byte however lines are cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.archives.batches import NEVER_APPENDED, read_batches
from flows.backtest.archive import Backtest, Period, watching
from flows.expressions import parse
from flows.rules.model import Absence, Rule, RuleSet, Run
from flows.schema import Alarm, encode
from flows.streams import Stream
from tests.unit.devices.driving import by_episode, message_of, said, thing
from tests.unit.devices.oracle import Oracle, Sent
from tests.unit.devices.series import (
    START,
    absences,
    counts,
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

DAY = 86_400_000
bounded = settings(
    derandomize=True,
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def rule_set(stream: Stream, *rules: Rule) -> RuleSet:
    """A set that was not published."""
    return RuleSet(number=0, tenant="t", rules=rules, purposes={}, profile=(), streams={stream.name: stream})


def archive(folder: Path, lines: list[bytes], name: str = "archive.jsonl") -> Path:
    """Lines as a file."""
    path = folder / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def played(side: Backtest, paths: list[Path], stream: Stream, size: int = 16_384) -> list[Alarm]:
    """All alarms of archives read so many readings at a time."""
    return [a for path in paths for batch in read_batches(path, stream, size) for a in side.take(batch)]


@bounded
@given(
    streams,
    rules_of(st.one_of(runs(), counts(), trends(), windows()), "any"),
    absences,
    things,
    series(),
)
def test_the_oracle_says_the_same(
    tmp_path: Path,
    stream: Stream,
    mixed: Rule,
    absence: Rule,
    attributes: dict[str, dict[str, float]],
    readings: list[Sent],
) -> None:
    """Random archives: the alarms and counts are those of the written semantics, nothing being ever too far ahead."""
    oracle = Oracle(stream, [mixed, absence])
    oracle.attributes = attributes
    for sent in readings:
        oracle.read(msgspec.structs.replace(sent, appended=NEVER_APPENDED))
    side = Backtest(
        rule_set(stream, mixed, absence),
        stream.name,
        [thing(device, of) for device, of in attributes.items()],
    )
    alarms = played(side, [archive(tmp_path, [message_of(sent) for sent in readings])], stream)
    found = by_episode(said(alarm) for alarm in alarms if alarm.rule != "stream_silent")
    wanted = by_episode(oracle.said)
    assert found.keys() == wanted.keys()
    for key, told in wanted.items():
        for want, have in zip_longest(told, found[key]):
            assert have is not None
            facts = {name: have.facts.get(name) for name in want.facts}
            assert facts == pytest.approx(want.facts, rel=1e-9, abs=1e-9)
            assert msgspec.structs.replace(have, facts={}) == msgspec.structs.replace(want, facts={})
    tally = side.tally
    assert (tally.taken, tally.late, tally.duplicate) == tuple(
        oracle.counts[name] for name in ("taken", "late", "duplicate")
    )
    assert tally.raised == sum(one.transition == "raised" for one in alarms)
    assert side.devices == len(oracle.clocks)


@bounded
@given(streams, rules_of(st.one_of(runs(), windows()), "any"), absences, series(), st.integers(0, 1 << 30))
def test_cuts_change_nothing(
    tmp_path: Path, stream: Stream, rule: Rule, absence: Rule, readings: list[Sent], garbage: int
) -> None:
    """By ones, by sevens, by a thousand, in one file or in two, with broken lines between: the same alarms in bytes."""
    lines = [message_of(sent) for sent in readings]
    for i in range(5):
        lines.insert(garbage >> (6 * i) & 63, [b"{", b"[]", b'{"at": 1}', b"nonsense"][i % 4])
    whole = archive(tmp_path, lines)
    told: list[tuple[bytes, object]] = []
    for size in (1, 7, 1000, 16_384):
        side = Backtest(rule_set(stream, rule, absence), stream.name)
        alarms = played(side, [whole], stream, size)
        told.append((b"\n".join(map(encode, alarms)), (side.tally.by_rule(side.span), side.tally.dead)))
    assert all(one == told[0] for one in told)
    halves = [archive(tmp_path, lines[:40], "first.jsonl"), archive(tmp_path, lines[40:], "second.jsonl")]
    side = Backtest(rule_set(stream, rule, absence), stream.name)
    again = played(side, halves, stream)
    # Line numbers begin anew with each file; all else is one series.
    assert [msgspec.structs.replace(a, offset=None) for a in again] == [
        msgspec.structs.replace(a, offset=None)
        for a in played(Backtest(rule_set(stream, rule, absence), stream.name), [whole], stream)
    ]


HOT = Rule(
    name="hot", stream="machine", patterns=(Run(length=2, of=parse("heat >= 2")),), fingerprint="hot", reads=("heat",)
)  # fmt: skip


def heats(device: str, start: int, *values: float) -> Iterator[bytes]:
    """A reading a second."""
    for i, value in enumerate(values):
        yield message_of(Sent(device, start + i * 1000, 0, {"heat": value}))


def test_years_old_is_not_stale(tmp_path: Path) -> None:
    """An archive of long ago raises as if it were read at the time: nothing is stale, and nothing from the future."""
    stream = stream_of()
    lines = [*heats("a", 1_000_000_000_000, 3, 3), *heats("a", 3_000_000_000_000, 1, 3, 3)]
    alarms = played(Backtest(rule_set(stream, HOT), "machine"), [archive(tmp_path, lines)], stream)
    assert [(a.transition, a.stale, a.offset) for a in alarms] == [
        ("raised", False, 2), ("cleared", False, 3), ("raised", False, 5),
    ]  # fmt: skip


def test_a_period(tmp_path: Path) -> None:
    """Alarms before the period do not count but their readings do; readings after it are left out, and are no dead."""
    stream = stream_of()
    path = archive(tmp_path, [*heats("a", START, 3, 3, 1, 3, 3, 1, 3, 3)])
    side = Backtest(rule_set(stream, HOT), "machine", period=Period(START + 2000, START + 6000))
    alarms = played(side, [path], stream)
    assert [(a.transition, (a.at - START) // 1000) for a in alarms] == [
        ("cleared", 2), ("raised", 4), ("cleared", 5),
    ]  # fmt: skip
    tally = side.tally
    assert (tally.taken, tally.after, tally.readings, tally.dead) == (6, 2, 8, [])
    assert (tally.first, tally.last, side.span) == (START, START + 5000, 3000)


def test_the_summary(tmp_path: Path) -> None:
    """Per rule how often, how often a day, of how many devices, and most for which; rules that raised nothing too."""
    stream = stream_of()
    quiet = msgspec.structs.replace(HOT, name="quiet", patterns=(Run(length=99, of=parse("heat >= 2")),))
    lines = [
        *heats("b", START, 3, 3, 1, 3, 3, 1),
        *heats("a", START, 3, 3, 1),
        *heats("a", START + DAY // 2, 1),
    ]
    side = Backtest(rule_set(stream, HOT, quiet), "machine")
    played(side, [archive(tmp_path, lines)], stream)
    hot, none = side.tally.by_rule(side.span)
    assert (hot.rule, hot.raised, hot.per_day, hot.devices, hot.most, hot.most_of) == (
        "hot",
        3,
        6.0,
        2,
        2,
        "b",
    )
    assert (none.rule, none.raised, none.per_day, none.most_of) == ("quiet", 0, 0.0, None)


def test_dead_letters_are_counted_with_their_lines(tmp_path: Path) -> None:
    """Broken lines end nothing: each reason is counted, with the numbers of its first lines and what the first says."""
    stream = stream_of()
    good = list(heats("a", START, 1, 1))
    path = archive(tmp_path, [good[0], *[b"broken"] * 7, good[1], b'{"device": "a"}'])
    side = Backtest(rule_set(stream, HOT), "machine")
    played(side, [path], stream)
    broken, timeless = side.tally.dead
    assert (broken.reason, broken.count, broken.lines) == ("not_json", 7, [2, 3, 4, 5, 6])
    assert (timeless.reason, timeless.count, timeless.lines) == ("missing_field", 1, [10])
    assert broken.archive == str(path)
    assert (side.tally.taken, side.tally.refused) == (2, 8)


def test_a_clock_years_ahead_is_seen(tmp_path: Path) -> None:
    """One device of twenty that is ten years ahead is told; without it nothing is."""
    stream = stream_of()
    absent = Rule(
        name="absent", stream="machine", patterns=(Absence(after=60_000),), fingerprint="absent", reads=("heat",)
    )  # fmt: skip
    lines = [line for i in range(19) for line in heats(f"d{i}", START, 1, 1)]
    usual = Backtest(rule_set(stream, absent), "machine")
    played(usual, [archive(tmp_path, lines)], stream)
    assert usual.outlying is None
    odd = Backtest(rule_set(stream, absent), "machine")
    played(odd, [archive(tmp_path, [*lines, *heats("odd", START + 3650 * DAY, 1)])], stream)
    assert odd.outlying == (START + 1000, START + 3650 * DAY)


def test_which_rules_play() -> None:
    """Those of the stream that are not disabled; or those that are named, disabled or not."""
    stream = stream_of()
    asleep = msgspec.structs.replace(HOT, name="asleep", mode="disabled")
    elsewhere = msgspec.structs.replace(HOT, name="elsewhere", stream="other")
    every = rule_set(stream, HOT, asleep, elsewhere)
    assert [r.name for r in watching(every, "machine").rules] == ["hot"]
    assert [(r.name, r.mode) for r in watching(every, "machine", ["asleep"]).rules] == [("asleep", "live")]
