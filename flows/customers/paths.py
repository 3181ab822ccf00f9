"""Which entry of a rule something waits for: `raised.notify.then.0`, found again by name in the rule of that time.

Names stand in a path rather than places, so that a rule to which an action was added still finds what waits. `?0.ask`
is the alternative `ask` of a list's first choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from flows.rules.model import ActionEntry, Choose, Entry, FollowUp, Rule

T = TypeVar("T")


def of_action(path: str, name: str) -> str:
    """The path of an action in the list at `path`."""
    return f"{path}.{name}"


def of_alternative(path: str, place: int, name: str) -> str:
    """The path of the list of an alternative; `place` is that of its choice among those of the list."""
    return f"{path}.?{place}.{name}"


def of_follow_up(path: str, place: int) -> str:
    """The path of what follows an action, by its place in `then`; also that of its list."""
    return f"{path}.then.{place}"


def action_at(rule: Rule, path: str) -> ActionEntry | None:
    """The action at a path, None when the rule no longer has it."""
    found = _at(rule, path)
    return found if isinstance(found, ActionEntry) else None


def follow_up_at(rule: Rule, path: str) -> FollowUp | None:
    """The follow-up at a path, None when the rule no longer has it."""
    found = _at(rule, path)
    return found if isinstance(found, FollowUp) else None


def follow_up_around(rule: Rule, path: str) -> FollowUp | None:
    """The follow-up in whose list an entry stands, or at a path itself; None for what nothing goes before."""
    before, then, below = path.rpartition(".then.")
    return follow_up_at(rule, of_follow_up(before, int(below.partition(".")[0]))) if then else None


def _at(rule: Rule, path: str) -> ActionEntry | FollowUp | None:
    moment, *rest = path.split(".")
    return _within(rule.do.get(moment, ()), rest)


def _within(entries: Sequence[Entry], path: Sequence[str]) -> ActionEntry | FollowUp | None:
    if not path:
        return None
    if path[0].startswith("?"):
        choices = [entry for entry in entries if isinstance(entry, Choose)]
        choice = _place(choices, path[0][1:])
        named = () if choice is None else choice.alternatives
        found = next((each for each in named if each.name == path[1]), None)
        return None if found is None else _within(found.do, path[2:])
    actions = [entry for entry in entries if isinstance(entry, ActionEntry)]
    action = next((each for each in actions if each.name == path[0]), None)
    if action is None or len(path) == 1:
        return action
    follow_up = _place(action.then, path[2])
    return follow_up if follow_up is None or len(path) == 3 else _within(follow_up.do, path[3:])


def _place(found: Sequence[T], place: str) -> T | None:
    return found[int(place)] if int(place) < len(found) else None
