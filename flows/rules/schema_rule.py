"""The JSON Schema of a rule's file."""

from __future__ import annotations

from typing import get_args

from flows.rules.episodes import MAX_SEVERITIES
from flows.rules.limits import PER, SHARE
from flows.rules.look_ups import MAX_LOOK_UPS
from flows.rules.model import Mode
from flows.rules.patterns import MAX_RUN
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
    one_of,
    text,
    whole,
)
from flows.rules.schema_patterns import when
from flows.rules.sequences import MAX_STEPS, MIN_STEPS

_MODES: tuple[str, ...] = get_args(Mode)
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
        "when": when(),
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
