"""The JSON Schema of a rule's own tests."""

from __future__ import annotations

from flows.rules.action_kinds import FIELDS, TRANSITIONS
from flows.rules.case import UNKNOWN
from flows.rules.cases import MAX_CASES, STATUSES
from flows.rules.expectations import UNSEEN
from flows.rules.possible import REFUSALS
from flows.rules.schema_parts import (
    TIMES,
    Schema,
    dashed,
    duration,
    listed,
    mapping,
    name,
    named,
    one_of,
    text,
)
from flows.stream_files import DASHED_NAME

_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}


def cases() -> Schema:
    """The tests of a rule."""
    series: Schema = {
        "type": ["string", "number", "boolean", "null"],
        "description": "Samples one interval apart: `90x4` is 90 and 4 further, `90+2x4` rises by 2 each, "
        "`90-2x4` falls, `_` is a reading without the field, `gap 5m` a silence.",
    }
    case = mapping(
        "One test.",
        {
            "name": text("What it proves."),
            "interval": duration("Between two samples. Default 10s."),
            "start": text("The time of the first sample, with its zone, e.g. 2026-03-01T08:00:00Z."),
            "given": _given(),
            "readings": named("A series for each field.", series),
            "events": listed("Events of the customer.", _event()),
            "outcomes": listed("What becomes of actions that were done.", _outcome()),
            "expect": listed("All that is to happen, in order; [] is nothing.", _expectation()),
        },
        ["name", "expect"],
    )
    return listed("Its own tests, for `telltale rules test`.", case, maxItems=MAX_CASES)


def _given() -> Schema:
    return mapping(
        "What holds before the first reading.",
        {
            "device": named("The attributes of the device.", _VALUE),
            "profile": named("What is known of the customer.", _VALUE),
            "roles": named("Who is what to the device: a customer by role.", _VALUE, None),
            "open": listed(
                "What is open already, as kind:about.", text("For example case:engine.", pattern=":")
            ),
            "stage": dashed("The stage of life that the customer is in."),
            "quiet": listed("Purposes that rest, with all below them.", dashed("A purpose.")),
            "consents": named("Which consents are given, by name.", {"type": "boolean"}, DASHED_NAME),
            "look_ups": named(
                "What other systems answer, by the name of the question.",
                {"anyOf": [{"const": UNKNOWN}, named("The answer by field.", _VALUE)]},
            ),
            "local_time": text("The test begins at this time of day where the customer is.", pattern=TIMES),
        },
    )


def _event() -> Schema:
    return mapping(
        "One event.",
        {
            "at": _at(),
            "type": text("Its type; else that of the rule."),
            "subject": text("Whose it is, e.g. device:veh-17; else the device of the test."),
            "id": text("Its id; two of one id and source are one event."),
            "source": text("Where it comes from."),
            "data": {"type": ["object", "null"], "description": "Its data."},
        },
        ["at"],
    )


def _outcome() -> Schema:
    return mapping(
        "What became of an action.",
        {
            "at": _at(),
            "action": dashed("The name of the action, of which the last one done is meant."),
            "status": one_of(
                "`accepted` opens it, `unknown` leaves it open, all else closes it. Default accepted, with a result.",
                STATUSES,
            ),
            "result": dashed("What came of it, e.g. booked; what waited for it is open no more."),
            "data": {"type": ["object", "null"], "description": "More of it, read as outcome.<field>."},
            "reason": text("Why, for people."),
            "reference": text("What the other side calls it."),
        },
        ["at", "action"],
        anyOf=[{"required": ["status"]}, {"required": ["result"]}],
    )


def _expectation() -> Schema:
    asked = sorted({field for fields in FIELDS.values() for field in fields if field not in UNSEEN})
    of_action = mapping(
        "The parameters it must have, e.g. {to: driver, template: pull-over}.",
        {field: text(f"Its {field}, with the names in it filled in.") for field in asked},
        additionalProperties=text("A text that a process was given."),
    )
    one = {"anyOf": [dashed("The name of an action."), named("Its name.", of_action, None, **_ONE)]}
    severity: Schema = {
        "anyOf": [name("The severity after it."), {"const": True}],
        "description": "The severity after it; `true` where the rule has none or it does not matter.",
    }
    fields: dict[str, Schema] = {
        "at": _at(),
        **dict.fromkeys(TRANSITIONS, severity),
        "do": listed("The actions that go out; [] is none. Left away, it is not looked at.", one),
        "refused": one_of("Why nothing goes out.", REFUSALS),
        "released": dashed("The name of the suppression that ends."),
        "device": text("For people: the device."),
    }
    return mapping("What is to happen.", fields, ["at"])


def _at() -> Schema:
    return duration("How long after the start.")


_ONE: Schema = {"minProperties": 1, "maxProperties": 1}
