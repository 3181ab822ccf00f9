"""Decisions and actions of a backtest as JSON, one a line."""

from __future__ import annotations

from typing import Any

import msgspec

from flows.backtest.lines import rfc3339
from flows.backtest.people_difference import ActionDiffering, ActionHow
from flows.schema import ActionStatus, Decision, PlannedAction, Transition, Verdict, encode


class ActionLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action as `telltale backtest --json` prints it: within its decision, or by itself where it differs.

    By itself `at` is the event time at which it was decided, and `side` and `difference` say how it differs.
    """

    side: str | msgspec.UnsetType = msgspec.UNSET
    difference: ActionHow | msgspec.UnsetType = msgspec.UNSET
    id: str
    name: str
    kind: str
    status: ActionStatus
    customer: str
    rule: str | msgspec.UnsetType = msgspec.UNSET
    at: int | msgspec.UnsetType = msgspec.UNSET
    time: str | msgspec.UnsetType | None = msgspec.UNSET
    to: str | None = None
    purpose: str | None = None
    about: str | None = None
    reason: str | None = None
    parameters: dict[str, Any] = {}


class DecisionLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision as `telltale backtest --json` prints it; `at` is the event time (ms) at which it was made.

    What a sensitive rule says stands in its actions as they would go out, and nowhere else.
    """

    decision: str
    customer: str
    rule: str
    verdict: Verdict
    at: int
    time: str | None
    trigger: str
    subject: str
    transition: Transition | None = None
    episode: str | None = None
    reason: str | None = None
    choice: str | None = None
    variant: str | None = None
    follows: str | None = None
    actions: tuple[ActionLine, ...] = ()


def decision_line(decision: Decision, now: int) -> str:
    """One decision as one line of JSON."""
    line = DecisionLine(
        decision=decision.id,
        customer=decision.customer,
        rule=decision.rule,
        verdict=decision.verdict,
        at=now,
        time=rfc3339(now),
        trigger=decision.trigger,
        subject=decision.subject,
        transition=decision.transition,
        episode=decision.episode,
        reason=decision.reason,
        choice=decision.choice,
        variant=decision.variant,
        follows=decision.follows,
        actions=tuple(_action(each) for each in decision.actions),
    )
    return encode(line).decode()


def differing_line(one: ActionDiffering) -> str:
    """One action that differs as one line of JSON."""
    line = msgspec.structs.replace(
        _action(one.mine.planned),
        side=one.side,
        difference=one.how,
        rule=one.mine.planned.action.rule,
        at=one.mine.at,
        time=rfc3339(one.mine.at),
    )
    return encode(line).decode()


def _action(planned: PlannedAction) -> ActionLine:
    action = planned.action
    return ActionLine(
        id=action.id,
        name=action.name,
        kind=action.kind,
        status=planned.status,
        customer=action.customer,
        to=action.to,
        purpose=action.purpose,
        about=action.about,
        reason=planned.reason,
        parameters=action.parameters,
    )
