"""The JSON Schema of a rule's file."""

from __future__ import annotations

from typing import get_args

from flows.rules.actions import FIELDS, KINDS, MAX_ACTIONS, NEEDED, TRANSITIONS
from flows.rules.episodes import MAX_SEVERITIES
from flows.rules.model import ActionKind, Measure, Mode
from flows.rules.patterns import MAX_PATTERNS, MAX_READINGS, MAX_RUN
from flows.rules.schema_cases import cases
from flows.rules.schema_parts import (
    Schema,
    condition,
    dashed,
    duration,
    listed,
    mapping,
    name,
    named,
    number,
    one_of,
    text,
    whole,
)

_MODES: tuple[str, ...] = get_args(Mode)
_MEASURES: tuple[str, ...] = get_args(Measure)
_MAX_LIMIT = 1_000_000_000
_OF_DEVICES = ("when", "severity", "clear", "ends")
_ABOUT_ACTIONS: dict[ActionKind, str] = {
    "open_case": "Open a case; it counts as open from the decision on.",
    "close_case": "Close what this episode opened about something.",
    "notify": "Write to a person who has a role to the device.",
    "task": "Give a team something to do.",
}


def rule() -> Schema:
    """A rule on a stream or on an event."""
    fields: dict[str, Schema] = {
        "rule": dashed("Its name. Episodes hang on it: a renamed rule begins anew."),
        "about": text("What it is for, in a sentence."),
        "team": text("Whose it is."),
        "mode": one_of(
            "`dry_run` decides and does nothing, `disabled` does not even look. Default live.", _MODES
        ),
        "stream": dashed("The stream whose readings it watches."),
        "event": text("Or the type of the events it is asked at."),
        "customer": name("The role that decides, e.g. owner, driver or buyer. Default owner."),
        "when": _when(),
        "severity": _severities(),
        "clear": mapping(
            "When an episode is over: so many readings in a row of which a condition is true.",
            {
                "run": whole("How many in a row. Default 1.", 1, MAX_RUN),
                "of": condition("The condition."),
            },
            ["of"],
        ),
        "ends": mapping(
            "Other ends of an episode.",
            {"silent": duration("After so long a silence of the device it lapses.")},
            ["silent"],
        ),
        "guard": condition("Asked of the customer before a raise may act; unknown is no."),
        "do": {"description": "What is done: a list for a rule on events, else a list for each transition."},
        "limits": _limits(),
        "explain": text("What is said of an alarm; {names} in braces are filled in.", maxLength=2000),
        "tests": cases(),
    }
    on_stream: Schema = {"required": ["when"], "properties": {"do": _by_transition()}}
    on_event: Schema = {
        "required": ["do"],
        "properties": {"do": _actions(["event"]), **dict.fromkeys(_OF_DEVICES, False)},
    }
    return mapping(
        "One rule.",
        fields,
        ["rule", "limits"],
        oneOf=[{"required": ["stream"]}, {"required": ["event"]}],
        **{"if": {"required": ["stream"]}, "then": on_stream, "else": on_event},
    )


def _when() -> Schema:
    """One pattern, or several under `any`."""
    patterns = [_run(), _count(), _trend(), _window(), _absence()]
    several = mapping(
        "Several patterns: the first that holds raises.",
        {"any": listed("The patterns.", {"anyOf": patterns}, minItems=1, maxItems=MAX_PATTERNS)},
        ["any"],
    )
    return {"description": "What it looks for in the readings of one device.", "anyOf": [*patterns, several]}


def _run() -> Schema:
    worsening = mapping(
        "The run must also be getting worse, by its Theil–Sen slope × its time.",
        {
            "field": text("The field that rises or falls."),
            **_rise(),
            "over": _over("Over its last readings."),
        },
        ["field"],
        oneOf=_ONE_RISE,
    )
    return mapping(
        "Readings in a row of which a condition is true.",
        {
            "run": whole("How many in a row.", 1, MAX_RUN),
            "of": condition("The condition."),
            "worsening": worsening,
            "max_gap": _gap("breaks the run"),
        },
        ["run", "of"],
    )


def _count() -> Schema:
    return mapping(
        "At least so many of the last readings.",
        {
            "count": text(f"`8 of 10`; of {MAX_READINGS} at most.", pattern=r"^\d{1,6} of \d{1,6}$"),
            "of": condition("The condition."),
            "max_gap": _gap("forgets them"),
        },
        ["count", "of"],
    )


def _trend() -> Schema:
    return mapping(
        "A field that rises or falls over its last readings, by its Theil–Sen slope × their time.",
        {
            "trend": text("The field."),
            "over": _over("Over so many readings."),
            **_rise(),
            "of": condition("Only readings of which this is true; others are passed over."),
            "max_gap": _gap("forgets them"),
        },
        ["trend", "over"],
        oneOf=_ONE_RISE,
    )


def _window() -> Schema:
    measures: dict[str, Schema] = {
        measure: text(f"The {measure} of this field.") for measure in _MEASURES if measure != "count"
    }
    measures["count"] = {
        "description": "How many readings: `true` for all, or those that carry this field.",
        "anyOf": [{"const": True}, {"type": "string"}],
    }
    return mapping(
        "A measure over a stretch of time; its condition reads it as `value`.",
        {
            "window": duration("Its length."),
            "every": duration("A new one begins so often; it divides the length. Default: its length."),
            "of": condition("Asked as the window closes, of `value` and device.*."),
            **measures,
        },
        ["window", "of"],
        oneOf=[{"required": [measure]} for measure in _MEASURES],
    )


def _absence() -> Schema:
    return mapping("Silence of a device.", {"absence": duration("After so long.")}, ["absence"])


_ONE_RISE: list[Schema] = [{"required": ["rise"]}, {"required": ["fall"]}]


def _rise() -> dict[str, Schema]:
    return {
        "rise": number("By at least so much, in the field's unit.", exclusiveMinimum=0),
        "fall": number("Or a fall by at least so much.", exclusiveMinimum=0),
    }


def _over(about: str) -> Schema:
    return whole(about, 2, MAX_READINGS)


def _gap(what: str) -> Schema:
    return duration(f"A longer silence {what}.")


def _severities() -> Schema:
    severity = mapping(
        "One severity. The lowest has no conditions.",
        {
            "when": condition("Up to it when this is true."),
            "clear": condition("Down from it when this is true."),
        },
    )
    severity["type"] = ["object", "null"]
    return named("The severities, lowest first.", severity, minProperties=1, maxProperties=MAX_SEVERITIES)


def _limits() -> Schema:
    limit = mapping(
        "One limit.",
        {
            "per": one_of("Of what.", ("device", "customer", "rule")),
            "at_most": whole("So many raises.", 1, _MAX_LIMIT),
            "every": duration("In any stretch so long."),
        },
        ["per", "at_most", "every"],
    )
    per_rule: Schema = {"properties": {"per": {"const": "rule"}}, "required": ["per"]}
    return listed("How often it may act; one limit per rule is mandatory.", limit, contains=per_rule)


def _by_transition() -> Schema:
    """The lists of a rule on a stream."""
    lists = {transition: _actions(["evidence"]) for transition in TRANSITIONS}
    return mapping("What is done at each transition.", lists)


def _actions(attachments: list[str]) -> Schema:
    """A list of actions."""
    entry: dict[str, Schema] = {
        "if": condition("Only if this is true of the customer."),
        "name": dashed("Its name, needed when there are two of a kind."),
        "valid_for": duration("How long after its cause it is worth doing."),
    }
    entry |= {kind: _action(kind, attachments) for kind in KINDS}
    item = mapping("One action.", entry, oneOf=[{"required": [kind]} for kind in KINDS])
    return listed("The actions.", item, maxItems=MAX_ACTIONS)


def _action(kind: ActionKind, attachments: list[str]) -> Schema:
    """The parameters of one kind; texts may hold {names}."""
    fields: dict[str, Schema] = {
        "to": name("The role it goes to; else whoever decides."),
        "purpose": dashed("Why we may write, as declared in the purposes."),
        "about": name('What it is about, e.g. engine: has_open("case", "engine") asks for it.'),
        "attach": listed("What goes along.", {"enum": attachments}),
        "note": text("A remark; {names} are filled in."),
        "template": text("The name of the text that is sent."),
        "queue": text("The team's queue."),
        "subject": text("The subject; {names} are filled in."),
        "text": text("The text itself; {names} are filled in."),
    }
    return mapping(_ABOUT_ACTIONS[kind], {field: fields[field] for field in FIELDS[kind]}, NEEDED[kind])
