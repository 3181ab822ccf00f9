"""One entry of a rule's list becomes a planned action: its id, its recipient, its texts, and whether it may go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from flows import ids
from flows.customers.cause import Cause
from flows.expressions import Expression
from flows.rules.model import ActionEntry, Purpose
from flows.rules.templates import fill
from flows.schema import Action, ActionStatus, Check, PlannedAction, Value

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_BY_PURPOSE = {"safety": 10 * MINUTE_MS, "service": DAY_MS, "marketing": 2 * HOUR_MS}
_TO_A_QUEUE = frozenset({"open_case", "close_case", "task"})
_DEFAULT_LANE = "normal"

Ask = Callable[[Expression], tuple[bool | None, dict[str, Value]]]


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all entries of one decision share.

    `held_back` says why nothing of the list may go out, `opened` are the items this cause may close, by what they
    are about, `ask` evaluates a condition and tells what it saw.
    """

    cause: Cause
    rule: str
    deciding: str
    tenant: str
    rule_set: int
    purposes: Mapping[str, Purpose]
    now: int
    dry_run: bool
    held_back: str | None
    opened: Mapping[str, tuple[str, ...]]
    ask: Ask


def valid_for(entry: ActionEntry, purposes: Mapping[str, Purpose]) -> int:
    """How long (ms) an action is worth doing: its own word, its purpose's, else by what it is."""
    if entry.valid_for is not None:
        return entry.valid_for
    if entry.purpose is None:
        return 7 * DAY_MS if entry.kind in _TO_A_QUEUE else DAY_MS
    purpose = purposes.get(entry.purpose)
    if purpose is not None and purpose.valid_for is not None:
        return purpose.valid_for
    return _BY_PURPOSE.get(entry.purpose.partition(".")[0], DAY_MS)


def plan(entry: ActionEntry, ground: Ground) -> tuple[PlannedAction, list[Check]]:
    """The action of an entry, what becomes of it, and the checks that were asked in their order."""
    checks: list[Check] = []
    status, reason = _verdict(entry, ground, checks)
    action = _action(entry, ground)
    return PlannedAction(action=action, status=status, reason=reason), checks


def _verdict(entry: ActionEntry, ground: Ground, checks: list[Check]) -> tuple[ActionStatus, str | None]:
    """Ask in the order: too late, held back, `if`, purpose, recipient, what is to be closed, dry run."""
    cause = ground.cause
    until = cause.at + valid_for(entry, ground.purposes)
    in_time = ground.now <= until
    seen: dict[str, Value] = {"valid_until": until, "now": ground.now, "stale": cause.stale}
    checks.append(Check(kind="valid_for", text="in time", result=in_time, values=seen, action=entry.name))
    if not in_time:
        return "too_late", "too late"
    if ground.held_back is not None:
        return "refused", ground.held_back
    refusal = _condition(entry, ground, checks)
    if refusal is not None:
        return "skipped", refusal
    refusal = _purpose(entry, ground, checks) or _recipient(entry, ground, checks)
    if refusal is not None:
        return "refused", refusal
    if entry.kind == "close_case" and not ground.opened.get(entry.about or ""):
        return "skipped", f"nothing was opened about {entry.about} that could be closed"
    return ("dry_run", "dry run") if ground.dry_run else ("published", None)


def _condition(entry: ActionEntry, ground: Ground, checks: list[Check]) -> str | None:
    """The entry's own `if`; unknown is no."""
    if entry.condition is None:
        return None
    result, seen = ground.ask(entry.condition)
    text = entry.condition.text
    checks.append(Check(kind="if", text=text, result=result, values=seen, action=entry.name))
    return None if result else (f"if: {text} is {'unknown' if result is None else 'not so'}")


def _purpose(entry: ActionEntry, ground: Ground, checks: list[Check]) -> str | None:
    """Whether the purpose is declared, and this rule may use it."""
    if entry.purpose is None:
        return None
    purpose = ground.purposes.get(entry.purpose)
    allowed = purpose is not None and (purpose.rules is None or ground.rule in purpose.rules)
    checks.append(Check(kind="purpose", text=entry.purpose, result=allowed, action=entry.name))
    if purpose is None:
        return f"the purpose {entry.purpose} is not declared"
    return None if allowed else f"the rule {ground.rule} may not use the purpose {entry.purpose}"


def _recipient(entry: ActionEntry, ground: Ground, checks: list[Check]) -> str | None:
    """Whether somebody holds the role the action goes to."""
    if entry.to is None or entry.kind in _TO_A_QUEUE:
        return None
    found = _customer(entry, ground)
    checks.append(Check(kind="role", text=entry.to, result=found is not None, action=entry.name))
    return None if found is not None else f"nobody is the {entry.to} of {ground.cause.name}"


def _customer(entry: ActionEntry, ground: Ground) -> str | None:
    """Whom the action goes to: the deciding customer, or who holds the role; cases and tasks are the decider's."""
    cause = ground.cause
    if entry.to is None or entry.to == ground.deciding or entry.kind in _TO_A_QUEUE:
        return cause.customer
    return cause.roles.get(entry.to)


def _action(entry: ActionEntry, ground: Ground) -> Action:
    """The action whole, also when it does not go out: a decision tells what would have been done."""
    cause = ground.cause
    purpose = None if entry.purpose is None else ground.purposes.get(entry.purpose)
    customer = _customer(entry, ground) or cause.customer
    parameters = {name: _filled(value, cause.values) for name, value in entry.parameters.items()}
    attached = entry.parameters.get("attach")
    return Action(
        id=ids.action_id(cause.decision, entry.name),
        name=entry.name,
        kind=entry.kind,
        lane=_DEFAULT_LANE if purpose is None else purpose.lane,
        purpose=entry.purpose,
        tenant=ground.tenant,
        customer=customer,
        to=entry.to,
        decider="" if customer == cause.customer else cause.customer,
        rule=ground.rule,
        rule_set=ground.rule_set,
        decision=cause.decision,
        episode=cause.episode,
        device=cause.device,
        transition=cause.transition,
        at=cause.at,
        valid_until=cause.at + valid_for(entry, ground.purposes),
        about=entry.about,
        parameters=parameters,
        evidence=cause.evidence if isinstance(attached, list | tuple) and "evidence" in attached else None,
        explanation=cause.explanation,
    )


def _filled(value: object, values: Mapping[str, Value]) -> object:
    """A parameter with the holes of its texts filled; what the loader let through is never deep."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, Mapping):
        return {str(k): _filled(v, values) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_filled(v, values) for v in cast("list[object]", value)]
    return value
