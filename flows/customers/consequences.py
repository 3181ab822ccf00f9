"""What a decision's actions do to the customer's state: what they open, close, spend, and what waits after them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from flows import ids
from flows.customers import paths, stages
from flows.customers.cause import Cause
from flows.customers.keeping import keep, wanted_by, wanted_by_matches, wanted_by_rule
from flows.customers.planning import DAY_MS, Plan
from flows.customers.state import Customer
from flows.customers.texts import items_of
from flows.rules.model import Budget, FollowUp, Rule, SetStage, Suppress
from flows.schema import Action
from flows.schema_change import Change, Counted, Opened, Waiting

GIVEN_UP_AFTER_MS = 366 * DAY_MS
"""A follow-up whose outcome has not come by then never will."""
_OPENS = {"open_case": "case", "offer_appointment": "appointment", "start_process": "process"}


def change_of(
    customer: Customer,
    cause: Cause,
    plans: Sequence[Plan],
    *,
    rule: Rule | None,
    gated: bool,
    counted: Sequence[Counted],
    closable: Mapping[str, tuple[str, ...]],
    settled: Sequence[str],
    dry_run: bool,
) -> Change:
    """The change that a decision makes, in all that `state.apply` needs."""
    going = [plan for plan in plans if plan.goes]
    waiting = [w for plan in going for w in _waiting(plan, cause, dry_run=dry_run)]
    if rule is not None:
        # A raise of which nothing has come but bids is gated anew when the first of them is decided.
        waiting += [
            _bid(plan, plan.bid, cause, rule, dry_run=dry_run, counted=bool(going) or not gated)
            for plan in plans
            if plan.bid is not None
        ]
    over = [name for w in waiting if w.kind == "stage" for name in stages.outlasted(customer, w)]
    closed = [
        opened
        for plan in going
        if plan.planned.action.kind == "close_case"
        for opened in closable.get(plan.planned.action.about or "", ())
    ]
    return Change(
        part=cause.part,
        number=cause.number,
        acted=bool(going),
        dry_run=dry_run,
        opened=tuple(_opened(p.planned.action) for p in going if p.planned.action.kind in _OPENS),
        closed=tuple(dict.fromkeys(closed)),
        counted=tuple(counted),
        spent=tuple(plan.spent for plan in going if plan.spent is not None),
        waiting=tuple(waiting),
        settled=(*settled, *dict.fromkeys(over)),
    )


def _opened(action: Action) -> Opened:
    """An appointment is about what it says, a process about its own name."""
    process = str(action.parameters.get("process", "")) if action.kind == "start_process" else ""
    return Opened(action=action.id, kind=_OPENS[action.kind], about=action.about or process)


def _waiting(plan: Plan, cause: Cause, *, dry_run: bool) -> Iterator[Waiting]:
    entry, action = plan.placed.entry, plan.planned.action
    # What all of them have in common; what is held lets what follows it be held.
    begun = Waiting(
        id="",
        kind="follow_up",
        rule=action.rule,
        path=plan.placed.path,
        action=action.id,
        until=cause.at,
        dry_run=dry_run,
        since=cause.at,
        held=plan.planned.status == "held",
    )
    for place, follow_up in enumerate(entry.then):
        yield _follow_up(begun, follow_up, place, cause)
    if entry.suppress is not None:
        yield _quiet(begun, entry.suppress, items_of(entry, cause.values), cause)
    if entry.stage is not None:
        yield _stage(begun, entry.stage)


def _follow_up(begun: Waiting, follow_up: FollowUp, place: int, cause: Cause) -> Waiting:
    after = follow_up.after or 0
    return msgspec.structs.replace(
        begun,
        id=ids.waiting_id(begun.action, f"then.{place}"),
        path=paths.of_follow_up(begun.path, place),
        due=None if follow_up.outcomes else cause.at + after,
        until=cause.at + max(after, GIVEN_UP_AFTER_MS),
        since=cause.heard_from,
        cause=keep(cause, wanted_by(follow_up), later=True),
    )


def _quiet(begun: Waiting, suppress: Suppress, items: tuple[str, ...], cause: Cause) -> Waiting:
    return msgspec.structs.replace(
        begun,
        id=ids.waiting_id(begun.action, "release"),
        kind="quiet",
        until=cause.at + suppress.until.at_most,
        purposes=suppress.purposes,
        items=items,
        cause=keep(cause, wanted_by_matches(suppress.until.events), later=True),
    )


def _stage(begun: Waiting, stage: SetStage) -> Waiting:
    return msgspec.structs.replace(
        begun,
        id=ids.waiting_id(begun.action, "stage"),
        kind="stage",
        until=stages.FOR_EVER if stage.lasts is None else begun.since + stage.lasts,
        stage=stage.stage,
    )


def _bid(plan: Plan, budget: Budget, cause: Cause, rule: Rule, *, dry_run: bool, counted: bool) -> Waiting:
    """A message that waits until the best of its window is known; it is as old as what began it.

    It is kept long enough to be asked all again, and not much longer, so all that its rule may read is kept.
    """
    due = cause.at + (budget.window or 0)
    kept = keep(cause, wanted_by_rule(rule), later=False)
    return Waiting(
        id=ids.waiting_id(plan.planned.action.id, "bid"),
        kind="bid",
        rule=cause.rule,
        path=plan.placed.path,
        action=cause.follows or "",
        due=due,
        until=due,
        dry_run=dry_run,
        since=cause.heard_from,
        budget=budget.name,
        counted=counted,
        cause=msgspec.structs.replace(kept, at=cause.fresh_at),
    )
