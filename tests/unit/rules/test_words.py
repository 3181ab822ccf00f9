"""A rule in plain words: nothing of it is left out, and each construct reads as it is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from flows.documents import Mistakes, locate
from flows.expression_nodes import Among, Literal, Name, Node, children
from flows.expressions import Expression, parse
from flows.rules.case import exact
from flows.rules.model import Rule, Until
from flows.rules.phrases import phrase, unless
from flows.rules.reader import read_rule
from flows.rules.words import words
from tests.unit.rules.drawn import RULES
from tests.unit.rules.mistakes import ENDS, TAIL, device_rule, right, surroundings

AROUND = surroundings()
STREAM = AROUND.streams["vehicle"]
DURATIONS = {"max_gap", "after", "every", "ends_silent", "valid_for"}
NOT_TOLD = {"tests", "fingerprint", "reads", "attributes", "file", "team", "mode", "name"}
DURATIONS |= {"within", "rest", "lasts"}
SHARES = {"share": 1.0, "hold_out": 0.0}
VERBS = {
    "open_case": "opens a case",
    "close_case": "closes the case",
    "notify": "writes to",
    "task": "gives a task",
    "offer_appointment": "an appointment with",
    "start_process": "starts the process",
    "suppress": "rest",
    "set_stage": "sets the stage",
}


def told(text: str) -> str:
    """The words of a rule in one text."""
    return "\n".join(words(right(text), STREAM))


def facts(part: Any, field: str = "") -> Iterator[str]:  # noqa: PLR0912 - one branch a kind of part
    """Everything that a rule holds, as it must appear."""
    if field in NOT_TOLD or part is None:
        return
    if isinstance(part, Expression):
        yield from _of_tree(part.tree)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from facts(each, field)
    elif isinstance(part, dict):
        for each in part.values():
            yield from facts(each)
    elif hasattr(part, "__struct_fields__"):
        if hasattr(part, "kind"):
            yield VERBS[part.kind]
        for name in part.__struct_fields__:
            if name not in ("kind", "measure"):
                bound = isinstance(part, Until) and name == "at_most"
                yield from facts(getattr(part, name), "lasts" if bound else name)
    elif isinstance(part, bool) or (field in ("rest", "priority") and part == 0):
        return
    elif field in SHARES:
        yield "" if part == SHARES[field] else f"{100 * part:.10g} %"
    elif field in DURATIONS or (field == "length" and part >= 1000):
        yield exact(part)
    elif isinstance(part, int | float):
        yield f"{abs(part):.10g}"
    else:
        yield str(part)


def _of_tree(node: Node) -> Iterator[str]:
    """The names and literals of an expression."""
    match node:
        case Name():
            yield node.name
        case Literal():
            yield str(node.value) if isinstance(node.value, str) else f"{float(node.value):.10g}"
        case Among():
            yield from (item if isinstance(item, str) else f"{item:.10g}" for item in node.items)
        case _:
            pass
    for below in children(node):
        yield from _of_tree(below)


@settings(max_examples=200, deadline=None)
@given(plain=RULES)
def test_every_name_number_and_action_of_a_rule_is_in_its_words(plain: dict[str, Any]) -> None:
    """Whatever a rule is made of can be read in what is said of it."""
    mistakes = Mistakes()
    rule = read_rule(locate(plain, "f"), AROUND, mistakes)
    assert rule is not None
    assert mistakes.found == []
    text = "\n".join(words(rule, STREAM))
    for fact in facts(rule):
        if fact not in ("one", "1"):
            assert fact in text, fact
    assert text.count("\n  - ") >= sum(len(entries) for entries in rule.do.values())


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("a >= 1 and b <= 2.50", "a ≥ 1 and b ≤ 2.5"),
        ("not (a == 1)", "not (a is 1)"),
        ('mil == "on" or mil != "off"', 'mil is "on" or mil is not "off"'),
        ('mil in ["on", "off"]', 'mil is one of "on", "off"'),
        ("a not in [1, 2]", "a is none of 1, 2"),
        ("(a > 1 or b > 1) and c > 1", "(a > 1 or b > 1) and c > 1"),
        ("a > 1 and b > 1 or c > 1", "(a > 1 and b > 1) or c > 1"),
        ("-a / 2 > min(b, 3) * 4", "-a ÷ 2 > min(b, 3) × 4"),
        ("1 < a < 3", "1 < a < 3"),
        ("True", "true"),
        ('has_open("case", "engine")', "a case about engine is open"),
        ('has_open("case")', "a case is open"),
        ("has_open(event.kind)", "has_open(event.kind)"),
        ('last_action("notify") > 60', "the seconds since the last notify > 60"),
        ("last_action() > 60", "the seconds since anything was done > 60"),
        ("local_hour() >= 22", "the hour where the customer is ≥ 22"),
        ('local_hour("Asia/Tokyo") >= 22', "the hour in Asia/Tokyo ≥ 22"),
    ],
)
def test_a_condition_in_words(condition: str, said: str) -> None:
    """Every kind of node, with parentheses where it would be read otherwise."""
    assert phrase(parse(condition)) == said


def test_a_plain_no_is_said_as_unless() -> None:
    """It is how people say it."""
    assert unless(parse('not has_open("case")')) == "unless a case is open"
    assert unless(parse("a > 1")) == "if a > 1"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            "{run: 10, of: coolant_c >= device.hot_c, worsening: {field: coolant_c, rise: 5}, max_gap: 2m}",
            "Raised when 10 readings in a row of one device have coolant_c ≥ device.hot_c, and coolant_c rises by at "
            "least 5 °C over the last 10 of them, by the Theil–Sen slope over their time. A silence of more than 2m "
            "breaks the run.",
        ),
        ("{run: 1, of: coolant_c > 9}", "Raised when one reading of one device has coolant_c > 9."),
        (
            "{count: 8 of 10, of: coolant_c > 9, max_gap: 10m}",
            "Raised when at least 8 of the last 10 readings of one device have coolant_c > 9. A silence of more than "
            "10m forgets them.",
        ),
        (
            "{trend: battery_v, over: 20, fall: 0.8, of: battery_v < 12.4}",
            "Raised when battery_v falls by at least 0.8 over the last 20 readings of one device, by the Theil–Sen "
            "slope over their time. Only readings count that have battery_v < 12.4; others are passed over.",
        ),
        (
            "{window: 10m, every: 5m, mean: coolant_c, of: value >= 100}",
            "Raised when a window of 10m, begun every 5m, closes with value ≥ 100; the value is the mean of coolant_c.",
        ),
        (
            "{window: 1h, count: mil, of: value < 3}",
            "Raised when a window of 1h closes with value < 3; the value is the number of readings with mil.",
        ),
        ("{absence: 10m}", "Raised when nothing is heard for 10m of a device that was heard before."),
        (
            "{any: [{run: 1, of: coolant_c > 9}, {run: 2, of: battery_v < 9}]}",
            "Raised by the first of these that holds:\n  - one reading of one device has coolant_c > 9.\n"
            "  - 2 readings in a row of one device have battery_v < 9.",
        ),
    ],
)  # fmt: skip
def test_a_pattern_in_words(when: str, said: str) -> None:
    """Each kind of pattern."""
    assert said in told(device_rule(when))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (ENDS, "Cleared when that holds no longer. Lapses after 1h of silence."),
        ("clear: {run: 3, of: coolant_c < 5}\n", "Cleared when 3 readings in a row have coolant_c < 5."),
        ("clear: {of: coolant_c < 5}\n", "Cleared when a reading has coolant_c < 5."),
        (
            f"{ENDS}severity: {{low: {{}}, high: {{when: coolant_c > 99, clear: coolant_c < 50}}}}\n",
            "It is low; high when coolant_c > 99, back when coolant_c < 50.",
        ),
        (f"{ENDS}severity: {{low: {{}}, high: {{when: coolant_c > 99}}}}\n", "high when coolant_c > 99, never back."),
        (f"{ENDS}guard: profile.spent > 7\n", "The owner of the device decides, and acts only if profile.spent > 7."),
        (f"{ENDS}guard: not has_open(\"case\")\n", "decides, and acts unless a case is open."),
        (f"{ENDS}mode: dry_run\n", "It is a dry run: it decides, and does nothing."),
        (f"{ENDS}mode: disabled\n", "It is disabled: it looks at nothing."),
        (ENDS, "Does nothing but say so."),
        (ENDS, "Limits: at most 10 per rule in any 1h."),
        (ENDS, "Tests: none."),
        (
            f"{ENDS}do: {{cleared: [{{close_case: {{about: engine}}, name: shut, valid_for: 1h, "
            "if: profile.spent > 7}]}\n",
            "  - On cleared: closes the case about engine, not later than 1h, if profile.spent > 7 (shut).",
        ),
    ],
)  # fmt: skip
def test_the_rest_of_a_rule_in_words(more: str, said: str) -> None:
    """Severities, ends, guards, modes, actions and limits."""
    assert said in told(device_rule("{run: 3, of: coolant_c > 9}", more))


def test_a_rule_on_events_in_words() -> None:
    """It has no episodes, and its actions come at once."""
    text = told(f"rule: e\nevent: order.placed\ndo: [{{task: {{queue: q, subject: s}}}}]\n{TAIL}")
    assert text.splitlines() == [
        "Is asked at each event order.placed.",
        "The owner decides.",
        "Does:",
        '  - gives a task at q, subject "s".',
        "Limits: at most 10 per rule in any 1h.",
        "Tests: none.",
    ]


WHOLE = """\
rule: w
sequence:
  - {event: cart.updated, as: cart, restart: true}
  - {no: order.placed, where: event.cart == cart.cart, within: 30m}
guard: not profile.has_open("appointment")
share: 5 %
hold_out: 0.125
priority: 3
sensitive: true
look_up: {stock: {from: inventory, key: cart.sku, within: 5s}}
do:
  - choose:
      - name: full
        if: stock.available > 0
        do:
          - start_process: {process: hold, order: "{cart.cart}"}
            then:
              - {outcome: [accepted, done], after: 1d, if: profile.spent > 1, do: [{set_stage: {stage: keen, for: 7d}}]}
              - {after: 2d, unless: {event: order.placed}, do: []}
      - name: empty
        do:
          - suppress: {purposes: [service], until: {any: [{event: a.b}, {event: c.d}], rest: 1d, at_most: 9d}}
          - offer_appointment: {purpose: service, with: dealer, reserve: {what: car, if: profile.spent > 9}}
"""


def test_all_that_customers_rules_say_in_words() -> None:
    """What lies in something else stands further to the right, in the order in which it is asked."""
    assert told(WHOLE + TAIL).splitlines() == [
        "It is for 5 % of the customers. Of these 12.5 % are decided, and nothing is done. It is sensitive: what it "
        "says is masked. Is asked when these have come in order:",
        "  - cart.updated, called cart; another begins anew.",
        "  - then no order.placed with event.cart is cart.cart within 30m.",
        "Asks inventory about cart.sku, for 5s; the answer is stock.",
        "The owner decides, and acts unless an appointment is open.",
        "Where messages compete for a budget it has priority 3.",
        "Does:",
        "  - the first of these that holds:",
        "    - full, if stock.available > 0:",
        '      - starts the process hold, order "{cart.cart}".',
        "        - once accepted or done, 1d later, if profile.spent > 1:",
        "          - sets the stage keen for 7d.",
        "        - 2d later, unless order.placed comes before: nothing",
        "    - empty, else:",
        "      - lets service rest until 1d after a.b or c.d, for at most 9d.",
        "      - offers the owner an appointment with the dealer for service, reserving car if profile.spent > 9.",
        "Limits: at most 10 per rule in any 1h.",
        "Tests: none.",
    ]


def test_without_a_stream_there_are_no_units() -> None:
    """A published rule can be told though its stream is gone."""
    rule: Rule = right(device_rule("{trend: coolant_c, over: 20, rise: 5}"))
    assert "coolant_c rises by at least 5 over" in " ".join(words(rule))
