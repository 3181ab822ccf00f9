"""`choose`: of alternatives the first whose `if` is true; one that is unknown is passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from flows.customers import paths
from flows.customers.questions import Answer
from flows.expressions import Expression
from flows.rules.model import ActionEntry, Alternative, Choose, Entry
from flows.schema import Check


class Placed(msgspec.Struct, frozen=True):
    """An action and its path in the rule."""

    entry: ActionEntry
    path: str


class Chosen(msgspec.Struct, frozen=True):
    """The actions of a list once its choices are made, what was asked, and the names of what was chosen."""

    actions: tuple[Placed, ...] = ()
    checks: tuple[Check, ...] = ()
    names: tuple[str, ...] = ()


def choose(entries: Iterable[Entry], path: str, ask: Callable[[Expression], Answer]) -> Chosen:
    """Make every choice of the list at `path`, those inside a chosen alternative as well."""
    actions: list[Placed] = []
    checks: list[Check] = []
    names: list[str] = []
    choices = 0
    for entry in entries:
        if isinstance(entry, ActionEntry):
            actions.append(Placed(entry, paths.of_action(path, entry.name)))
            continue
        found = _first(entry, ask, checks)
        if found is not None:
            inner = choose(found.do, paths.of_alternative(path, choices, found.name), ask)
            names += [found.name, *inner.names]
            actions += inner.actions
            checks += inner.checks
        choices += 1
    return Chosen(tuple(actions), tuple(checks), tuple(names))


def unchosen(entries: Iterable[Entry], path: str) -> Chosen:
    """The actions of a list that stand outside any choice."""
    found = (entry for entry in entries if isinstance(entry, ActionEntry))
    return Chosen(tuple(Placed(entry, paths.of_action(path, entry.name)) for entry in found))


def possible(entries: Iterable[Entry]) -> Iterator[ActionEntry]:
    """Every action that a list may come to at once, whatever is chosen."""
    for entry in entries:
        if isinstance(entry, Choose):
            for alternative in entry.alternatives:
                yield from possible(alternative.do)
        else:
            yield entry


def _first(choice: Choose, ask: Callable[[Expression], Answer], checks: list[Check]) -> Alternative | None:
    for alternative in choice.alternatives:
        if alternative.condition is None:
            checks.append(Check(kind="choose", text=alternative.name, result=True))
            return alternative
        result, seen = ask(alternative.condition)
        text = f"{alternative.name}: {alternative.condition.text}"
        checks.append(Check(kind="choose", text=text, result=result, values=seen))
        if result:
            return alternative
    return None
