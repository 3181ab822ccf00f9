"""Reading `do:` and `limits:`, what a rule may do and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_items
from flows.rules.conditions import Names, read_condition
from flows.rules.model import ActionEntry, ActionKind, Limit, Purpose
from flows.rules.templates import read_template
from flows.schema import Transition
from flows.stream_files import DASHED_NAME, NAME

MAX_ACTIONS = 16
TRANSITIONS: tuple[Transition, ...] = get_args(Transition)
KINDS: tuple[ActionKind, ...] = get_args(ActionKind)
LATER = (
    *("choose", "then", "suppress", "set_stage", "look_up", "offer_appointment", "start_process"),
    *("reserve", "unless"),
)
_BESIDE = ("if", "name", "valid_for")
_COMMON = ("to", "purpose", "about", "attach", "note")
NEEDED: dict[ActionKind, tuple[str, ...]] = {
    "open_case": ("about",),
    "close_case": ("about",),
    "notify": ("purpose", "template"),
    "task": ("queue", "subject"),
}
FIELDS: dict[ActionKind, tuple[str, ...]] = {
    "open_case": (*_COMMON, "queue", "subject"),
    "close_case": (*_COMMON,),
    "notify": (*_COMMON, "template", "subject", "text"),
    "task": (*_COMMON, "queue", "subject"),
}
_OWN = ("to", "purpose", "about")


class Setting(msgspec.Struct, frozen=True):
    """What the actions of one rule may refer to: its name and role, purposes, names and attachments."""

    rule: str
    customer: str
    purposes: Mapping[str, Purpose]
    names: Names
    holes: Mapping[str, Any]
    attachments: tuple[str, ...]


class ActionReader:
    """Reads the actions of one rule."""

    def __init__(self, setting: Setting, mistakes: Mistakes) -> None:
        self.setting = setting
        self.mistakes = mistakes
        self.asked: set[str] = set()

    def by_transition(self, at: Located) -> dict[str, tuple[ActionEntry, ...]]:
        """The lists of a rule on devices, each under the transition that calls for it."""
        fields = Fields(at, self.mistakes, TRANSITIONS, LATER)
        return {transition: self.entries(below) for transition, below in fields.entries.items()}

    def entries(self, at: Located) -> tuple[ActionEntry, ...]:
        """One list; two actions of one kind in it must be named, because their ids hang on their names."""
        found: list[ActionEntry] = []
        unnamed: list[str] = []
        for item in read_items(at, self.mistakes, MAX_ACTIONS):
            entry = self.entry(item)
            if entry is None:
                continue
            named = isinstance(item.value, dict) and "name" in item.value
            if not named and entry.kind in [other.kind for other in found]:
                message = f"there are two actions of the kind {entry.kind!r} here"
                self.mistakes.add(item, message, "Give each a `name:` of its own beside it.")
            elif named and entry.kind in unnamed:
                message = f"another action of the kind {entry.kind!r} here has no name"
                self.mistakes.add(item, message, "Give each a `name:` of its own beside it.")
            elif entry.name in [other.name for other in found]:
                self.mistakes.add(item, f"the name {entry.name!r} is taken", "Give each action its own.")
            if not named:
                unnamed.append(entry.kind)
            found.append(entry)
        return tuple(found)

    def entry(self, at: Located) -> ActionEntry | None:
        """`{notify: {…}, if: …, name: …, valid_for: …}`."""
        before = len(self.mistakes.found)
        fields = Fields(at, self.mistakes, (*KINDS, *_BESIDE), LATER)
        kinds: list[ActionKind] = [kind for kind in KINDS if kind in fields.entries]
        if len(kinds) != 1:
            if len(self.mistakes.found) == before:
                message = "one action is needed here" if not kinds else "two actions stand in one entry"
                self.mistakes.add(at, message, f"Write one of {', '.join(KINDS)}, each with its own `- `.")
            return None
        kind = kinds[0]
        condition = None
        if fields.has("if"):
            condition = read_condition(fields.entries["if"], self.setting.names, self.mistakes)
            self.asked |= condition.names if condition is not None else frozenset()
        name = fields.text("name", kind)
        if not DASHED_NAME.match(name):
            fields.wrong("name", f"{name!r} cannot be a name", "Use small letters, digits, - and _.")
        valid_for = fields.duration("valid_for", 1000, 366 * DAY)
        return self.action(kind, fields.entries[kind], name, condition, valid_for)

    def action(
        self, kind: ActionKind, at: Located, name: str, condition: Any, valid_for: int | None
    ) -> ActionEntry:
        """The action itself."""
        fields = Fields(at, self.mistakes, FIELDS[kind], LATER)
        fields.require(*NEEDED[kind])
        given = {field: fields.text(field) for field in _OWN if fields.has(field)}
        for field in ("to", "about"):
            if given.get(field) and not NAME.match(given[field]):
                fields.wrong(field, f"{given[field]!r} is not a name", "Use letters, digits and _.")
        if "purpose" in given:
            self.purpose(fields, given["purpose"])
        parameters: dict[str, Any] = {}
        for field, below in fields.entries.items():
            if field == "attach":
                parameters[field] = self.attachments(fields)
            elif field not in _OWN:
                parameters[field] = fields.text(field)
                self.asked |= read_template(
                    below, self.setting.holes, self.setting.names.open_prefixes, self.mistakes
                )
        to = given.get("to") or (self.setting.customer if kind == "notify" else None)
        return ActionEntry(
            name=name,
            kind=kind,
            to=to,
            purpose=given.get("purpose"),
            about=given.get("about"),
            condition=condition,
            valid_for=valid_for,
            parameters=parameters,
        )

    def purpose(self, fields: Fields, name: str) -> None:
        """A purpose must be declared, and may be kept for some rules."""
        purpose = self.setting.purposes.get(name)
        if purpose is None:
            message = f"the purpose {name!r} is not declared in the purposes file"
            fields.wrong("purpose", message, did_you_mean(name, self.setting.purposes))
        elif purpose.rules is not None and self.setting.rule not in purpose.rules:
            message = f"the rule {self.setting.rule!r} may not use the purpose {name!r}"
            fields.wrong("purpose", message, f"Only {', '.join(purpose.rules)} may: add the rule there.")

    def attachments(self, fields: Fields) -> list[str]:
        """What goes along with the action."""
        found = fields.texts("attach")
        for name in found:
            if name not in self.setting.attachments:
                hint = did_you_mean(name, self.setting.attachments)
                fields.wrong("attach", f"{name!r} cannot be attached here", hint)
        return list(found)


def read_limits(at: Located, mistakes: Mistakes) -> tuple[Limit, ...]:
    """`[{per: rule, at_most: 10000, every: 1h}]`; one per rule is mandatory."""
    found: list[Limit] = []
    whole = True
    for item in read_items(at, mistakes, MAX_ACTIONS):
        fields = Fields(item, mistakes, ("per", "at_most", "every"))
        complete = fields.require("per", "at_most", "every")
        per = fields.one_of("per", ("device", "customer", "rule"), "rule" if complete else "")
        at_most, every = fields.whole("at_most", 1, 1_000_000_000), fields.duration("every", 1000, 366 * DAY)
        if not complete or at_most is None or every is None:
            whole = False
            continue
        found.append(Limit(per=cast("Any", per), at_most=at_most, every=every))
    if whole and all(limit.per != "rule" for limit in found):
        hint = "Add e.g. `{per: rule, at_most: 10000, every: 1h}`."
        mistakes.add(at, "a limit per rule is missing, so nothing bounds the rule", hint)
    return tuple(found)
