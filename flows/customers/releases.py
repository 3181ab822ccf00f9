"""The end of a suppression: what rested may be done again, and whoever stopped adverts is told."""

from __future__ import annotations

import msgspec

from flows import ids
from flows.customers.brakes import braking
from flows.customers.cause import Cause
from flows.customers.decide import Decider
from flows.customers.state import Customer
from flows.schema import Action, ActionStatus, Check, Decision, PlannedAction, Verdict
from flows.schema_change import Change, Waiting

RELEASE = "release"
SATISFIED = "satisfied"
AT_MOST = "at_most passed"
BY_HAND = "a person said so"
_VALID_MS = 366 * 86_400_000
_LANE = "normal"


def release(decider: Decider, customer: Customer, cause: Cause, waiting: Waiting, reason: str) -> Decision:
    """The decision that ends a suppression, with its reason.

    It is never refused or too late; a pause, or what it follows being held, holds its action, but not the end.
    """
    rules = decider.rules
    rule = rules.rule(waiting.rule)
    sensitive = rule is not None and rule.sensitive
    action = _action(decider, cause, waiting, reason)
    status: ActionStatus = "published"
    why: str | None = None
    pause = braking(
        decider.brakes.active(decider.now),
        "pause",
        rule=waiting.rule,
        action=RELEASE,
        purpose=None,
        values=cause.values,
    )
    if waiting.dry_run:
        status, why = "dry_run", "dry run"
    elif waiting.held:
        status, why = "held", "what it follows is held"
    elif pause is not None:
        status, why = "held", f"paused by {pause.who}: {pause.reason}"
    verdict: Verdict = "acted" if status == "published" else "dry_run" if status == "dry_run" else "held"
    planned = PlannedAction(
        action=msgspec.structs.replace(action, sensitive=sensitive), status=status, reason=why
    )
    return Decision(
        id=cause.decision,
        number=customer.number + 1,
        tenant=decider.tenant,
        customer=cause.customer,
        rule=waiting.rule,
        rule_set=rules.rule_set.number,
        trigger=cause.trigger,
        device=cause.device,
        episode=cause.episode,
        at=cause.at,
        decided_at=decider.now,
        verdict=verdict,
        reason=reason,
        checks=(Check(kind="release", text=reason, result=True, values={"until": waiting.until}),),
        actions=(planned,),
        explanation=cause.explanation,
        subject=cause.subject,
        follows=cause.follows,
        sensitive=sensitive,
        change=Change(part=cause.part, acted=True, dry_run=waiting.dry_run, settled=(waiting.id,)),
    )


def _action(decider: Decider, cause: Cause, waiting: Waiting, reason: str) -> Action:
    return Action(
        id=ids.action_id(cause.decision, RELEASE),
        name=RELEASE,
        kind=RELEASE,
        lane=_LANE,
        tenant=decider.tenant,
        customer=cause.customer,
        rule=waiting.rule,
        rule_set=decider.rules.rule_set.number,
        decision=cause.decision,
        episode=cause.episode,
        device=cause.device,
        at=cause.at,
        valid_until=cause.at + _VALID_MS,
        parameters={
            "suppress": waiting.action,
            "purposes": list(waiting.purposes),
            "items": list(waiting.items),
            "reason": reason,
        },
        explanation=cause.explanation,
    )
