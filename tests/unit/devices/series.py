"""Random rules and random series for the property tests: parameters small enough that everything happens often."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import strategies as st

from flows.expressions import Expression, parse
from flows.rules.model import (
    Absence,
    Clear,
    Count,
    Measure,
    Pattern,
    Rule,
    Run,
    Severity,
    Trend,
    Window,
    Worsening,
)
from flows.streams import Field, Stream
from tests.unit.devices.oracle import Sent

START = 1_700_000_000_000
SECOND = 1_000
FIELDS = ("heat", "load")
DEVICES = ("a", "b", "c")
CONDITIONS = (
    "heat >= 2", "heat >= device.hot", "heat < 1", "load > heat", "heat >= 1 and load >= 1",
    "heat >= 2 or load >= 3", "not load >= 1", "heat - load > device.hot / 2",
)  # fmt: skip


def stream_of(lateness: int = 0) -> Stream:
    """Two measurements and one device attribute."""
    return Stream(
        name="machine", topic="telemetry", key="device", time="at", lateness=lateness, max_ahead=300 * SECOND,
        fields=tuple(Field(name=name, type="float") for name in FIELDS),
        attributes=(Field(name="hot", type="float"),),
    )  # fmt: skip


def narrow(lateness: int = 0) -> Stream:
    """The same, one measurement a message."""
    return msgspec.structs.replace(stream_of(lateness), shape="narrow", metric="name", value="value")


streams = st.sampled_from([0, 0, 20, 60]).map(lambda seconds: stream_of(seconds * SECOND))
narrow_streams = st.sampled_from([0, 20, 60, 600]).map(lambda seconds: narrow(seconds * SECOND))
conditions: st.SearchStrategy[Expression] = st.sampled_from(CONDITIONS).map(parse)
gaps = st.none() | st.sampled_from([20, 40, 90]).map(lambda seconds: seconds * SECOND)
rises = st.sampled_from([0.25, 0.5, 1.0, 2.0, -0.5, -1.0])


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Runs, half of them worsening."""
    length = draw(st.integers(1, 5))
    worsening = None
    if length > 1 and draw(st.booleans()):
        worsening = Worsening(
            field=draw(st.sampled_from(FIELDS)), rise=draw(rises), over=draw(st.integers(2, length))
        )
    return Run(length=length, of=draw(conditions), worsening=worsening, max_gap=draw(gaps))


@st.composite
def counts(draw: st.DrawFn) -> Count:
    """Counts of up to the widest there is."""
    out_of = draw(st.integers(1, 7) | st.sampled_from([63, 64]))
    return Count(
        count=draw(st.integers(1, min(out_of, 5))), out_of=out_of, of=draw(conditions), max_gap=draw(gaps)
    )


@st.composite
def trends(draw: st.DrawFn) -> Trend:
    """Trends up and down, with and without a condition."""
    return Trend(
        field=draw(st.sampled_from(FIELDS)),
        over=draw(st.integers(2, 6)),
        rise=draw(rises),
        of=draw(st.none() | conditions),
        max_gap=draw(gaps),
    )


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Tumbling and hopping windows of every measure."""
    every = draw(st.sampled_from([10, 30, 60])) * SECOND
    measure: Measure = draw(st.sampled_from(["count", "sum", "mean", "min", "max", "last", "slope"]))
    limit = {"count": 2, "sum": 4, "slope": 7.3}.get(measure, 1.75)
    symbol = draw(st.sampled_from([">=", ">", "<"]))
    text = draw(st.sampled_from([f"value {symbol} {limit}", "value >= device.hot"]))
    return Window(
        length=every * draw(st.integers(1, 4)),
        every=every,
        measure=measure,
        field=None if measure == "count" and draw(st.booleans()) else draw(st.sampled_from(FIELDS)),
        of=parse(text),
    )


@st.composite
def severities(draw: st.DrawFn) -> tuple[Severity, ...]:
    """None to three severities, lowest first, with and without a way back."""
    names = ("low", "middle", "high")[: draw(st.integers(0, 3))]
    return tuple(
        Severity(
            name=name,
            when=draw(conditions) if i else None,
            clear=draw(st.none() | conditions) if i else None,
        )
        for i, name in enumerate(names)
    )


def rules_of(patterns: st.SearchStrategy[Pattern], name: str = "r") -> st.SearchStrategy[Rule]:
    """Rules of one to three patterns."""
    return st.builds(
        Rule,
        name=st.just(name),
        stream=st.just("machine"),
        patterns=st.lists(patterns, min_size=1, max_size=3).map(tuple),
        severities=severities(),
        clear=st.none() | st.builds(Clear, run=st.integers(1, 3), of=conditions),
        ends_silent=st.none() | st.sampled_from([30, 90, 600]).map(lambda seconds: seconds * SECOND),
        reads=st.just(FIELDS),
        attributes=st.just(("hot",)),
        fingerprint=st.just(name),
    )


absences = st.builds(
    Rule,
    name=st.just("absent"),
    stream=st.just("machine"),
    patterns=st.sampled_from([40, 120]).map(lambda seconds: (Absence(after=seconds * SECOND),)),
    severities=st.sampled_from([(), (Severity(name="low"), Severity(name="high", when=parse("heat >= 2")))]),
    ends_silent=st.none() | st.sampled_from([150, 300]).map(lambda seconds: seconds * SECOND),
    reads=st.just(FIELDS),
    fingerprint=st.just("absent"),
)

things = st.dictionaries(
    st.sampled_from(DEVICES), st.fixed_dictionaries({"hot": st.integers(4, 10).map(lambda q: q / 4)})
)
# Ten seconds mostly, so that exact thresholds and edges of windows are met; now and then anything else.
STEPS = (10,) * 24 + (5, 20, 30, 0, 0, 0.25, 1.5, 45, 95, -10, -10, -20, -30, -60, 700)
AHEAD = (1,) * 20 + (0, 40, 200, -200, -299, -300, -301, -400)


def _values(random: Random, before: dict[str, float]) -> dict[str, float | None]:
    """Values that wander by quarters, so that runs and trends come about; one in twelve is missing."""
    for name in FIELDS:
        before[name] = min(max(before[name] + random.choice((-0.5, -0.25, 0, 0.25, 0.25, 0.5, 0.75)), 0), 3.5)
        if random.random() < 0.06:
            before[name] = random.randrange(15) / 4
    return {name: None if random.random() < 1 / 12 else before[name] for name in FIELDS}


def readings_of(seed: int, length: int) -> list[Sent]:
    """Readings of a few devices in the order of their partition, with append times; of a seed, shorter is a prefix."""
    random = Random(seed)
    clocks = dict.fromkeys(DEVICES, START)
    values = {device: dict.fromkeys(FIELDS, 1.0) for device in DEVICES}
    devices = random.choice((DEVICES, DEVICES, DEVICES[:1]))
    found: list[Sent] = []
    for _ in range(length):
        device = random.choice(devices)
        at = clocks[device] + int(random.choice(STEPS) * SECOND)
        appended = at + random.choice(AHEAD) * SECOND
        if at <= appended + 300 * SECOND:
            clocks[device] = max(clocks[device], at)
        found.append(Sent(device, at, appended, _values(random, values[device])))
    return found


def series(longest: int = 160) -> st.SearchStrategy[list[Sent]]:
    """Random series; a failing one shrinks to its shortest failing prefix."""
    return st.builds(readings_of, st.integers(0, 1 << 32), st.integers(longest // 2, longest))


def narrow_of(seed: int, length: int) -> list[Sent]:
    """The same readings one measurement a message, now and then one again, late, or of a metric nobody declared."""
    random = Random(seed)
    found: list[Sent] = []
    for sent in readings_of(seed, length):
        for name in random.sample(FIELDS, len(FIELDS)):
            values = {**dict.fromkeys(FIELDS), name: sent.values[name]}
            found.append(Sent(sent.device, sent.at, sent.appended, values, name))
        if random.random() < 0.1:
            found.append(Sent(sent.device, sent.at, sent.appended, dict.fromkeys(FIELDS), "colour"))
        if random.random() < 0.2:
            again = random.choice(found[-24:])
            found.append(again)
        if random.random() < 0.1:
            held = found.pop(random.randrange(len(found)))
            found.append(held)
    return found


def narrow_series(longest: int = 160) -> st.SearchStrategy[list[Sent]]:
    """Random series of single measurements."""
    return st.builds(narrow_of, st.integers(0, 1 << 32), st.integers(longest // 2, longest))
