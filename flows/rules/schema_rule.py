"""The JSON Schema of a rule's file."""

from __future__ import annotations

from typing import get_args

from flows.rules.episodes import MAX_SEVERITIES
from flows.rules.limits import PER, SHARE
from flows.rules.look_ups import MAX_LOOK_UPS
from flows.rules.model import Measure, Mode
from flows.rules.patterns import MAX_PATTERNS, MAX_READINGS, MAX_RUN
from flows.rules.schema_actions import actions, by_transition, definitions
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
from flows.rules.sequences import MAX_STEPS, MIN_STEPS

_MODES: tuple[str, ...] = get_args(Mode)
_MEASURES: tuple[str, ...] = get_args(Measure)
_MAX_LIMIT = 1_000_000_000
_OF_DEVICES = ("when", "severity", "clear", "ends")


def rule() -> Schema:
    """A rule on a stream, on an event or on a sequence of events."""
    fields: dict[str, Schema] = {
        "rule": dashed("Its name. Episodes hang on it: a renamed rule begins anew."),
        "about": text("What it is for, in a sentence."),
        "team": text("Whose it is."),
        "mode": one_of(
            "`dry_run` decides and does nothing, `disabled` does not even look. Default live.", _MODES
        ),
        "stream": dashed("The stream whose readings it watches."),
        "event": text("Or the type of the events it is asked at."),
        "sequence": _sequence(),
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
        "look_up": _look_up(),
        "guard": condition("Asked of the customer before a raise may act; unknown is no."),
        "do": {"description": "What is done: a list for a rule on events, else a list for each transition."},
        "limits": _limits(),
        "share": _share("For how many customers it is, by a hash of each. Default all."),
        "hold_out": _share("How many are decided and recorded, but not acted on. Default none."),
        "priority": whole(
            "Of several that want one budget at once the greatest wins. Default 0.", -1000, 1000
        ),
        "sensitive": {"type": "boolean", "description": "Masked in cases, logs and `why`. Default false."},
        "explain": text("What is said of an alarm; {names} in braces are filled in.", maxLength=2000),
        "tests": cases(),
    }
    return mapping(
        "One rule.",
        fields,
        ["rule", "limits"],
        oneOf=[{"required": [source]} for source in ("stream", "event", "sequence")],
        **{
            "if": {"required": ["stream"]},
            "then": {"required": ["when"], "properties": {"do": by_transition()}},
            "else": {
                "required": ["do"],
                "properties": dict.fromkeys(_OF_DEVICES, False),
                "if": {"required": ["event"]},
                "then": {"properties": {"do": actions("event")}},
                "else": {"properties": {"do": actions("sequence")}},
            },
            "$defs": definitions(),
        },
    )


def _sequence() -> Schema:
    """Events in an order."""
    fields: dict[str, Schema] = {
        "event": text("The type of an event that comes."),
        "no": text("Or of one that does not come."),
        "as": name("The name by which later steps and texts read its fields."),
        "where": condition("Asked of the event, as `event.`, beside those that earlier steps name."),
        "within": duration("How long after the step before; all but the first need it."),
        "restart": {"type": "boolean", "description": "First step: another such event begins anew."},
    }
    step = mapping("One step.", fields, oneOf=[{"required": ["event"]}, {"required": ["no"]}])
    first: Schema = {"required": ["event"], "properties": {"within": False}}
    later: Schema = {
        "required": ["within"],
        "properties": {"restart": False},
        "if": {"required": ["no"]},
        "then": {"properties": {"as": False}},
    }
    return {
        **listed("Or a sequence of events of one customer.", step, minItems=MIN_STEPS, maxItems=MAX_STEPS),
        "prefixItems": [{**step, "allOf": [first]}],
        "items": {**step, "allOf": [later]},
    }


def _look_up() -> Schema:
    """What is asked of other systems."""
    entry = mapping(
        "One question; its answer is read as NAME.field.",
        {
            "from": text("Whom to ask, as declared in `look_ups.yaml`."),
            "key": condition("What is asked about, e.g. `event.sku`."),
            "within": duration("How long the decision waits; then the answer is unknown."),
        },
        ["from", "key", "within"],
    )
    return named("What it asks other systems before it decides.", entry, maxProperties=MAX_LOOK_UPS)


def _share(about: str) -> Schema:
    """A part of all."""
    pattern = f"^{SHARE.pattern.removesuffix(chr(92) + 'Z')}$"
    percent: Schema = {"type": "string", "pattern": pattern}
    return {
        "description": f"{about} Written `5 %` or 0.05.",
        "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, percent],
    }


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
            "per": one_of("Of what.", PER),
            "at_most": whole("So many raises.", 1, _MAX_LIMIT),
            "every": duration("In any stretch so long."),
        },
        ["per", "at_most", "every"],
    )
    per_rule: Schema = {"properties": {"per": {"const": "rule"}}, "required": ["per"]}
    return listed("How often it may act; one limit per rule is mandatory.", limit, contains=per_rule)
