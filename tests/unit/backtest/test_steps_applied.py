"""Rules' own tests and backtests see what the team's `readings` step makes of readings, as the flow does."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.archives.batches import read_batches
from flows.backtest import archive, cases
from flows.rules.load import Configuration, load_configuration
from flows.rules.testing import run_tests
from flows.settings import Settings
from flows.steps import NO_STEPS, Steps, load_steps

STREAMS = """
streams:
  charger:
    topic: chargers
    key: charger
    time: at
    fields:
      voltage_v: {type: float}
      current_a: {type: float}
      power_kw: {type: float, derived: true}
"""
RULE = """
rule: strong
about: Two strong readings in a row.
team: fleet
stream: charger
customer: owner
when: {run: 2, of: power_kw >= 20}
clear: {run: 1, of: power_kw < 20}
ends: {silent: 6h}
do: {raised: [{task: {queue: fleet, subject: "{device}"}}]}
limits: [{per: rule, at_most: 100, every: 1h}]
explain: "{device}"
tests:
  - name: strong is volts times amperes
    interval: 10s
    given: {roles: {owner: olga}}
    readings: {voltage_v: "400x3", current_a: "10 60 60"}
    expect: [{at: 20s, raised: true, do: [task]}]
"""
STEPS = """
def readings(columns):
    return columns.replace(power_kw=columns.values["voltage_v"] * columns.values["current_a"] / 1000)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A stream whose power only a step knows, and a rule on it with a test."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "streams.yaml").write_text(STREAMS)
    (tmp_path / "rules" / "strong.yaml").write_text(RULE)
    (tmp_path / "steps.py").write_text(STEPS)
    return Settings(folder=str(tmp_path), steps="steps.py")


def alarms(found: Configuration, steps: Steps, lines: Path) -> list[str]:
    """The transitions of a backtest."""
    rules = found.rule_set("default")
    side = archive.Backtest(rules, "charger", steps=steps)
    return [a.transition for b in read_batches(lines, rules.streams["charger"]) for a in side.take(b)]


def test_a_rules_own_test_passes_with_the_step_alone(settings: Settings) -> None:
    """Without it the field is missing, and nothing is raised."""
    found = load_configuration(settings)
    passed = [
        [r.passed for r in run_tests(found.rules, found.streams, cases.Backtest(found.rule_set("t"), steps))]
        for steps in (load_steps(settings), NO_STEPS)
    ]
    assert passed == [[True], [False]]


def test_a_backtest_applies_the_step(settings: Settings, tmp_path: Path) -> None:
    """To an archive of what devices sent."""
    found = load_configuration(settings)
    lines = tmp_path / "a.csv"
    lines.write_text("charger,at,voltage_v,current_a\n" + "".join(f"c,{n}000,400,60\n" for n in range(1, 4)))
    assert alarms(found, load_steps(settings), lines) == ["raised"]
    assert alarms(found, NO_STEPS, lines) == []
