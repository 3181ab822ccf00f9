"""Why something was done or not, told from what is on the topics: decisions with their checks, and outcomes.

Of a sensitive decision the explanation and all values that its checks saw are masked. Which rule decided, what was
asked and what came of it is told of every decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flows.customers.masking import MASK, masked
from flows.schema import Check, Decision, Outcome, PlannedAction, Value, Verdict


class CheckTold(msgspec.Struct, frozen=True, kw_only=True):
    """One question, its answer (`yes`, `no`, `unknown`) and the values it saw; `action` None is of the whole."""

    kind: str
    text: str
    answer: str
    values: Mapping[str, Value]
    action: str | None


class ActionTold(msgspec.Struct, frozen=True, kw_only=True):
    """One action: what was decided about it, and what became of it (`none yet` until an outcome is known)."""

    id: str
    name: str
    kind: str
    to: str | None
    customer: str
    status: str
    reason: str | None
    outcome: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One decision told; `at` is the event time of its cause in ms, `said` the whole in a sentence."""

    decision: str
    customer: str
    rule: str
    rule_set: int
    subject: str
    transition: str | None
    at: int
    decided_at: int
    verdict: Verdict
    said: str
    explanation: str
    checks: tuple[CheckTold, ...]
    actions: tuple[ActionTold, ...]


def why_id(wanted: str, decisions: Iterable[Decision], outcomes: Iterable[Outcome]) -> list[Why]:
    """The decisions that an id names: its own, its trigger's, its episode's, that of an action and what followed it."""
    found = {d.id: d for d in decisions if _is_named(d, wanted)}
    return _told(found.values(), outcomes)


def why_customer(
    customer: str, rule: str | None, decisions: Iterable[Decision], outcomes: Iterable[Outcome]
) -> list[Why]:
    """The decisions of a customer, of one rule or of all, in their order."""
    found = {d.id: d for d in decisions if d.customer == customer and (rule is None or d.rule == rule)}
    return _told(found.values(), outcomes)


def _is_named(decision: Decision, wanted: str) -> bool:
    mine = (decision.id, decision.trigger, decision.episode, decision.follows)
    return wanted in mine or any(p.action.id == wanted for p in decision.actions)


def _told(decisions: Iterable[Decision], outcomes: Iterable[Outcome]) -> list[Why]:
    latest = {outcome.id: outcome for outcome in outcomes}
    ordered = sorted(decisions, key=lambda d: (d.customer, d.number))
    return [_tell(decision, latest) for decision in ordered]


def _tell(decision: Decision, outcomes: Mapping[str, Outcome]) -> Why:
    return Why(
        decision=decision.id,
        customer=decision.customer,
        rule=decision.rule,
        rule_set=decision.rule_set,
        subject=decision.subject,
        transition=decision.transition,
        at=decision.at,
        decided_at=decision.decided_at,
        verdict=decision.verdict,
        said=_sentence(decision),
        explanation=MASK if decision.sensitive and decision.explanation else decision.explanation,
        checks=tuple(_check(check, mask=decision.sensitive) for check in decision.checks),
        actions=tuple(_action(planned, outcomes.get(planned.action.id)) for planned in decision.actions),
    )


def _sentence(decision: Decision) -> str:
    """The verdict in words."""
    done = [p.action.name for p in decision.actions if p.status == "published"]
    because = "" if decision.reason is None else f": {decision.reason}"
    match decision.verdict:
        case "acted":
            chosen = "" if decision.choice is None else f" (chose {decision.choice})"
            return f"acted: {', '.join(done)}{chosen}{because}"
        case "dry_run":
            would = [p.action.name for p in decision.actions if p.status == "dry_run"]
            return f"dry run, would have done: {', '.join(would)}"
        case "too_late":
            return "not done: too late"
        case "held":
            return f"held for release{because}"
        case "refused":
            return f"refused{because}"
        case _:
            return f"nothing to do{because}"


def _check(check: Check, *, mask: bool) -> CheckTold:
    answer = {True: "yes", False: "no", None: "unknown"}[check.result]
    values = masked(check.values) if mask else check.values
    return CheckTold(kind=check.kind, text=check.text, answer=answer, values=values, action=check.action)


def _action(planned: PlannedAction, outcome: Outcome | None) -> ActionTold:
    action = planned.action
    became = "none yet" if planned.status == "published" else "none"
    if outcome is not None:
        became = outcome.status if outcome.reason is None else f"{outcome.status}: {outcome.reason}"
    return ActionTold(
        id=action.id,
        name=action.name,
        kind=action.kind,
        to=action.to,
        customer=action.customer,
        status=planned.status,
        reason=planned.reason,
        outcome=became,
    )
