"""What publishing would change, told by name and part."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.rules.difference import difference
from flows.rules.load import Documents
from tests.unit.rules.drawn import RULES
from tests.unit.rules.test_starter import starter

_WHOLE = starter().documents
# Without what some of the changes add.
DOCUMENTS = msgspec.structs.replace(
    _WHOLE,
    streams={"streams": _WHOLE.streams["streams"]},
    purposes={"purposes": _WHOLE.purposes["purposes"]},
    look_ups={},
    identity={},
)
PLAIN = {name: getattr(DOCUMENTS, name) for name in DOCUMENTS.__struct_fields__}


def told(change: Any) -> list[str]:
    """The lines of a change to a copy of the starter's documents."""
    plain = copy.deepcopy(PLAIN)
    change(plain)
    return [str(each) for each in difference(DOCUMENTS, Documents(**plain))]


def put(path: str, value: Any) -> Any:
    """A change that puts a value at a path of names divided by slashes; None removes what is there."""

    def change(plain: dict[str, Any]) -> None:
        *above, last = path.split("/")
        for name in above:
            plain = plain[name]
        if value is None:
            del plain[last]
        else:
            plain[last] = value

    return change


HOT = "rules/engine-overheating.yaml"


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (f"{HOT}/when/run", 12, ["~ rule engine-overheating: when.run 10 → 12"]),
        (f"{HOT}/mode", "dry_run", ["~ rule engine-overheating: mode live → dry_run"]),
        (f"{HOT}/guard", "True", ["~ rule engine-overheating: guard added"]),
        (f"{HOT}/clear", None, ["~ rule engine-overheating: clear removed"]),
        (f"{HOT}/tests", [], ["~ rule engine-overheating: tests"]),
        (f"{HOT}/do/cleared", [], ["~ rule engine-overheating: do.cleared"]),
        (f"{HOT}/explain", "x" * 99, ["~ rule engine-overheating: explain"]),
        (HOT, None, ["- rule engine-overheating"]),
        ("rules/new.yaml", {"rule": "new"}, ["+ rule new"]),
        ("streams/streams/vehicle/lateness", "1m", ["~ stream vehicle: lateness 30s → 1m"]),
        ("streams/streams/bus", {}, ["+ stream bus"]),
        ("streams/events", {"order.placed": None}, ["+ event order.placed"]),
        ("purposes/purposes/service/lane", "bulk", ["~ purpose service: lane normal → bulk"]),
        ("purposes/budgets", {"news": {"at_most": 2, "every": "7d"}}, ["+ budget news"]),
        ("look_ups", {"look_ups": {"stock": {}}}, ["+ look-up stock"]),
        ("profile/places", {"workshop": {}}, ["+ place workshop"]),
        ("profile/position", {"stream": "vehicle", "every": "10m"}, ["+ profile position"]),
        ("identity", {"match": ["email"]}, ["+ identity match"]),
        ("profile/values/orders", None, ["- value orders"]),
        ("profile/values/orders/take", True, ["~ value orders: take count → true"]),
    ],
)
def test_each_change_is_one_line(path, value, lines) -> None:
    """What kind of thing, its name, and what of it, with both values where they are short."""
    assert told(put(path, value)) == lines


def test_the_order_of_severities_is_a_change() -> None:
    """They stand lowest first."""
    plain = PLAIN["rules"]["engine-overheating.yaml"]["severity"]
    turned = dict(reversed(plain.items()))
    assert told(put(f"{HOT}/severity", turned)) == ["~ rule engine-overheating: the order of severity"]


def test_a_file_that_is_called_otherwise_changes_nothing() -> None:
    """A rule is known by its name."""

    def rename(plain: dict[str, Any]) -> None:
        plain["rules"] = {f"a-{file}": rule for file, rule in plain["rules"].items()}

    assert told(rename) == []


def test_the_first_set_adds_everything() -> None:
    """Nothing is in force before it."""
    nothing = Documents(streams={}, rules={}, purposes={}, profile={})
    lines = [str(each) for each in difference(nothing, DOCUMENTS)]
    assert all(line.startswith("+ ") for line in lines)
    assert {"+ rule complaint", "+ stream vehicle", "+ purpose safety", "+ value orders"} <= set(lines)


@settings(max_examples=100, deadline=None)
@given(old=RULES, new=RULES)
def test_two_rules_differ_when_they_say_otherwise_and_each_part_that_differs_is_named(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    """Against the plain comparison of their fields."""
    found = difference(
        *(Documents(streams={}, rules={"f": each}, purposes={}, profile={}) for each in (old, new))
    )
    same = msgspec.json.encode(old) == msgspec.json.encode(new)
    assert len(found) == (0 if same else 1)
    wrong = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    named = {part.split(" ")[0].split(".")[0] for each in found for part in each.parts}
    assert wrong <= named


@given(st.sampled_from(sorted(PLAIN["rules"])))
def test_nothing_differs_from_itself(file: str) -> None:
    """Whatever the order of the files."""
    turned = {file: PLAIN["rules"][file], **PLAIN["rules"]}
    assert told(put("rules", turned)) == []
