"""A rule's verdict for a customer on an alarm, an event or what has waited, with every check and the values it saw.

The order is: mode, validity, share, guard, limits, choices, then of each action what `planning` asks. Guard and limits
gate `raised` alone. `escalated` acts even when the raise was held back; `deescalated`, `cleared` and `lapsed` follow up
what this episode did, and do nothing when it did nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flows.customers.brakes import Brakes, NoBrakes
from flows.customers.budgets import Purse
from flows.customers.cause import Cause
from flows.customers.choices import Chosen, choose, possible, unchosen
from flows.customers.consequences import GIVEN_UP_AFTER_MS, change_of
from flows.customers.holding import Holding
from flows.customers.planning import Ground, Plan, plan, valid_for
from flows.customers.questions import Questions
from flows.customers.rule_index import RuleIndex
from flows.customers.shares import Variant
from flows.customers.state import Customer, Episode, episode_key
from flows.expressions import Expression
from flows.rules.model import ActionEntry, Entry
from flows.rules.templates import fill
from flows.schema import Check, Decision, Value, Verdict
from flows.schema_change import Counted

_FOLLOW_UPS = frozenset({"deescalated", "cleared", "lapsed"})
_UNDONE = frozenset({"rule removed", "role ended"})
_VERDICTS: tuple[tuple[str, Verdict], ...] = (
    ("published", "acted"),
    ("held", "held"),
    ("dry_run", "dry_run"),
    ("refused", "refused"),
    ("too_late", "too_late"),
)
_TOO_LATE = "too late"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided of something that has waited.

    `entries` is the list at `path` of the rule, `condition` what is asked of it as a whole. With `gated` the guard and
    the limits gate it, and it is counted; without `compete` a bid is no bid any more. `nothing` says why nothing is
    done, `refused` why it may not be, `hold` why its actions are held. `settles` are the ids of what waits no more.
    """

    entries: tuple[Entry, ...] = ()
    path: str = ""
    condition: Expression | None = None
    gated: bool = False
    compete: bool = True
    nothing: str | None = None
    refused: str | None = None
    hold: str | None = None
    settles: tuple[str, ...] = ()


class Decider(msgspec.Struct, frozen=True):
    """Decides for one tenant with one rule set at one wall-clock time (ms); knows no customer by itself.

    `zone` is that of customers whose profile tells none; None leaves their hour unknown.
    """

    tenant: str
    rules: RuleIndex
    now: int
    zone: str | None = None
    brakes: Brakes = NoBrakes()

    def decide(
        self,
        customer: Customer,
        cause: Cause,
        task: Task | None = None,
        *,
        settles: tuple[str, ...] = (),
        answered: Sequence[Check] = (),
    ) -> Decision:
        """The decision, numbered after the customer's last; changes nothing.

        Without a task it is on the cause by itself. `settles` and `answered` are what it settles and knew before.
        """
        return _Deciding(self, customer, cause, task, settles, answered).decision()

    def questions(self, customer: Customer, cause: Cause, *, dry_run: bool) -> Questions:
        """What conditions may ask on a cause."""
        return Questions(
            customer,
            self.rules,
            cause.values,
            cause.at,
            episode=cause.episode,
            dry_rule=cause.rule if dry_run else None,
            zone=self.zone,
        )


class _Deciding:
    """One decision in the making."""

    def __init__(
        self,
        decider: Decider,
        customer: Customer,
        cause: Cause,
        task: Task | None,
        settles: tuple[str, ...],
        answered: Sequence[Check],
    ) -> None:
        self._decider, self._customer, self._cause, self._task = decider, customer, cause, task
        self._rule = rule = decider.rules.rule(cause.rule)
        self._dry = cause.dry_run or (rule is not None and rule.mode == "dry_run")
        self._settles = settles if task is None else (*settles, *task.settles)
        self._checks: list[Check] = []
        self._answered = answered
        self._questions = decider.questions(customer, cause, dry_run=self._dry)
        self._holding = (
            None
            if rule is None
            else Holding(rule, customer, cause, self._questions, dry_run=self._dry, goes_on=self._goes_on())
        )

    def decision(self) -> Decision:
        """Find the entries, hold back or plan each, and say what came of it."""
        task = self._task
        path, entries, reason = self._entries()
        self._checks += self._answered
        late = bool(entries) and self._all_late(entries)
        held_back = self._held_back() if entries and not late else None
        ground = self._ground(held_back)
        chosen = self._chosen(entries, path, made=not late and held_back is None)
        plans = [plan(placed, ground) for placed in chosen.actions]
        for each in plans:
            self._checks += each.checks
        reason = reason or held_back
        if entries and not plans and reason is None:
            reason = _TOO_LATE if late else _empty(chosen)
        refused = (entries and held_back is not None) or (task is not None and task.refused is not None)
        verdict: Verdict = "refused" if refused and not late else _verdict(plans, late=late)
        if reason is None and verdict not in ("acted", "dry_run"):
            reason = next((p.planned.reason for p in plans if p.planned.reason is not None), None)
        return self._result(verdict, reason, plans, chosen, ground)

    def _entries(self) -> tuple[str, tuple[Entry, ...], str | None]:
        """The path and the actions to ask for, or why there are none."""
        cause, rule, task = self._cause, self._rule, self._task
        if rule is None and cause.transition != "lapsed":
            missing = f"the rule {cause.rule} is not in rule set {self._decider.rules.rule_set.number}"
            return "", (), missing if task is None or task.nothing is None else task.nothing
        self._check("mode", "dry_run" if self._dry else "live", True)
        if task is not None:
            return self._of_task(task)
        refused = self._episode_refuses()
        if refused is not None:
            return "", (), refused
        if cause.transition == "lapsed" and (rule is None or cause.reason in _UNDONE):
            return "undo", self._undos(), None
        found = () if rule is None else rule.do.get(cause.moment, ())
        return cause.moment, found, None if found else f"the rule asks for nothing when {cause.moment}"

    def _of_task(self, task: Task) -> tuple[str, tuple[Entry, ...], str | None]:
        if task.nothing is not None:
            return "", (), task.nothing
        if task.refused is not None and not task.entries:
            return "", (), task.refused
        if task.condition is not None:
            result, seen = self._questions.ask(task.condition)
            self._check("if", task.condition.text, result, seen)
            if not result:
                return "", (), f"if: {task.condition.text} is {'unknown' if result is None else 'not so'}"
        return task.path, task.entries, None if task.entries else "the rule asks for nothing then"

    def _episode_refuses(self) -> str | None:
        """Why an episode comes to nothing here: it is over, or did nothing that could be followed up."""
        episode = self._episode()
        if episode is not None and episode.over:
            self._check("episode", "this episode goes on", False)
            return "this episode is over for the customer"
        if self._cause.moment in _FOLLOW_UPS:
            acted = episode is not None and episode.acted
            self._check("episode", "this episode did something", acted)
            if not acted:
                return "this episode did nothing that could be followed up"
        return None

    def _undos(self) -> tuple[ActionEntry, ...]:
        """What takes back what the episode of a removed rule, or of a former holder, had opened: however late."""
        return tuple(
            ActionEntry(
                name=f"close_case-{about}", kind="close_case", about=about, valid_for=GIVEN_UP_AFTER_MS
            )
            for about in sorted(self._opened())
        )

    def _episode(self) -> Episode | None:
        key = None if self._cause.episode is None else episode_key(self._cause.episode, dry_run=self._dry)
        return None if key is None else self._customer.episode(key)

    def _opened(self) -> dict[str, tuple[str, ...]]:
        """What this cause may close, by what it is about: its own episode's, for an event any of the customer's."""
        found: dict[str, tuple[str, ...]] = {}
        for action, item in self._customer.items():
            own = self._cause.episode is None or item.episode == self._cause.episode
            if own and item.kind == "case" and item.dry_run == self._dry:
                found[item.about] = (*found.get(item.about, ()), action)
        return found

    def _all_late(self, entries: Sequence[Entry]) -> bool:
        """Whether nothing is worth doing any more, so that nothing else is asked."""
        purposes, since = self._decider.rules.rule_set.purposes, self._cause.fresh_at
        return all(self._decider.now > since + valid_for(e, purposes) for e in possible(entries))

    def _held_back(self) -> str | None:
        """Why the list may not act at all."""
        task, holding = self._task, self._holding
        if holding is None:
            return None
        if task is not None and task.refused is not None:
            return task.refused
        refused = holding.refusal(gated=self._is_gated())
        self._checks += holding.checks
        return refused

    def _is_gated(self) -> bool:
        return self._task.gated if self._task is not None else self._cause.moment == "raised"

    def _goes_on(self) -> bool:
        """Whether something was done already that this goes on with."""
        episode = self._episode()
        waited = self._task is not None and self._cause.root is not None
        return waited or (episode is not None and episode.acted)

    def _chosen(self, entries: Sequence[Entry], path: str, *, made: bool) -> Chosen:
        """The actions of the list; a choice is made only where something may come of it."""
        if not made:
            return unchosen(entries, path)
        chosen = choose(entries, path, self._questions.ask)
        self._checks += chosen.checks
        return chosen

    def _ground(self, held_back: str | None) -> Ground:
        decider, task, rule, variant = self._decider, self._task, self._rule, self._variant()
        rule_set = decider.rules.rule_set
        return Ground(
            cause=self._explained(),
            customer=self._customer,
            deciding="owner" if rule is None else rule.customer,
            tenant=decider.tenant,
            rule_set=rule_set.number,
            purposes=rule_set.purposes,
            budgets=rule_set.budgets,
            now=decider.now,
            dry_run=self._dry,
            held_back=held_back,
            hold=None if task is None else task.hold,
            held_out=variant is not None and variant.held_out,
            compete=task is None or task.compete,
            sensitive=rule is not None and rule.sensitive,
            brakes=decider.brakes.active(decider.now),
            purse=Purse(self._customer, self._cause.at, self._dry),
            opened=self._opened(),
            ask=self._questions.ask,
        )

    def _explained(self) -> Cause:
        """The cause with its explanation: an event has it from the rule, a later transition says what it is."""
        cause = self._cause
        if cause.explanation or cause.root is not None:
            return cause
        if cause.transition not in (None, "raised"):
            severity = cause.values.get("severity")
            to = f" to {severity}" if severity and cause.transition in ("escalated", "deescalated") else ""
            return msgspec.structs.replace(cause, explanation=f"{cause.rule} {cause.transition}{to}.")
        if self._rule is None or not self._rule.explain:
            return cause
        return msgspec.structs.replace(cause, explanation=fill(self._rule.explain, cause.values))

    def _check(
        self, kind: str, text: str, result: bool | None, values: dict[str, Value] | None = None
    ) -> None:
        self._checks.append(Check(kind=kind, text=text, result=result, values=values or {}))

    def _counted(self, plans: Sequence[Plan]) -> list[Counted]:
        """What is counted under limits: what was done, and what was only not done because it was held out."""
        counts = self._is_gated() and any(each.goes or each.would_go for each in plans)
        return [] if self._holding is None or not counts else self._holding.counted()

    def _variant(self) -> Variant | None:
        return None if self._holding is None else self._holding.variant

    def _result(
        self, verdict: Verdict, reason: str | None, plans: Sequence[Plan], chosen: Chosen, ground: Ground
    ) -> Decision:
        cause, variant = ground.cause, self._variant()
        change = change_of(
            self._customer,
            cause,
            plans,
            rule=self._rule,
            gated=self._is_gated(),
            counted=self._counted(plans),
            closable=ground.opened,
            settled=self._settles,
            dry_run=self._dry,
        )
        return Decision(
            id=cause.decision,
            number=self._customer.number + 1,
            tenant=self._decider.tenant,
            customer=cause.customer,
            rule=cause.rule,
            rule_set=ground.rule_set,
            trigger=cause.trigger,
            transition=cause.transition,
            device=cause.device,
            episode=cause.episode,
            at=cause.at,
            decided_at=self._decider.now,
            verdict=verdict,
            reason=reason,
            checks=tuple(self._checks),
            actions=tuple(each.planned for each in plans),
            explanation=cause.explanation,
            subject=cause.subject,
            follows=cause.follows,
            choice=" + ".join(chosen.names) or None,
            variant=None if variant is None else variant.name,
            propensity=None if variant is None else variant.propensity,
            sensitive=ground.sensitive,
            change=change,
        )


def _empty(chosen: Chosen) -> str:
    """Why a list with entries comes to no action."""
    return f"{' + '.join(chosen.names)} asks for nothing" if chosen.names else "no alternative holds"


def _verdict(plans: Sequence[Plan], *, late: bool) -> Verdict:
    """What the decision as a whole came to."""
    found = {each.planned.status for each in plans}
    if not plans:
        return "too_late" if late else "nothing"
    if not found & {"published", "held", "dry_run"} and any(each.would_go for each in plans):
        return "nothing"
    for status, verdict in _VERDICTS:
        if status in found:
            return verdict
    return "nothing"
