"""Reading `do:`, what a rule may do: lists of actions and choices, and what follows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_items
from flows.rules.action_kinds import (
    BESIDE,
    FIELDS,
    FREE,
    KINDS,
    MAX_ACTIONS,
    MAX_IN_ALL,
    MAX_NESTED,
    NEEDED,
    OWN,
    TO_A_ROLE,
    TRANSITIONS,
)
from flows.rules.asking import Asking
from flows.rules.choices import read_choose
from flows.rules.follow_ups import read_follow_ups
from flows.rules.model import ActionEntry, ActionKind, Choose, Entry, Purpose
from flows.rules.parameters import read_parameters
from flows.rules.stages import read_stage
from flows.rules.suppressions import read_suppress
from flows.stream_files import DASHED_NAME, NAME
from flows.streams import EventType

_APART = "Give each a `name:` of its own beside it."
_SLOT = "slot"


class Setting(msgspec.Struct, frozen=True):
    """What the actions of one rule may refer to: its name and role, purposes, events."""

    rule: str
    customer: str
    purposes: Mapping[str, Purpose]
    events: Mapping[str, EventType]


class Place(msgspec.Struct, frozen=True):
    """Where a list stands: what may be read and attached there, and how deep it is nested."""

    asking: Asking
    attachments: tuple[str, ...]
    depth: int = 0

    def below(self, asking: Asking, attachments: tuple[str, ...]) -> Place:
        """A list inside this one."""
        return Place(asking, attachments, self.depth + 1)


class ActionReader:
    """Reads the actions of one rule."""

    def __init__(self, setting: Setting, mistakes: Mistakes) -> None:
        self.setting = setting
        self.mistakes = mistakes
        self._count = 0

    def by_transition(self, at: Located, place: Place) -> dict[str, tuple[Entry, ...]]:
        """The lists of a rule on devices, each under the transition that calls for it."""
        fields = Fields(at, self.mistakes, TRANSITIONS)
        return {transition: self.entries(below, place) for transition, below in fields.entries.items()}

    def entries(self, at: Located, place: Place) -> tuple[Entry, ...]:
        """One list; two actions of one kind in it must be named, because their ids hang on their names."""
        if place.depth > MAX_NESTED:
            message = f"`choose` and `then` are nested deeper than {MAX_NESTED}"
            self.mistakes.add(at, message, "Make a rule of its own of what lies deeper.")
            return ()
        found: list[Entry] = []
        for item in read_items(at, self.mistakes, MAX_ACTIONS):
            entry = self.entry(item, place)
            if entry is None:
                continue
            clash = _clash(entry, found)
            if clash is not None:
                self.mistakes.add(item, *clash)
            found.append(entry)
        return tuple(found)

    def entry(self, at: Located, place: Place) -> Entry | None:
        """`{notify: {…}, if: …, name: …, valid_for: …, then: […]}` or `{choose: […]}`."""
        before = len(self.mistakes.found)
        fields = Fields(at, self.mistakes, (*KINDS, "choose", *BESIDE))
        if "choose" in fields.entries:
            return self.choose(fields, place)
        kinds: list[ActionKind] = [kind for kind in KINDS if kind in fields.entries]
        if len(kinds) != 1:
            if len(self.mistakes.found) == before:
                message = "one action is needed here" if not kinds else "two actions stand in one entry"
                hint = f"Write one of {', '.join((*KINDS, 'choose'))}, each with its own `- `."
                self.mistakes.add(at, message, hint)
            return None
        self._count += 1
        if self._count == MAX_IN_ALL + 1:
            self.mistakes.add(at, f"more than {MAX_IN_ALL} actions in one rule", "Split the rule in two.")
        return self.action(kinds[0], fields, place)

    def choose(self, fields: Fields, place: Place) -> Choose:
        """A choice, which stands alone in its entry."""
        others = [name for name in fields.entries if name != "choose"]
        if others:
            hint = "Put it into each alternative, or into an entry of its own."
            fields.wrong(others[0], f"{others[0]!r} cannot stand beside `choose`", hint)
        below = place.below(place.asking, place.attachments)
        return read_choose(fields.entries["choose"], place.asking, lambda at: self.entries(at, below))

    def action(self, kind: ActionKind, beside: Fields, place: Place) -> ActionEntry:
        """An action with what stands beside it."""
        at = beside.entries[kind]
        condition = place.asking.condition(beside, "if")
        name = beside.text("name", kind)
        if not DASHED_NAME.match(name):
            beside.wrong("name", f"{name!r} cannot be a name", "Use small letters, digits, - and _.")
        valid_for = beside.duration("valid_for", 1000, 366 * DAY)
        then = ()
        if beside.has("then"):
            below = (*place.attachments, _SLOT) if kind == "offer_appointment" else place.attachments
            then = read_follow_ups(
                beside.entries["then"],
                place.asking,
                self.setting.events,
                lambda do, asking: self.entries(do, place.below(asking, below)),
            )
        entry = self.of_kind(kind, at, name, place)
        return msgspec.structs.replace(entry, condition=condition, valid_for=valid_for, then=then)

    def of_kind(self, kind: ActionKind, at: Located, name: str, place: Place) -> ActionEntry:
        """The action itself."""
        setting = self.setting
        if kind == "suppress":
            suppress = read_suppress(at, place.asking, setting.purposes, setting.events)
            return ActionEntry(name=name, kind=kind, suppress=suppress)
        if kind == "set_stage":
            return ActionEntry(name=name, kind=kind, stage=read_stage(at, self.mistakes))
        free = [str(key) for key in at.value] if kind in FREE and isinstance(at.value, dict) else []
        fields = Fields(at, self.mistakes, (*FIELDS[kind], *free))
        fields.require(*NEEDED[kind])
        given = {field: fields.text(field) for field in OWN if fields.has(field)}
        for field in ("to", "about"):
            if given.get(field) and not NAME.match(given[field]):
                fields.wrong(field, f"{given[field]!r} is not a name", "Use letters, digits and _.")
        if "purpose" in given:
            self.purpose(fields, given["purpose"])
        parameters, conditions = read_parameters(fields, place.asking, place.attachments)
        return ActionEntry(
            name=name,
            kind=kind,
            to=given.get("to") or (setting.customer if kind in TO_A_ROLE else None),
            purpose=given.get("purpose"),
            about=given.get("about"),
            parameters=parameters,
            conditions=conditions,
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


def _clash(entry: Entry, before: Iterable[Entry]) -> tuple[str, str] | None:
    """What is wrong with the names of an entry beside those before it, and how to mend it.

    Alternatives of one choice exclude each other; what follows later is a decision of its own.
    """
    earlier = list(_at_once(before))
    for action in _at_once((entry,)):
        same = [other for other in earlier if other.kind == action.kind]
        if same and action.name == action.kind:
            return f"there are two actions of the kind {action.kind!r} here", _APART
        if any(other.name == other.kind for other in same):
            return f"another action of the kind {action.kind!r} here has no name", _APART
        if action.name in [other.name for other in earlier]:
            return f"the name {action.name!r} is taken", "Give each action its own."
    return None


def _at_once(entries: Iterable[Entry]) -> Iterable[ActionEntry]:
    """The actions of a list that one decision may take, whatever it chooses."""
    for entry in entries:
        if isinstance(entry, Choose):
            for alternative in entry.alternatives:
                yield from _at_once(alternative.do)
        else:
            yield entry
