"""The JSON Schema of `do:`: actions, choices and what follows, which stand in each other by reference."""

from __future__ import annotations

from flows.rules.action_kinds import FIELDS, FREE, KINDS, MAX_ACTIONS, NEEDED, TRANSITIONS
from flows.rules.choices import MAX_ALTERNATIVES
from flows.rules.follow_ups import MAX_FOLLOW_UPS, MAX_OUTCOMES
from flows.rules.model import ActionKind
from flows.rules.parameters import MAX_CALENDARS, MAX_PARAMETERS, MAX_SLOTS
from flows.rules.schema_parts import (
    Schema,
    condition,
    dashed,
    duration,
    listed,
    mapping,
    name,
    text,
    whole,
)
from flows.rules.suppressions import MAX_EVENTS

_ABOUT_ACTIONS: dict[ActionKind, str] = {
    "open_case": "Open a case; it counts as open from the decision on.",
    "close_case": "Close what this episode opened about something.",
    "notify": "Write to a person who has a role to the device.",
    "task": "Give a team something to do.",
    "offer_appointment": "Offer slots that fit; it counts as open until a result comes.",
    "start_process": "Begin a process elsewhere; further fields are texts for it. Open until a result comes.",
    "suppress": "Let purposes and items rest until something comes, and never longer than it says.",
    "set_stage": "Put the customer into a stage of life; rules read it as profile.stage.",
}
_ATTACHMENTS: dict[str, list[str]] = {
    "stream": ["evidence", "slot"],
    "event": ["event", "message", "slot"],
    "sequence": ["slot"],
}


def by_transition() -> Schema:
    """The lists of a rule on a stream."""
    lists = {transition: actions("stream") for transition in TRANSITIONS}
    return mapping("What is done at each transition.", lists)


def definitions() -> dict[str, Schema]:
    """What lists refer to for those inside them, by what the rule watches."""
    return {_name(source): actions(source) for source in _ATTACHMENTS}


def actions(source: str) -> Schema:
    """A list of actions of a rule on a `stream`, an `event` or a `sequence`."""
    inside: Schema = {"$ref": f"#/$defs/{_name(source)}", "description": "What is done then."}
    entry: dict[str, Schema] = {
        "if": condition("Only if this is true of the customer."),
        "name": dashed("Its name, needed when there are two of a kind."),
        "valid_for": duration("How long after its cause it is worth doing."),
        "then": _then(inside),
        "choose": _choose(inside),
    }
    entry |= {kind: _action(kind, _ATTACHMENTS[source]) for kind in KINDS}
    alone: Schema = {
        "if": {"required": ["choose"]},
        "then": {"properties": dict.fromkeys(("if", "name", "valid_for", "then"), False)},
    }
    one = [{"required": [kind]} for kind in (*KINDS, "choose")]
    item = mapping("One action, or a choice.", entry, oneOf=one, **alone)
    return listed("The actions.", item, maxItems=MAX_ACTIONS)


def event_match(about: str) -> Schema:
    """An event that is waited for."""
    fields = {
        "event": text("Its type."),
        "where": condition("Asked of it: `event.` is the new one, `cause.` the one that began it."),
    }
    return mapping(about, fields, ["event"])


def _name(source: str) -> str:
    return f"actions_of_{source}"


def _choose(inside: Schema) -> Schema:
    alternative = mapping(
        "One alternative; without `if` it always holds, and is the last.",
        {"name": dashed("Its name in decisions."), "if": condition("When it holds."), "do": inside},
        ["name", "do"],
    )
    return listed(
        "Alternatives of which the first that holds is done.",
        alternative,
        minItems=1,
        maxItems=MAX_ALTERNATIVES,
    )


def _then(inside: Schema) -> Schema:
    outcome: Schema = {
        "description": "At which outcome: a status such as `failed`, a result such as `booked`; or a list.",
        "anyOf": [
            dashed("One outcome."),
            listed("Any of these.", dashed("One outcome."), minItems=1, maxItems=MAX_OUTCOMES),
        ],
    }
    follow_up = mapping(
        "What follows the action later.",
        {
            "outcome": outcome,
            "after": duration("So long after the action or, with an outcome, after that."),
            "if": condition("Asked when it is due."),
            "unless": event_match("An event that calls it off, coming before."),
            "do": inside,
        },
        ["do"],
        anyOf=[{"required": ["outcome"]}, {"required": ["after"]}],
    )
    return listed("What follows it, stored and asked again when due.", follow_up, maxItems=MAX_FOLLOW_UPS)


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
        "with": name("The role that the appointment is with, e.g. dealer."),
        "calendars": listed(
            "The roles whose calendars must be free.", name("A role."), maxItems=MAX_CALENDARS
        ),
        "slots": whole("How many slots are offered.", 1, MAX_SLOTS),
        "reserve": _reserve(),
        "process": text("The name of the process."),
        "purposes": listed("What rests, with all below it.", dashed("A purpose.")),
        "items": listed("What leaves adverts and carts; {names} are filled in.", text("An item.")),
        "until": _until(),
        "stage": dashed("The stage, e.g. bereaved."),
        "for": duration("How long it lasts; else until another is set."),
    }
    chosen = {field: fields[field] for field in FIELDS[kind]}
    found = mapping(_ABOUT_ACTIONS[kind], chosen, NEEDED[kind])
    if kind in FREE:
        found |= {
            "additionalProperties": text("A text for the process; {names} are filled in."),
            "propertyNames": {"pattern": name("")["pattern"]},
            "maxProperties": MAX_PARAMETERS,
        }
    if kind == "suppress":
        found |= {"anyOf": [{"required": ["purposes"]}, {"required": ["items"]}]}
    return found


def _reserve() -> Schema:
    return mapping(
        "What is put aside for it.",
        {
            "what": text("What, e.g. loaner; {names} are filled in."),
            "if": condition("Only if this is true of the customer."),
        },
        ["what"],
    )


def _until() -> Schema:
    events = listed(
        "Events with conditions.", event_match("An event that is waited for."), maxItems=MAX_EVENTS
    )
    return mapping(
        "When it ends.",
        {
            "all": {**events, "description": "After all of these events came."},
            "any": {**events, "description": "Or after the first of these events."},
            "rest": duration("And so long after them."),
            "at_most": duration("Whatever comes, not later than so long after it began."),
        },
        ["at_most"],
        allOf=[
            {"not": {"required": ["all", "any"]}},
            {"if": {"required": ["rest"]}, "then": {"anyOf": [{"required": ["all"]}, {"required": ["any"]}]}},
        ],
    )
