"""Taking up a rule set, at a snapshot and not before: what did not change keeps its state, what is gone lapses."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.expressions import parse
from flows.rules.model import Absence, Clear, Count, Pattern, Rule, Run, Severity, Trend, Window
from tests.unit.devices.driving import Driven, Sets, by_episode, said
from tests.unit.devices.oracle import Sent
from tests.unit.devices.series import START, counts, rules_of, runs, series, stream_of, trends, windows

HOT, COLD = parse("heat >= 2"), parse("heat < 1")


def rule(name: str, *patterns: Pattern, fingerprint: str = "1", **more: object) -> Rule:
    """A rule on `heat`."""
    made = Rule(
        name=name, stream="machine", patterns=patterns, reads=("heat", "load"), fingerprint=fingerprint
    )
    return msgspec.structs.replace(made, **more)


def readings(*values: float | None, since: int = 0, device: str = "a") -> list[Sent]:
    """One device, a reading every ten seconds."""
    return [
        Sent(device, START + (since + i) * 10_000, START + (since + i) * 10_000, {"heat": v, "load": None})
        for i, v in enumerate(values)
    ]


def told(shard: Driven) -> list[tuple[str, str, str | None]]:
    """Rule, transition and reason of all alarms so far."""
    return [(a.rule, a.transition, a.reason) for a in shard.alarms]


def test_a_set_is_taken_up_after_a_snapshot_and_not_before() -> None:
    """A newer set counts for nothing until a snapshot has named it and the next epoch begun."""
    sets = Sets(rule("old", Run(length=1, of=HOT)))
    shard = Driven(stream_of(), sets)
    sets.publish(rule("new", Run(length=1, of=HOT)))
    assert [a.rule for a in shard.read(readings(2)).alarms] == ["old"]
    shard.shard.snapshot()
    assert [a.rule for a in shard.read(readings(0, 2, since=1)).alarms] == ["old", "old"]
    lapsed = shard.shard.on_epoch().alarms
    assert [(a.rule, a.transition) for a in lapsed] == [("old", "lapsed")]
    raised = shard.read(readings(2, since=3)).alarms
    assert [(a.rule, a.rule_set) for a in raised] == [("new", 2)]


def test_a_replayed_epoch_uses_the_set_that_its_snapshot_named() -> None:
    """However new the newest set is at a restart, the epoch after a snapshot runs under the one the snapshot named."""
    sets = Sets(rule("r1", Run(length=1, of=HOT)))
    shard = Driven(stream_of(), sets)
    sets.publish(rule("r2", Run(length=1, of=HOT)))
    resume = shard.shard.snapshot()
    sets.publish(rule("r3", Run(length=1, of=HOT)))
    for _ in range(2):
        again = type(shard.shard)(shard.place, sets, resume)
        again.on_epoch()
        shard.shard = again
        assert [(a.rule, a.rule_set) for a in shard.read(readings(2)).alarms] == [("r2", 2)]


def test_a_removed_rule_lapses() -> None:
    """Its active episodes end as lapsed with the reason, numbered on; what was only under way says nothing."""
    gone = rule(
        "gone", Run(length=2, of=HOT), severities=(Severity(name="low"), Severity(name="high", when=HOT))
    )
    sets = Sets(gone, rule("stays", Run(length=2, of=HOT)))
    shard = Driven(stream_of(), sets)
    shard.read(readings(2, 2, device="a") + readings(2, device="b"))
    sets.publish(rule("stays", Run(length=2, of=HOT)))
    (alarm,) = shard.epoch().alarms
    assert (alarm.rule, alarm.device, alarm.transition, alarm.reason) == (
        "gone",
        "a",
        "lapsed",
        "rule removed",
    )
    assert (alarm.severity, alarm.number, alarm.at) == ("high", 2, shard.shard.clock)
    assert alarm.episode == shard.alarms[0].episode
    assert [a.rule for a in shard.read(readings(2, since=1, device="b")).alarms] == ["stays"]


def test_a_disabled_rule_lapses_too() -> None:
    """A rule that is switched off is gone for the devices."""
    active = rule("r", Run(length=1, of=HOT))
    sets = Sets(active)
    shard = Driven(stream_of(), sets)
    shard.read(readings(2))
    sets.publish(msgspec.structs.replace(active, mode="disabled"))
    shard.epoch()
    assert told(shard)[1:] == [("r", "lapsed", "rule removed")]


def test_a_rule_that_means_the_same_keeps_its_state() -> None:
    """An edit that leaves the fingerprint alone keeps a run under way, and takes effect itself."""
    sets = Sets(rule("r", Run(length=3, of=HOT)))
    shard = Driven(stream_of(), sets)
    shard.read(readings(2, 2))
    sets.publish(rule("r", Run(length=3, of=HOT), explain="{run} in a row"))
    shard.epoch()
    (alarm,) = shard.read(readings(2, since=2)).alarms
    assert alarm.explanation == "3 in a row"


def test_a_changed_pattern_keeps_active_episodes_and_forgets_what_was_under_way() -> None:
    """The episode goes on under the changed rule with its number; a run that had only begun begins again."""
    sets = Sets(rule("r", Run(length=2, of=HOT), clear=Clear(run=1, of=COLD)))
    shard = Driven(stream_of(), sets)
    shard.read(readings(2, 2, device="a") + readings(2, device="b"))
    sets.publish(rule("r", Count(count=2, out_of=3, of=HOT), fingerprint="2", clear=Clear(run=2, of=COLD)))
    assert shard.epoch().alarms == []
    assert shard.read(readings(2, since=1, device="b")).alarms == []
    shard.read(readings(0, 0, since=2, device="a") + readings(2, since=2, device="b"))
    assert [(a.device, a.transition, a.number) for a in shard.alarms] == [
        ("a", "raised", 1), ("a", "cleared", 2), ("b", "raised", 1),
    ]  # fmt: skip


def test_without_a_clear_the_changed_pattern_decides() -> None:
    """An active episode stands until each new pattern has said for itself that it does not hold."""
    for pattern, until in (
        (Run(length=9, of=HOT), 1),
        (Count(count=2, out_of=3, of=HOT), 1),
        (Trend(field="heat", over=3, rise=1), 3),
        (Window(length=30_000, every=30_000, measure="max", field="heat", of=parse("value >= 2")), 4),
    ):
        sets = Sets(rule("r", Run(length=1, of=HOT)))
        shard = Driven(stream_of(), sets)
        shard.read(readings(2))
        sets.publish(rule("r", pattern, fingerprint="2"))
        shard.epoch()
        for i in range(1, 9):
            shard.read(readings(0, since=i))
            if len(shard.alarms) > 1:
                break
        assert (i, told(shard)[1][1]) == (until, "cleared")


def test_fewer_severities() -> None:
    """An episode above the highest severity that is left goes on at that one."""
    levels = (Severity(name="low"), Severity(name="high", when=HOT))
    sets = Sets(rule("r", Run(length=1, of=HOT), severities=levels))
    shard = Driven(stream_of(), sets)
    shard.read(readings(2))
    sets.publish(rule("r", Run(length=1, of=HOT), fingerprint="2", severities=levels[:1]))
    shard.epoch()
    shard.read(readings(2, 0, since=1))
    assert [(a.transition, a.severity) for a in shard.alarms] == [("raised", "high"), ("cleared", "low")]


def test_an_absence_that_lapsed_says_nothing_under_a_changed_rule() -> None:
    """What waits for a device's return under an absence is no episode of the pattern that takes its place."""
    sets = Sets(rule("r", Absence(after=60_000), ends_silent=120_000))
    shard = Driven(stream_of(), sets)
    shard.read(readings(1, device="a") + [readings(1, since=i, device="b")[0] for i in range(1, 30)])
    assert told(shard) == [("r", "raised", None), ("r", "lapsed", "silent")]
    sets.publish(rule("r", Run(length=1, of=HOT), fingerprint="2"))
    shard.epoch()
    shard.read(readings(0, since=40))
    assert len(shard.alarms) == 2


@settings(derandomize=True, max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rules_of(st.one_of(runs(), counts(), trends(), windows()), "kept"),
    rules_of(st.one_of(runs(), counts(), trends()), "other"),
    series(),
    st.integers(1, 26),
)
def test_changes_elsewhere_change_nothing(kept: Rule, other: Rule, sent: list[Sent], cut: int) -> None:
    """A rule says the same whether or not others are published, changed and removed beside it.

    (None of those others moves the tick, which only looks for what nobody sent.)
    """
    alone = Driven(stream_of(), Sets(kept))
    alone.read(sent)
    sets = Sets(kept)
    shard = Driven(stream_of(), sets)
    plain = msgspec.structs.replace(other, ends_silent=None)
    for i, rules in enumerate(((kept, plain), (plain, kept), (kept,))):
        shard.read(sent[i * cut : (i + 1) * cut])
        sets.publish(*rules)
        shard.epoch()
    shard.read(sent[3 * cut :])
    found = by_episode(said(a) for a in shard.alarms if a.rule == "kept")
    assert found == by_episode(said(a) for a in alone.alarms)
