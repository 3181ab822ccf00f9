"""Decisions in the words of a rule's tests: what was done, why not, and what rests no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.customers.planning import HELD_OUT
from flows.customers.releases import RELEASE
from flows.rules.testing import Done, Happened
from flows.schema import Action, Alarm, Decision

# How the reason of a decision or an action begins, and the word that a test has for it.
_REFUSALS = {
    "guard": "guard",
    "limit": "limit",
    "share": "share",
    "outbid": "outbid",
    "budget": "budget",
    "quiet": "quiet",
    "silenced": "silenced",
    "nobody is": "role",
    "no consent": "consent",
    "the consent": "consent",
}


def of_alarm(decision: Decision, alarm: Alarm, start: int) -> Happened:
    """What came of a transition at once; `start` (ms) is when the case begins."""
    did, (refused, because) = _done(decision), _refused(decision)
    return Happened(
        at=alarm.at - start,
        transition=alarm.transition,
        severity=alarm.severity,
        do=did,
        refused=refused,
        because="" if did else because,
    )


def of_anything_else(decision: Decision, at: int, names: Mapping[str, str]) -> Iterator[Happened]:
    """What came of an event, or came later, `at` ms after the start; nothing where there was nothing to do.

    `names` are those of all actions so far, by id.
    """
    did, (refused, because) = _done(decision), _refused(decision)
    released = [
        names.get(str(each.action.parameters.get("suppress")), RELEASE)
        for each in decision.actions
        if each.action.kind == RELEASE
    ]
    for name in released:
        yield Happened(at=at, refused=refused, released=name)
    if not released and (did or refused is not None):
        yield Happened(at=at, do=did, refused=refused, because="" if did else because)


def _done(decision: Decision) -> tuple[Done, ...]:
    """The actions that go out (or would, in a dry run)."""
    return tuple(_told(p.action) for p in decision.actions if p.status in ("published", "dry_run"))


def _told(action: Action) -> Done:
    """An action with what a test may ask of it."""
    own = {"to": action.to, "purpose": action.purpose, "about": action.about, **action.parameters}
    return Done(action.name, {name: str(value) for name, value in own.items() if value is not None})


def _refused(decision: Decision) -> tuple[str | None, str]:
    """Why the actions do not go out, in the word of the tests (None: any does, or none was wanted) and in its own."""
    reason = decision.reason or ""
    if decision.verdict == "refused":
        # What a condition leaves out is no refusal, though it may be told first.
        refused = (each.reason or "" for each in decision.actions if each.status == "refused")
        reason = next((each for each in (reason, *refused) if _word(each) is not None), reason)
        return _word(reason) or reason, _guarded(decision) if _word(reason) == "guard" else reason
    if decision.verdict in ("held", "too_late", "dry_run"):
        return decision.verdict, reason
    held_out = decision.verdict == "nothing" and any(each.reason == HELD_OUT for each in decision.actions)
    return "held_out" if held_out else None, reason


def _guarded(decision: Decision) -> str:
    """What the guard asked, and what it saw."""
    asked = next((each for each in decision.checks if each.kind == "guard"), None)
    if asked is None:
        return ""
    seen = ", ".join(
        f"{name} {'unknown' if value is None else value}" for name, value in asked.values.items()
    )
    return f"{asked.text} is {'unknown' if asked.result is None else 'not so'}: {seen}"


def _word(reason: str) -> str | None:
    return next((word for begin, word in _REFUSALS.items() if reason.startswith(begin)), None)
