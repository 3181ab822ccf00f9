"""One entry of a rule's list becomes a planned action: its id, its recipient, its texts, and whether it may go out.

What is asked of an action, in this order: is it in time, is the whole list held back, its `if`, its purpose, its
recipient, is there something to close, silences, consent, what rests. Then a customer held out gets nothing, a message
that competes waits as a bid, the budget is asked, a dry run does nothing, and a pause holds the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from flows import ids
from flows.customers.brakes import SAFETY, braking
from flows.customers.budgets import Purse
from flows.customers.cause import Cause
from flows.customers.choices import Placed
from flows.customers.consents import check_consent
from flows.customers.questions import Answer
from flows.customers.state import Customer
from flows.customers.suppressions import covers, end_of, resting
from flows.customers.texts import parameters_of
from flows.durations import format_duration
from flows.expressions import Expression
from flows.rules.model import ActionEntry, Budget, Purpose
from flows.schema import Action, ActionStatus, Brake, Check, PlannedAction, Value
from flows.schema_change import Spent

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_BY_PURPOSE = {"safety": 10 * MINUTE_MS, "service": DAY_MS, "marketing": 2 * HOUR_MS}
_TO_A_QUEUE = frozenset({"open_case", "close_case", "task"})
_DEFAULT_LANE = "normal"
HELD_OUT = "held out"

Ask = Callable[[Expression], Answer]


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all entries of one decision share.

    `held_back` says why nothing of the list may go out, `hold` why it is held for release, `opened` are the items this
    cause may close, by what they are about, `ask` evaluates a condition and tells what it saw. With `compete` a message
    under a budget with a window becomes a bid, unless it is held. The customer is looked at only.
    """

    cause: Cause
    customer: Customer
    deciding: str
    tenant: str
    rule_set: int
    purposes: Mapping[str, Purpose]
    budgets: Mapping[str, Budget]
    now: int
    dry_run: bool
    held_back: str | None
    hold: str | None = None
    held_out: bool = False
    compete: bool = True
    sensitive: bool = False
    brakes: Sequence[Brake] = ()
    purse: Purse
    opened: Mapping[str, tuple[str, ...]]
    ask: Ask


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A planned action with the entry it comes of, the checks in their order, and what it spends or bids for."""

    placed: Placed
    planned: PlannedAction
    checks: tuple[Check, ...]
    spent: Spent | None = None
    bid: Budget | None = None

    @property
    def goes(self) -> bool:
        """Whether the customer's state takes it as done: it goes out, would in a dry run, or is held for release."""
        return self.planned.status in ("published", "dry_run", "held")

    @property
    def would_go(self) -> bool:
        """Whether only holding out kept it back."""
        return self.planned.status == "skipped" and self.planned.reason == HELD_OUT


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


def plan(placed: Placed, ground: Ground) -> Plan:
    """The action of an entry, what becomes of it, and the checks that were asked."""
    return _Planning(placed, ground).plan()


class _Planning:
    """One action in the making."""

    def __init__(self, placed: Placed, ground: Ground) -> None:
        self._placed, self._entry, self._ground = placed, placed.entry, ground
        self._checks: list[Check] = []
        self._purpose = None if self._entry.purpose is None else ground.purposes.get(self._entry.purpose)
        self._id = ids.action_id(ground.cause.decision, self._entry.name)

    def plan(self) -> Plan:
        """Ask, then make the action, whole also when it does not go out: a decision tells what would have been."""
        ground, entry = self._ground, self._entry
        status, reason = self._refused()
        budget = self._budget()
        bid = spent = None
        if status == "published":
            if ground.held_out:
                status, reason = "skipped", HELD_OUT
            elif budget is not None and budget.window is not None and ground.compete and ground.hold is None:
                bid, status = budget, "skipped"
                reason = f"bids for the budget {budget.name} for {format_duration(budget.window)}"
            else:
                status, reason = self._let_go(budget)
        if status in ("published", "dry_run", "held") and budget is not None:
            spent = ground.purse.spend(budget, self._id)
        parameters = parameters_of(entry, ground.cause, ground.ask, self._checks, mask=self._is_masked())
        planned = PlannedAction(action=self._action(parameters), status=status, reason=reason)
        return Plan(placed=self._placed, planned=planned, checks=tuple(self._checks), spent=spent, bid=bid)

    def _refused(self) -> tuple[ActionStatus, str | None]:
        """Whether it may go out as far as rule, role and customer are concerned."""
        ground, entry = self._ground, self._entry
        until = ground.cause.fresh_at + valid_for(entry, ground.purposes)
        seen: dict[str, Value] = {"valid_until": until, "now": ground.now, "stale": ground.cause.stale}
        if not self._check("valid_for", "in time", ground.now <= until, seen):
            return "too_late", "too late"
        if ground.held_back is not None:
            return "refused", ground.held_back
        skipped = self._condition()
        if skipped is not None:
            return "skipped", skipped
        refused = self._purpose_allows() or self._recipient()
        if refused is None and entry.kind == "close_case" and not ground.opened.get(entry.about or ""):
            return "skipped", f"nothing was opened about {entry.about} that could be closed"
        refused = refused or self._silence() or self._consent() or self._rest()
        return ("published", None) if refused is None else ("refused", refused)

    def _let_go(self, budget: Budget | None) -> tuple[ActionStatus, str | None]:
        """What becomes of an action that nothing refuses: the budget, a dry run, a pause."""
        ground = self._ground
        if budget is not None:
            check, refused = ground.purse.check(budget, self._entry.name)
            self._checks.append(check)
            if refused is not None:
                return "refused", refused
        if ground.dry_run:
            return "dry_run", "dry run"
        if ground.hold is not None:
            return "held", ground.hold
        pause = self._brake("pause")
        return ("published", None) if pause is None else ("held", f"paused by {pause.who}: {pause.reason}")

    def _condition(self) -> str | None:
        """The entry's own `if`; unknown is no."""
        condition = self._entry.condition
        if condition is None:
            return None
        result, seen = self._ground.ask(condition)
        self._check("if", condition.text, result, seen)
        return None if result else f"if: {condition.text} is {'unknown' if result is None else 'not so'}"

    def _purpose_allows(self) -> str | None:
        """Whether the purpose is declared, and this rule may use it."""
        name, purpose, rule = self._entry.purpose, self._purpose, self._ground.cause.rule
        if name is None:
            return None
        allowed = purpose is not None and (purpose.rules is None or rule in purpose.rules)
        self._check("purpose", name, allowed)
        if purpose is None:
            return f"the purpose {name} is not declared"
        return None if allowed else f"the rule {rule} may not use the purpose {name}"

    def _recipient(self) -> str | None:
        """Whether somebody holds the role the action goes to."""
        entry = self._entry
        if entry.to is None or entry.kind in _TO_A_QUEUE:
            return None
        found = self._customer()
        self._check("role", entry.to, found is not None)
        return None if found is not None else f"nobody is the {entry.to} of {self._ground.cause.name}"

    def _silence(self) -> str | None:
        silence = self._brake("silence")
        if silence is None:
            return None
        reason = f"silenced by {silence.who}: {silence.reason}"
        self._check("silence", reason, False)
        return reason

    def _consent(self) -> str | None:
        """Whether the recipient agreed; only of who decides is that known here, and who is unknown has not."""
        ground, purpose = self._ground, self._purpose
        if purpose is None or purpose.consent is None:
            return None
        if self._customer() != ground.cause.customer:
            self._check("consent", purpose.consent, None)
            return f"the consent of the {self._entry.to} is not known where the {ground.deciding} decides"
        check, refused = check_consent(ground.customer.person, purpose.consent, self._entry.name)
        self._checks.append(check)
        return refused

    def _rest(self) -> str | None:
        """Whether the purpose rests; what serves safety never does."""
        ground, name = self._ground, self._entry.purpose
        if name is None or covers(SAFETY, name):
            return None
        rule, at = ground.cause.rule, ground.cause.at
        found = resting(ground.customer, name, at, rule=rule, dry_run=ground.dry_run)
        if found is None:
            return None
        seen: dict[str, Value] = {"rule": found.rule, "until": end_of(found)}
        self._check("quiet", name, False, seen)
        return f"quiet: {name} rests because of {found.rule}"

    def _brake(self, kind: str) -> Brake | None:
        ground = self._ground
        return braking(
            ground.brakes,
            "pause" if kind == "pause" else "silence",
            rule=ground.cause.rule,
            action=self._entry.kind,
            purpose=self._entry.purpose,
            values=ground.cause.values,
        )

    def _budget(self) -> Budget | None:
        """The budget that is drawn on, of who decides; what somebody else got is not known here, nor counted."""
        ground, purpose = self._ground, self._purpose
        if purpose is None or purpose.budget is None:
            return None
        customer = self._customer()
        if customer is not None and customer != ground.cause.customer:
            self._check("budget", f"{purpose.budget}: not that of the {self._entry.to}, so not counted", None)
            return None
        return ground.budgets.get(purpose.budget)

    def _customer(self) -> str | None:
        """Whom the action goes to: the deciding customer, or who holds the role; cases and tasks are the decider's."""
        cause, entry = self._ground.cause, self._entry
        if entry.to is None or entry.to == self._ground.deciding or entry.kind in _TO_A_QUEUE:
            return cause.customer
        return cause.roles.get(entry.to)

    def _is_masked(self) -> bool:
        """Whether people beyond the customer read its texts."""
        return self._ground.sensitive and self._entry.kind in _TO_A_QUEUE

    def _action(self, parameters: dict[str, object]) -> Action:
        ground, cause, entry = self._ground, self._ground.cause, self._entry
        customer = self._customer() or cause.customer
        attached = entry.parameters.get("attach")
        attach = isinstance(attached, list | tuple) and "evidence" in attached and not self._is_masked()
        return Action(
            id=self._id,
            name=entry.name,
            kind=entry.kind,
            lane=_DEFAULT_LANE if self._purpose is None else self._purpose.lane,
            purpose=entry.purpose,
            tenant=ground.tenant,
            customer=customer,
            to=entry.to,
            decider="" if customer == cause.customer else cause.customer,
            rule=cause.rule,
            rule_set=ground.rule_set,
            decision=cause.decision,
            episode=cause.episode,
            device=cause.device,
            transition=cause.transition,
            at=cause.at,
            valid_until=cause.fresh_at + valid_for(entry, ground.purposes),
            about=entry.about,
            parameters=parameters,
            evidence=cause.evidence if attach else None,
            explanation="" if self._is_masked() else cause.explanation,
            sensitive=ground.sensitive,
        )

    def _check(
        self, kind: str, text: str, result: bool | None, values: dict[str, Value] | None = None
    ) -> bool | None:
        check = Check(kind=kind, text=text, result=result, values=values or {}, action=self._entry.name)
        self._checks.append(check)
        return result
