"""What each kind of action can be given, and how many of them a rule may ask for."""

from __future__ import annotations

from typing import get_args

from flows.rules.model import ActionKind
from flows.schema import Transition

MAX_ACTIONS = 16
"""In one list."""
MAX_IN_ALL = 64
"""In one rule, with those of alternatives and of what follows."""
MAX_NESTED = 4
"""How deep `choose` and `then` may stand in each other."""
TRANSITIONS: tuple[Transition, ...] = get_args(Transition)
KINDS: tuple[ActionKind, ...] = get_args(ActionKind)
BESIDE = ("if", "name", "valid_for", "then")
OWN = ("to", "purpose", "about")
_COMMON = (*OWN, "attach", "note")
NEEDED: dict[ActionKind, tuple[str, ...]] = {
    "open_case": ("about",),
    "close_case": ("about",),
    "notify": ("purpose", "template"),
    "task": ("queue", "subject"),
    "offer_appointment": ("purpose", "with"),
    "start_process": ("process",),
    "suppress": ("until",),
    "set_stage": ("stage",),
}
FIELDS: dict[ActionKind, tuple[str, ...]] = {
    "open_case": (*_COMMON, "queue", "subject"),
    "close_case": (*_COMMON,),
    "notify": (*_COMMON, "template", "subject", "text"),
    "task": (*_COMMON, "queue", "subject"),
    "offer_appointment": (
        *(*_COMMON, "with", "calendars", "slots", "reserve"),
        *("template", "subject", "text"),
    ),
    "start_process": (*_COMMON, "process"),
    "suppress": ("purposes", "items", "until"),
    "set_stage": ("stage", "for"),
}
FREE: frozenset[ActionKind] = frozenset({"start_process"})
"""Kinds that take any further texts, whose names their other side knows."""
TO_A_ROLE: frozenset[ActionKind] = frozenset({"notify", "offer_appointment"})
"""Kinds that go to a person: to the role that decides unless they say otherwise."""
