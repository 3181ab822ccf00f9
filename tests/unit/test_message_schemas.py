"""The messages on topics only ever grow: what was written can still be read, and what was read is still there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from flows.message_schemas import messages, topics_schema
from flows.schema import Alarm, Evidence, Point, encode
from tests.unit.growth import narrowed

COMMITTED = Path(__file__).parents[2] / "flows" / "reference" / "topics.schema.json"
MEND = "telltale schema topics > flows/reference/topics.schema.json"


def committed() -> dict[str, Any]:
    """The schema as it is kept."""
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def bare(plain: Any) -> Any:
    """A schema without what is only said."""
    if isinstance(plain, list):
        return [bare(each) for each in plain]
    if isinstance(plain, dict):
        # A field of a message may be called `description`: below `properties` every key counts.
        return {
            key: {name: bare(below) for name, below in value.items()} if key == "properties" else bare(value)
            for key, value in plain.items()
            if key not in ("description", "title")
        }
    return plain


def test_the_messages_have_only_grown() -> None:
    """No struct, field or word of a list is gone, no type narrower, no field newly required."""
    assert narrowed(committed(), topics_schema()) == []


def test_what_was_added_is_kept() -> None:
    """Else the next change could take it away again unseen; what is only said may differ."""
    assert bare(committed()) == bare(topics_schema()), f"Run `{MEND}`, and look at what it removes."


def test_every_message_is_in_it() -> None:
    """By its name, and a real message is valid."""
    schema = topics_schema()
    Draft202012Validator.check_schema(schema)
    assert {kind.__name__ for kind in messages()} == set(schema["$defs"])
    alarm = Alarm(
        id="a", episode="e", number=1, tenant="t", rule="r", rule_set=1, stream="s", device="d",
        transition="raised", at=1, opened_at=1, partition=0, evidence=Evidence(points=(Point(1, 2.5),)),
    )  # fmt: skip
    validator = Draft202012Validator({**schema, "$ref": "#/$defs/Alarm"})
    plain = json.loads(encode(alarm))
    assert validator.is_valid(plain)
    assert not validator.is_valid({**plain, "transition": "risen"})


class Inner(msgspec.Struct, array_like=True):
    """A struct written as a list."""

    at: int
    value: float | None


class Other(msgspec.Struct):
    """Another struct."""

    x: int


DEFAULTS: dict[str, Any] = {"many": (), "named": {}, "free": None}


def schema_of(fields: dict[str, tuple[Any, Any]], *more: type) -> dict[str, Any]:
    """The schema of a message with these fields: a type, and a default or `msgspec.NODEFAULT`."""
    listed = [
        (name, kind) if default is msgspec.NODEFAULT else (name, kind, default)
        for name, (kind, default) in fields.items()
    ]
    kind = msgspec.defstruct("Message", listed, kw_only=True)
    _, components = msgspec.json.schema_components([kind, *more], ref_template="#/$defs/{name}")
    return {"$defs": components}


def fields() -> dict[str, tuple[Any, Any]]:
    """The fields of the message."""
    kinds = {
        "number": int, "ratio": float, "word": Literal["a", "b"], "maybe": str | None, "mixed": int | str,
        "inner": Inner, "below": Other, "many": tuple[int | None, ...], "named": dict[str, int | str], "free": Any,
    }  # fmt: skip
    return {name: (kind, DEFAULTS.get(name, msgspec.NODEFAULT)) for name, kind in kinds.items()}


OLD = schema_of(fields(), Other)
Shorter = msgspec.defstruct("Inner", [("at", int)], array_like=True)
Stricter = msgspec.defstruct("Inner", [("at", int), ("value", float)], array_like=True)
Longer = msgspec.defstruct("Inner", [("at", int), ("value", float | None), ("why", str, "")], array_like=True)
Needing = msgspec.defstruct("Inner", [("at", int), ("value", float | None), ("why", str)], array_like=True)
Emptied = msgspec.defstruct("Other", [("y", int, 0)])


@pytest.mark.parametrize(
    ("name", "kind", "lost"),
    [
        ("number", str, ["Message.number: was integer"]),
        ("number", Annotated[int, msgspec.Meta(ge=0)], ["Message.number: minimum 0"]),
        ("ratio", int, ["Message.ratio: was number"]),
        ("word", Literal["a", "c"], ["Message.word: 'b' removed"]),
        ("maybe", str, ["Message.maybe: was null"]),
        ("maybe", Literal["x", None], ["Message.maybe: is one of a list now"]),
        ("maybe", Annotated[str, msgspec.Meta(max_length=3)] | None, ["Message.maybe: maxLength 3"]),
        ("maybe", Annotated[str, msgspec.Meta(pattern="^a")] | None, ["Message.maybe: pattern ^a"]),
        ("mixed", str, ["Message.mixed: was integer"]),
        ("inner", Shorter, ["Inner[1]: removed"]),
        ("inner", Stricter, ["Inner[1]: was null"]),
        ("inner", Needing, ["Inner: minItems 3"]),
        ("below", Inner, ["Message.below: was Other"]),
        ("below", Emptied, ["Other.x: removed"]),
        ("many", tuple[int, ...], ["Message.many[]: was null"]),
        ("named", dict[str, int], ["Message.named.*: was string"]),
        ("free", str, ["Message.free: could be anything"]),
    ],
)
def test_each_way_to_take_something_away_is_caught(name: str, kind: Any, lost: list[str]) -> None:
    """Where, and what it was."""
    changed = {**fields(), name: (kind, DEFAULTS.get(name, msgspec.NODEFAULT))}
    more = () if kind is Emptied else (Other,)
    found = narrowed(OLD, schema_of(changed, *more))
    assert set(lost) <= set(found)
    assert found


def test_a_removed_struct_and_field_and_a_field_newly_required_are_caught() -> None:
    """The three that a test of single fields does not show."""
    without = {name: field for name, field in fields().items() if name != "ratio"}
    assert narrowed(OLD, schema_of(without, Other)) == ["Message.ratio: removed"]
    needed = {**fields(), "many": (tuple[int | None, ...], msgspec.NODEFAULT)}
    assert narrowed(OLD, schema_of(needed, Other)) == ["Message.many: newly required"]
    added = {**fields(), "new": (int, msgspec.NODEFAULT)}
    assert narrowed(OLD, schema_of(added, Other)) == ["Message.new: newly required"]
    gone = {"$defs": {name: struct for name, struct in OLD["$defs"].items() if name != "Other"}}
    assert narrowed(OLD, gone) == ["Other: removed"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("number", float),
        ("number", int | None),
        ("word", Literal["a", "b", "c"]),
        ("maybe", str | int | None),
        ("mixed", Any),
        ("inner", Longer),
        ("many", tuple[int | str | None, ...]),
    ],
)
def test_what_only_widens_is_no_loss(name: str, kind: Any) -> None:
    """All that was readable still is."""
    changed = {**fields(), name: (kind, DEFAULTS.get(name, msgspec.NODEFAULT))}
    assert narrowed(OLD, schema_of(changed, Other)) == []


KINDS = st.sampled_from(
    [int, float, str, bool, int | None, str | None, int | str, Any, Literal["a"], Literal["a", "b"],
     tuple[int, ...], tuple[float | None, ...], dict[str, int], dict[str, Any]]
)  # fmt: skip
VALUES: list[Any] = [0, 1.5, "a", "b", "c", True, None, [], [1], [1.5], [None], {}, {"x": 1}, {"x": "y"}]


@given(old=KINDS, new=KINDS)
def test_what_is_lost_is_what_cannot_be_read_any_more(old: Any, new: Any) -> None:
    """Against a validator: a value that only the old schema takes means a loss, and a loss has such a value."""
    schemas = [schema_of({"f": (kind, msgspec.NODEFAULT)}) for kind in (old, new)]
    before, after = (Draft202012Validator({**each, "$ref": "#/$defs/Message"}) for each in schemas)
    lost = [value for value in VALUES if before.is_valid({"f": value}) and not after.is_valid({"f": value})]
    assert bool(narrowed(*schemas)) == bool(lost)
