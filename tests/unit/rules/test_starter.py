"""The configuration that a new project begins with."""

from __future__ import annotations

from pathlib import Path

from flows.rules.load import Configuration, load_configuration
from flows.settings import load_settings

STARTER = Path(__file__).parents[3] / "flows" / "starter"


def starter() -> Configuration:
    """The starter as it is shipped."""
    return load_configuration(load_settings(STARTER / "telltale.toml", {}))


def test_the_starter_has_no_mistakes() -> None:
    """Its rules are those that the simulator plants truths for, and those of the stories of customers."""
    devices = ["battery-decline", "check-engine", "engine-overheating", "vehicle-silent"]
    people = [
        *(
            "abandoned-cart",
            "bereavement",
            "case-resolved",
            "complaint",
            "complaint-quiet",
            "damaged-shipment",
        ),
        *("engagement", "graduation", "new-address", "unhappy-post"),
    ]
    found = starter().rules
    assert [rule.name for rule in found] == sorted([*devices, *people])
    assert [rule.name for rule in found if rule.stream is not None] == devices


def test_every_starter_rule_says_what_it_is_for_and_has_tests() -> None:
    """It is what people copy from."""
    for rule in starter().rules:
        assert rule.about, rule.name
        assert len(rule.tests) >= 2, rule.name
        assert any(limit.per == "rule" for limit in rule.limits), rule.name


def test_only_overheating_may_speak_of_safety() -> None:
    """A purpose that skips quiet hours is kept for what deserves it."""
    assert starter().purposes["safety"].rules == ("engine-overheating",)
