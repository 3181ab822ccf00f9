"""Random rules over random readings: a shard says exactly what the written semantics say, and counts the same."""

from __future__ import annotations

from itertools import zip_longest

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.rules.model import Rule
from flows.streams import Stream
from tests.unit.devices.driving import Driven, Sets, by_episode, said
from tests.unit.devices.oracle import Oracle, Sent
from tests.unit.devices.oracle_episodes import Said
from tests.unit.devices.series import (
    absences,
    counts,
    narrow_series,
    narrow_streams,
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
    derandomize=True, max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def agree(wanted: Said, found: Said) -> bool:
    """The same transition; the facts that the oracle states to nine digits, for a rise and a slope are quotients."""
    facts = {name: found.facts.get(name) for name in wanted.facts}
    same = facts == pytest.approx(wanted.facts, rel=1e-9, abs=1e-9)
    return same and msgspec.structs.replace(found, facts={}) == msgspec.structs.replace(wanted, facts={})


def compare(
    stream: Stream, rules: list[Rule], attributes: dict[str, dict[str, float]], readings: list[Sent]
) -> Driven:
    """Drive both over the same readings, one batch, and compare all they said."""
    oracle = Oracle(stream, rules)
    oracle.attributes = attributes
    for sent in readings:
        oracle.read(sent)
    shard = Driven(stream, Sets(*rules), attributes)
    shard.read(readings)
    found = by_episode(said(alarm) for alarm in shard.alarms if alarm.rule != "stream_silent")
    wanted = by_episode(oracle.said)
    assert found.keys() == wanted.keys()
    for key, told in wanted.items():
        pairs = zip_longest(told, found[key])
        differing = [(w, f) for w, f in pairs if w is None or f is None or not agree(w, f)]
        assert not differing, f"wanted and found: {differing[0]} after {told}"
    assert {**dict.fromkeys(shard.counts, 0), **oracle.counts} == dict(shard.counts)
    return shard


@bounded
@given(rules_of(runs()), things, series())
def test_runs(rule: Rule, attributes: dict[str, dict[str, float]], readings: list[Sent]) -> None:
    """Runs, worsening or not, hold, break and stand as written."""
    compare(stream_of(), [rule], attributes, readings)


@bounded
@given(rules_of(counts()), things, series())
def test_counts(rule: Rule, attributes: dict[str, dict[str, float]], readings: list[Sent]) -> None:
    """Counts of the last so many known readings hold as written."""
    compare(stream_of(), [rule], attributes, readings)


@bounded
@given(rules_of(trends()), things, series())
def test_trends(rule: Rule, attributes: dict[str, dict[str, float]], readings: list[Sent]) -> None:
    """Trends hold by their Theil–Sen rise as written."""
    compare(stream_of(), [rule], attributes, readings)


@bounded
@given(streams, rules_of(windows()), things, series())
def test_windows(
    stream: Stream, rule: Rule, attributes: dict[str, dict[str, float]], readings: list[Sent]
) -> None:
    """Windows of every measure close, raise and clear as written, late readings within the lateness included."""
    compare(stream, [rule], attributes, readings)


@bounded
@given(absences, series())
def test_absences(rule: Rule, readings: list[Sent]) -> None:
    """Absences are raised, lapse and are cleared by the shard's clock and the device's return as written."""
    compare(stream_of(), [rule], {}, readings)


@bounded
@given(
    streams,
    rules_of(st.one_of(runs(), counts(), trends(), windows()), "any"),
    rules_of(windows(), "windows"),
    absences,
    things,
    series(),
)
def test_any_of_several(
    stream: Stream,
    mixed: Rule,
    other: Rule,
    absence: Rule,
    attributes: dict[str, dict[str, float]],
    readings: list[Sent],
) -> None:
    """Rules that mix patterns, beside other rules that move the same ticks, do as written."""
    compare(stream, [mixed, other, absence], attributes, readings)


@bounded
@given(
    narrow_streams,
    rules_of(st.one_of(runs(), counts(), trends(), windows()), "any"),
    rules_of(windows(), "windows"),
    absences,
    things,
    narrow_series(),
)
def test_one_measurement_a_message(
    stream: Stream,
    mixed: Rule,
    other: Rule,
    absence: Rule,
    attributes: dict[str, dict[str, float]],
    readings: list[Sent],
) -> None:
    """In a narrow stream another metric at the device's time is taken, and the same one again is a duplicate."""
    compare(stream, [mixed, other, absence], attributes, readings)
