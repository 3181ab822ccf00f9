"""What follows an action: at its outcome, after a while, or a while after its outcome, unless something else comes.

A follow-up waits in the customer's state, and each is a decision of its own. It is given up a year after the action it
follows; its actions are worth doing from when it was due.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flows.customers import paths
from flows.customers.cause import Cause
from flows.customers.decide import Task
from flows.customers.keeping import evidence_of, wanted_by, with_outcome
from flows.customers.matching import is_match
from flows.customers.state import Customer, Heard
from flows.rules.model import FollowUp, Rule
from flows.schema import Outcome
from flows.schema_change import KeptCause, Waiting

RULE_REMOVED = "rule removed"
RULE_CHANGED = "rule changed: it has no such entry any more"
GIVEN_UP = "given up: no outcome has come in a year"
HELD = "what it follows is held"
_FINAL = frozenset({"failed", "suppressed", "expired"})


def cause_of(waiting: Waiting, part: str, customer: str, rule_set: int, at: int) -> Cause:
    """What waited as the cause of a decision at event time `at` (ms)."""
    kept = waiting.cause or KeptCause(trigger="", decision="", subject="", name="", at=waiting.since)
    return Cause(
        decision=waiting.id,
        trigger=waiting.id,
        rule=waiting.rule,
        rule_set=rule_set,
        subject=kept.subject,
        name=kept.name,
        customer=customer,
        part=part,
        roles=kept.roles,
        at=at,
        moment="raised",
        device=kept.device,
        episode=kept.episode,
        dry_run=waiting.dry_run,
        values=kept.values,
        evidence=evidence_of(kept),
        explanation=kept.explanation,
        root=kept,
        follows=waiting.action or None,
    )


def task_of(waiting: Waiting, rule: Rule | None) -> Task:
    """What is to be done when a follow-up is due; nothing when its rule no longer has it."""
    settles = (waiting.id,)
    if rule is None:
        return Task(nothing=RULE_REMOVED, settles=settles)
    follow_up = paths.follow_up_at(rule, waiting.path)
    if follow_up is None:
        return Task(nothing=RULE_CHANGED, settles=settles)
    return Task(
        entries=follow_up.do,
        path=waiting.path,
        condition=follow_up.condition,
        hold=HELD if waiting.held else None,
        settles=settles,
    )


def is_called_off(waiting: Waiting, rule: Rule | None, trigger: str, heard: Heard) -> bool:
    """Whether an event is what `unless` describes: since the cause, and not the cause itself.

    A follow-up that bids is still to come.
    """
    follow_up = None if rule is None else paths.follow_up_around(rule, waiting.path)
    kept = waiting.cause
    if follow_up is None or follow_up.unless is None or kept is None:
        return False
    in_time = waiting.since <= heard.at and (waiting.due is None or heard.at < waiting.due)
    return in_time and trigger != kept.trigger and is_match(follow_up.unless, heard, kept.values)


def awaiting(customer: Customer, action: str) -> list[tuple[str, Waiting]]:
    """The follow-ups that wait for an outcome of an action, with the names of their parts, in the rule's order."""
    found = [
        (part, w)
        for part, w in customer.waiting()
        if w.kind == "follow_up" and w.action == action and w.due is None
    ]
    return sorted(found, key=lambda each: (each[1].path, each[1].id))


def fits(follow_up: FollowUp, outcome: Outcome) -> bool:
    """Whether an outcome is one that a follow-up is for."""
    return outcome.status in follow_up.outcomes or outcome.result in follow_up.outcomes


def is_final(outcome: Outcome) -> bool:
    """Whether nothing more will come of an action."""
    return outcome.result is not None or outcome.status in _FINAL


def with_answer(waiting: Waiting, follow_up: FollowUp, outcome: Outcome) -> Waiting:
    """The follow-up once its outcome has come: what is said of it, and when it is due."""
    kept = waiting.cause
    if kept is not None:
        said = {"status": outcome.status, "result": outcome.result, **outcome.data}
        kept = with_outcome(kept, said, wanted_by(follow_up))
    due = outcome.at + (follow_up.after or 0)
    return msgspec.structs.replace(waiting, cause=kept, due=due, until=max(waiting.until, due), held=False)


def of_action(customer: Customer, action: str) -> Iterator[tuple[str, Waiting]]:
    """Whatever waits after an action."""
    for part, waiting in customer.waiting():
        if waiting.action == action:
            yield part, waiting
