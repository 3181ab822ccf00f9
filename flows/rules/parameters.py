"""Reading what an action is given besides its role, purpose and matter: texts to fill in, slots, what is reserved."""

from __future__ import annotations

from typing import Any

from flows.documents import Located
from flows.expressions import Expression
from flows.fields import Fields, did_you_mean
from flows.rules.action_kinds import OWN
from flows.rules.asking import Asking
from flows.stream_files import NAME

MAX_SLOTS = 16
MAX_CALENDARS = 8
MAX_PARAMETERS = 24


def read_parameters(
    fields: Fields, asking: Asking, attachments: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Expression]]:
    """(parameters as plain data, the conditions of those that have one)."""
    found: dict[str, Any] = {}
    conditions: dict[str, Expression] = {}
    if len(fields.entries) > MAX_PARAMETERS:
        asking.mistakes.add(fields.at, f"more than {MAX_PARAMETERS} fields", "Leave some away.")
        return {}, {}
    for name, below in fields.entries.items():
        if name in OWN:
            continue
        match name:
            case "attach":
                found[name] = _attachments(fields, attachments)
            case "slots":
                found[name] = fields.whole(name, 1, MAX_SLOTS) or 1
            case "calendars":
                found[name] = _calendars(fields)
            case "reserve":
                what, condition = _reserve(below, asking)
                found[name] = {"what": what}
                conditions |= {} if condition is None else {name: condition}
            case _:
                found[name] = _text(fields, name, below, asking)
    return found, conditions


def _text(fields: Fields, name: str, at: Located, asking: Asking) -> str:
    """A text whose holes are filled in later."""
    if not NAME.match(name):
        asking.mistakes.add(fields.at, f"{name!r} is not a name", "Use letters, digits and _.", key=name)
    elif name == "with" and at.value and not NAME.match(str(at.value)):
        fields.wrong(name, f"{at.value!r} is no role", "For example dealer.")
    asking.text(at)
    return fields.text(name)


def _attachments(fields: Fields, known: tuple[str, ...]) -> list[str]:
    """What goes along with the action."""
    found = fields.texts("attach")
    for name in found:
        if name not in known:
            hint = did_you_mean(name, known) if known else "Nothing can be attached here: remove it."
            fields.wrong("attach", f"{name!r} cannot be attached here", hint)
    return list(found)


def _calendars(fields: Fields) -> list[str]:
    """The roles whose calendars must be free."""
    found = list(fields.texts("calendars"))
    for name in found:
        if not NAME.match(name):
            fields.wrong("calendars", f"{name!r} is no role", "For example [dealer, driver].")
    if len(found) > MAX_CALENDARS:
        fields.wrong("calendars", f"more than {MAX_CALENDARS} calendars", "Leave some away.")
    return found


def _reserve(at: Located, asking: Asking) -> tuple[str, Expression | None]:
    """`{what: loaner, if: profile.lifetime_value >= 50000}`."""
    fields = Fields(at, asking.mistakes, ("what", "if"))
    fields.require("what")
    if fields.has("what"):
        asking.text(fields.entries["what"])
    return fields.text("what"), asking.condition(fields, "if")
