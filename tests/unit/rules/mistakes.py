"""A small configuration that is right, and the mistakes of one that is not."""

from __future__ import annotations

from textwrap import dedent

from flows.documents import Mistakes, read_text
from flows.errors import Finding
from flows.rules.declarations import read_budgets, read_purposes
from flows.rules.model import LookUpSource, Rule
from flows.rules.profile_files import read_profile
from flows.rules.reader import Surroundings, read_rule
from flows.stream_files import read_streams

STREAMS = """
streams:
  vehicle:
    topic: telemetry
    key: device
    time: at
    fields:
      coolant_c: {type: float, unit: °C, range: [-60, 200]}
      battery_v: {type: float}
      door_open: {type: bool}
      mil: {type: enum, values: [off, on]}
      note: {type: text}
    attributes:
      hot_c: {type: float}
      model: {type: enum, values: [m1, m2]}
"""
PURPOSES = """
purposes:
  safety: {lane: urgent, rules: [hot]}
  service: {}
  marketing.cart: {consent: marketing, budget: news}
budgets: {news: {at_most: 2, every: 7d, window: 10m}}
"""
LOOK_UPS = {"inventory": LookUpSource(name="inventory", fields=("available", "place"))}
PROFILE = "values: {spent: {event: order.placed, take: sum, field: amount}}"
HEAD = "rule: r\nstream: vehicle\n"
TAIL = "limits: [{per: rule, at_most: 10, every: 1h}]\n"
ENDS = "ends: {silent: 1h}\n"


def surroundings() -> Surroundings:
    """What the rules of these tests may refer to."""
    mistakes = Mistakes()
    documents = [read_text(text, "f", mistakes) for text in (STREAMS, PURPOSES, PROFILE)]
    streams, purposes, profile = (document for document in documents if document is not None)
    found = Surroundings(
        read_streams(streams, mistakes),
        read_purposes(purposes, mistakes),
        read_profile(profile, mistakes).values,
        look_ups=LOOK_UPS,
        budgets=read_budgets(purposes, mistakes),
    )
    mistakes.raise_any()
    return found


def read(text: str) -> tuple[Rule | None, list[Finding]]:
    """A rule with all its mistakes, sorted."""
    mistakes = Mistakes()
    document = read_text(dedent(text), "rule.yaml", mistakes)
    rule = None if document is None else read_rule(document, surroundings(), mistakes)
    return rule, sorted(mistakes.found)


def right(text: str) -> Rule:
    """A rule that has no mistakes."""
    rule, found = read(text)
    assert [str(finding) for finding in found] == []
    assert rule is not None
    return rule


def device_rule(when: str, more: str = ENDS) -> str:
    """The text of a rule on readings with a pattern."""
    return f"{HEAD}when: {when}\n{more}{TAIL}"
