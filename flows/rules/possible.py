"""What a rule can do at all, so that a test which expects anything else is refused when it is loaded."""

from __future__ import annotations

from flows.rules.model import Absence, ActionEntry, Rule, Window, actions_in
from flows.rules.subject import Subject
from flows.schema import Transition

REFUSALS = (
    *("guard", "limit", "held", "too_late", "dry_run", "role", "silenced", "consent", "budget", "outbid"),
    *("held_out", "quiet", "share"),
)
_NEVER = {
    "too_late": "in a test everything is decided as it happens",
    "silenced": "in a test nobody silences a rule",
}


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


def whyever_not_refused(subject: Subject, moment: Transition | None, refusal: str) -> str | None:
    """Why what is asked for at a transition is never refused so; an event's actions stand under `raised`.

    No moment is some time after a transition, when only what follows can be refused.
    """
    rule = subject.rule
    entries = (
        rule.do.get(moment, ()) if moment is not None else [e for each in rule.do.values() for e in each]
    )
    if refusal in _NEVER:
        return _NEVER[refusal]
    actions = tuple(actions_in(entries))
    if not actions:
        return f"the rule does nothing when {moment}"
    if moment != "raised" and refusal in ("guard", "limit"):
        return "guard and limits hold back only what is raised"
    return _of_rule(rule, moment, refusal) or _of_actions(subject, actions, refusal)


def _of_rule(rule: Rule, moment: Transition | None, refusal: str) -> str | None:
    """Why a rule has nothing that refuses so."""
    counted = any(limit.per != "rule" for limit in rule.limits)
    reasons = {
        "guard": None if rule.guard is not None else "the rule has no `guard`",
        "limit": None if counted else "the rule has no such limit",
        "dry_run": None if rule.mode == "dry_run" else "the rule is no dry run",
        "held": None if moment != "escalated" else "an escalation acts even when its raise was held back",
        "held_out": None if rule.hold_out > 0 else "the rule has no `hold_out`",
        "share": None if rule.share < 1 else "the rule has no `share`",
    }
    return reasons.get(refusal)


def _of_actions(subject: Subject, actions: tuple[ActionEntry, ...], refusal: str) -> str | None:
    """Why no action of them is refused so."""
    names = {action.purpose for action in actions if action.purpose}
    used = [purpose for purpose in subject.used() if purpose.name in names]
    others = any(each.to not in (None, subject.rule.customer) for each in actions)
    reasons = {
        "role": None if others else "nothing goes to another role than the one that decides",
        "consent": None if any(each.consent for each in used) else "no purpose of it needs a consent",
        "budget": None if any(each.budget for each in used) else "no purpose of it has a budget",
        "outbid": None if subject.windows() else "no budget of it has a `window`",
        "quiet": None if names - {"safety"} else "nothing of it can rest",
    }
    return reasons.get(refusal)
