"""Rules against what streams and events declare: narrow streams, positions, event types and their fields."""

from __future__ import annotations

from typing import Any

import pytest

from flows.errors import RulesWrong
from flows.rules.load import Configuration, Documents, compile_documents

STREAMS = {
    "sensor": {
        "topic": "sensors", "key": "id", "time": "t", "shape": "narrow", "metric": "m", "value": "v",
        "fields": {
            "heat": {"type": "float"}, "load": {"type": "float"}, "power": {"type": "float", "derived": True}
        },
        "attributes": {"hot": {"type": "float"}},
    },
    "car": {
        "topic": "cars", "key": "id", "time": "t", "position": {"latitude": "gps.lat", "longitude": "gps.lon"},
        "fields": {"heat": {"type": "float", "from": "engine.heat"}},
    },
}  # fmt: skip
EVENTS = {
    "order.placed": {
        "identifiers": {"email": "email"},
        "fields": {"amount": {"type": "float"}, "channel": {"type": "enum", "values": ["web", "shop"]}},
    },
    "click": {},
}
LIMITS = [{"per": "rule", "at_most": 1, "every": "1h"}]


def load(rule: dict[str, Any], events: dict[str, Any] | None = None, profile: Any = None) -> Configuration:
    """A configuration with one rule."""
    streams = {"streams": STREAMS} if events is None else {"streams": STREAMS, "events": events}
    rules = {"r.yaml": {"rule": "r", "limits": LIMITS, **rule}}
    return compile_documents(
        Documents(streams=streams, rules=rules, purposes={"purposes": {}}, profile={"values": profile or {}})
    )


def refused(rule: dict[str, Any], events: dict[str, Any] | None = None, profile: Any = None) -> list[str]:
    """The mistakes of such a configuration."""
    with pytest.raises(RulesWrong) as error:
        load(rule, events, profile)
    return [str(finding) for finding in error.value.findings]


def on(stream: str, when: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A rule on readings."""
    return {"stream": stream, "when": when, "ends": {"silent": "1h"}, **more}


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        (on("sensor", {"run": 2, "of": "heat > 2 and load > 3"}), "when.of"),
        (on("sensor", {"count": "2 of 3", "of": "heat > load"}), "when.of"),
        (
            on("sensor", {"run": 2, "of": "heat > 2", "worsening": {"field": "load", "rise": 1}}),
            "when.worsening",
        ),
        (on("sensor", {"trend": "heat", "over": 5, "rise": 1, "of": "load > 2"}), "when"),
        (
            on("sensor", {"run": 2, "of": "heat > 2"}, clear={"run": 1, "of": "heat < 1 or load < 1"}),
            "clear.of",
        ),
        (on("sensor", {"run": 2, "of": "heat > 2"}, guard="heat > 2 and load > 2"), "guard"),
    ],
)
def test_a_condition_on_a_narrow_stream_reads_one_measurement(rule: dict[str, Any], where: str) -> None:
    """Of two, one would always be missing."""
    (finding,) = refused(rule)
    assert f": {where}: 'heat' and 'load' never come in one message" in finding


@pytest.mark.parametrize(
    "rule",
    [
        on("sensor", {"run": 2, "of": "heat > device.hot", "worsening": {"field": "heat", "rise": 1}}),
        on("sensor", {"trend": "heat", "over": 5, "rise": 1, "of": "heat > 2 and power > 1"}),
        on("sensor", {"any": [{"run": 2, "of": "heat > 2"}, {"run": 2, "of": "load > 2"}]}),
        on("sensor", {"run": 2, "of": "heat > 2"}, clear={"run": 1, "of": "load < 1"}),
        on("sensor", {"window": "1m", "mean": "heat", "of": "value > device.hot"}),
    ],
)
def test_each_condition_may_read_another(rule: dict[str, Any]) -> None:
    """Attributes and what steps derive may stand beside a measurement."""
    assert load(rule).rules[0].stream == "sensor"


def test_a_distance_reads_the_position() -> None:
    """Its two columns, whether the rule names them or not."""
    rule = load(on("car", {"run": 2, "of": "heat > 2 and distance_km(48.1, 11.6) < 5"})).rules[0]
    assert rule.reads == ("heat", "latitude", "longitude")
    assert load(on("car", {"run": 2, "of": "latitude > 48"}, guard="distance_km(48.1, 11.6) < 5")).rules


def test_a_distance_needs_a_position() -> None:
    """Of a stream without one it can only be between two points."""
    (finding,) = refused(on("sensor", {"run": 2, "of": "distance_km(48.1, 11.6) < 5"}))
    assert "the stream 'sensor' has no position to measure from" in finding
    (finding,) = refused(on("car", {"run": 2, "of": "distance_km(1, 2, 3) < 5"}))
    assert "2 or 4 arguments" in finding


def on_event(event: str, **more: Any) -> dict[str, Any]:
    """A rule on an event."""
    return {"event": event, "do": [{"open_case": {"about": "x"}}], **more}


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (
            on_event("order.place"),
            "r.yaml: event: the event 'order.place' is not declared. Did you mean 'order.placed'?",
        ),
        (on_event("order.placed", guard="event.amont > 5"), "Did you mean 'event.amount'?"),
        (on_event("order.placed", guard='event.channel == "shp"'), "Did you mean 'shop'?"),
        (
            on_event("order.placed", do=[{"open_case": {"about": "x", "subject": "{event.amont}"}}]),
            "'event.amount'",
        ),
    ],
)
def test_a_rule_names_declared_events_and_their_fields(rule: dict[str, Any], part: str) -> None:
    """What is not declared is told with what may be meant."""
    (finding,) = refused(rule, EVENTS)
    assert part in finding


def test_without_a_declaration_nothing_of_events_is_checked() -> None:
    """Neither their types nor their fields; and of a type that declares none, no fields."""
    assert load(on_event("order.place", guard="event.amont > 5")).events == {}
    assert load(on_event("click", guard="event.anything > 5"), EVENTS).rules[0].event == "click"


@pytest.mark.parametrize(
    ("aggregate", "part"),
    [
        ({"event": "order.plced", "take": "count"}, "Did you mean 'order.placed'?"),
        ({"event": "order.placed", "take": "sum", "field": "amont"}, "Did you mean 'amount'?"),
    ],
)
def test_the_profile_names_declared_events_too(aggregate: dict[str, str], part: str) -> None:
    """Its aggregates are over events and their fields."""
    (finding,) = refused(on_event("click"), EVENTS, {"spent": aggregate})
    assert part in finding


def test_events_travel_with_the_rule_set() -> None:
    """What was published is compiled again with them, and changing them changes the set."""
    found = load(on_event("click"), EVENTS)
    again = compile_documents(found.documents, "rules/t/1/")
    assert again.rule_set("t").events == found.events == found.rule_set("t").events
    assert list(found.events) == ["order.placed", "click"]
    fewer = load(on_event("click"), {"click": {}})
    assert fewer.documents.fingerprint() != found.documents.fingerprint()
