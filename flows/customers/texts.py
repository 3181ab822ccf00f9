"""The parameters of an action as they go out: texts filled in, what has an `if` asked for, what goes along attached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from flows.customers.cause import Cause
from flows.customers.keeping import ATTACHED
from flows.customers.masking import masked
from flows.customers.questions import Answer
from flows.expressions import Expression
from flows.rules.model import ActionEntry
from flows.rules.templates import fill
from flows.schema import Check, Value


def parameters_of(
    entry: ActionEntry,
    cause: Cause,
    ask: Callable[[Expression], Answer],
    checks: list[Check],
    *,
    mask: bool,
) -> dict[str, object]:
    """The parameters by name; one whose condition is not true is left out. With `mask` texts show no values.

    What goes along stands under `attached`; evidence has a place of its own. What a suppression lets rest and a stage
    sets stands under their own names, `until` as ms of event time.
    """
    values = masked(cause.values) if mask else cause.values
    found: dict[str, object] = {}
    for name, value in entry.parameters.items():
        condition = entry.conditions.get(name)
        if condition is not None:
            result, seen = ask(condition)
            text = f"{name}: {condition.text}"
            checks.append(Check(kind="if", text=text, result=result, values=seen, action=entry.name))
            if not result:
                continue
        found[name] = _filled(value, values)
    attached = _attached(entry, values)
    return found | ({"attached": attached} if attached else {}) | _consequences(entry, cause, values)


def items_of(entry: ActionEntry, values: Mapping[str, Value]) -> tuple[str, ...]:
    """What a suppression takes out of adverts and carts."""
    return () if entry.suppress is None else tuple(fill(text, values) for text in entry.suppress.items)


def _consequences(entry: ActionEntry, cause: Cause, values: Mapping[str, Value]) -> dict[str, object]:
    if entry.suppress is not None:
        return {
            "purposes": list(entry.suppress.purposes),
            "items": list(items_of(entry, values)),
            "until": cause.at + entry.suppress.until.at_most,
        }
    if entry.stage is not None:
        until = None if entry.stage.lasts is None else cause.at + entry.stage.lasts
        return {"stage": entry.stage.stage, "until": until}
    return {}


def _attached(entry: ActionEntry, values: Mapping[str, Value]) -> dict[str, dict[str, Value]]:
    """What an event or an outcome said, by what the rule calls it."""
    found: dict[str, dict[str, Value]] = {}
    for name in entry.parameters.get("attach") or ():
        for beginning in ATTACHED.get(name, ()):
            said = {k.removeprefix(beginning): v for k, v in values.items() if k.startswith(beginning)}
            if said:
                found[name] = said
    return found


def _filled(value: object, values: Mapping[str, Value]) -> object:
    """A parameter with the holes of its texts filled; what the loader let through is never deep."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, Mapping):
        return {str(k): _filled(v, values) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_filled(v, values) for v in cast("list[object]", value)]
    return value
