"""What a rule can do at all, so that a test which expects anything else is refused when it is loaded."""

from __future__ import annotations

from flows.rules.model import Absence, Rule, Window, actions_in
from flows.schema import Transition

NEVER = "too_late"
"""The refusal that no test sees, because in a test nothing is decided later than it happens."""


def whyever_not(rule: Rule, transition: Transition) -> str | None:
    """Why a rule on a stream never has a transition, None if it can."""
    several = len(rule.severities) > 1
    if transition in ("escalated", "deescalated") and not several:
        return "the rule has not two severities to go between"
    if transition == "deescalated" and not any(each.clear for each in rule.severities):
        return "no severity has a `clear`, so it never falls"
    if transition == "lapsed" and rule.ends_silent is None:
        return "the rule has no `ends: {silent: …}`"
    return None


def severities_after(rule: Rule, transition: Transition) -> tuple[str, ...]:
    """The severities that an episode can have after a transition."""
    names = tuple(each.name for each in rule.severities)
    if transition == "raised" and all(isinstance(p, Window | Absence) for p in rule.patterns):
        return names[:1]
    if transition == "escalated":
        return names[1:]
    return names[:-1] if transition == "deescalated" else names


def at_readings_only(rule: Rule, transition: Transition | None) -> bool:
    """Whether a transition comes only as a reading does: not by silence, and not as a window closes."""
    return transition != "lapsed" and not any(isinstance(p, Window | Absence) for p in rule.patterns)


def whyever_not_refused(rule: Rule, moment: Transition, refusal: str) -> str | None:
    """Why what is asked for at a transition is never refused so; an event's actions stand under `raised`."""
    entries = rule.do.get(moment, ())
    raised = moment == "raised"
    if refusal == NEVER:
        return "in a test everything is decided as it happens"
    if not entries:
        return f"the rule does nothing when {moment}"
    reasons = {
        "guard": None if raised and rule.guard is not None else "the rule has no `guard`",
        "limit": None
        if raised and any(x.per != "rule" for x in rule.limits)
        else "the rule has no such limit",
        "dry_run": None if rule.mode == "dry_run" else "the rule is no dry run",
        "held": None if moment != "escalated" else "an escalation acts even when its raise was held back",
        "role": None
        if any(each.kind == "notify" and each.to != rule.customer for each in actions_in(entries))
        else "nothing goes to another role than the one that decides",
    }
    if not raised and refusal in ("guard", "limit"):
        return "guard and limits hold back only what is raised"
    return reasons.get(refusal)
