"""What the rules say to what reaches a customer: each method decides, applies, and returns what was decided.

The bucket calls it with a customer who is known to be the right one, after it has taken the trigger into the profile.
Nothing here knows of handoffs, snapshots or topics. What is decided is applied by `state.apply` alone, so that a
decision that is read back does the same. What an event or an outcome moves on by itself (what was heard, a condition
that was met, the time at which something is due) depends on these alone, so that it comes out the same when they are
read again. A decision that was folded is in `pending`: whoever comes upon it again decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from flows.customers import cause as causes
from flows.customers import follow_ups, lapses, look_ups, releases, sequences, suppressions
from flows.customers.cause import Cause
from flows.customers.changes import OWNER
from flows.customers.decide import Task
from flows.customers.listening import forget_heard, heard_by
from flows.customers.paths import action_at
from flows.customers.settling import Settling, put_waiting
from flows.customers.state import (
    FORGET_AFTER_MS,
    Asked,
    Customer,
    Heard,
    is_decided,
    settle,
    take_outcome,
)
from flows.customers.suppressions import end_of
from flows.customers.triggers import AlarmFor, AnswerOf, EventFor, OutcomeOf, RoleEnded
from flows.rules.model import Rule
from flows.schema import Decision, LookUp
from flows.schema_change import Waiting

Judged = Decision | LookUp


class Judge(Settling):
    """Decides with one rule set at one wall-clock time; knows no customer by itself."""

    def on_alarm(self, customer: Customer, found: AlarmFor) -> Sequence[Judged]:
        """Decide on a transition, unless that was done before."""
        alarm = found.alarm
        folded = customer.pending.pop(alarm.id, None) is not None
        if folded or is_decided(customer, alarm.episode, alarm.number):
            return []
        if look_ups.is_asked(customer, alarm.id):
            return []
        cause = causes.of_alarm(found)
        if look_ups.is_queued(customer, found):
            asked = look_ups.ask(self._decider, customer, cause, found)
            if asked is None:
                look_ups.queue(customer, cause, found)
            return asked or []
        return [*self._begin(customer, cause, found), *self._notice(customer)]

    def on_event(self, customer: Customer, found: EventFor) -> Sequence[Judged]:
        """Move on what waits for such an event, then decide for each rule that this customer decides on it."""
        out: list[Judged] = []
        roles = (OWNER, *found.hears) if found.counts else found.hears
        heard = self._rules.listening.hear(customer, found) if roles else None
        if heard is not None:
            out += self._begin_sequences(customer, found, heard, roles)
            out += self._notice(customer)
            out += self._advance(customer, None)
        for name in found.rules:
            rule = self._rules.rule(name)
            cause = causes.of_event(found, self._decider.tenant, rule, name, self._number)
            # What was published of a rule binds also once the set has lost it.
            if cause.decision in customer.pending or (rule is not None and rule.event == found.event.type):
                out += self._begin(customer, cause, found)
        return [*out, *self._notice(customer)]

    def on_outcome(self, customer: Customer, found: OutcomeOf) -> Sequence[Judged]:
        """Note what became of an action, and do what follows."""
        outcome = found.outcome
        take_outcome(customer, outcome)
        out: list[Judged] = []
        for part, waiting in list(follow_ups.of_action(customer, outcome.id)):
            if waiting.held:
                put_waiting(customer, part, replace(waiting, held=False))
        for part, waiting in list(follow_ups.of_action(customer, outcome.id)):
            if waiting.kind == "quiet" and outcome.result == suppressions.RELEASED_BY_HAND:
                out += self._release(customer, part, waiting, outcome.at, releases.BY_HAND)
        for part, waiting in follow_ups.awaiting(customer, outcome.id):
            out += self._follow_outcome(customer, part, waiting, outcome)
        return [*out, *self._notice(customer)]

    def on_answer(self, customer: Customer, found: AnswerOf) -> Sequence[Judged]:
        """Decide what waited for the answer, once it has all."""
        if not look_ups.take_answer(customer, found.answer):
            return []
        return [*self._decide_ready(customer, None), *self._notice(customer)]

    def on_due(self, customer: Customer, now: int) -> Sequence[Judged]:
        """Decide what is due by `now` (ms of the Clock), in its order."""
        out: list[Judged] = [*self._notice(customer), *self._advance(customer, now)]
        out += self._decide_ready(customer, now)
        out += self._notice(customer)
        while (first := _first_due(customer, now)) is not None:
            out += self._decide_due(customer, *first)
            out += self._notice(customer)
        forget_heard(customer, now)
        for decision in [d for d, at in customer.pending.items() if at < now - FORGET_AFTER_MS]:
            del customer.pending[decision]
        return out

    def on_rules(self, customer: Customer) -> Sequence[Judged]:
        """Let go of what belongs to rules that are gone; what rested may be done again, stages stay."""
        out: list[Decision] = []
        for part, waiting in list(customer.waiting()):
            out += self._without_rule(customer, part, waiting)
        for part, sequence, begun in sequences.all_of(customer):
            rule = self._rules.rule(begun.rule)
            if rule is None or not rule.sequence:
                done = sequences.Walk("broken", 0, max(customer.at, begun.at), 0, {})
                cause = sequences.sequence_cause(sequence, part, begun, done, customer.name, self._number)
                out += self._decide(customer, cause, Task(nothing=follow_ups.RULE_REMOVED), (sequence,))
        while (found := look_ups.without_rule(customer, self._rules)) is not None:
            out += self._decide_asked(customer, *found, task=Task(nothing=follow_ups.RULE_REMOVED))
        return out

    def on_role_ended(self, customer: Customer, found: RoleEnded) -> Sequence[Judged]:
        """Let the customer's episodes of the thing lapse."""
        out: list[Judged] = []
        for cause, settles in lapses.ended(customer, found, self._rules):
            out += self._decide(customer, cause, settles=settles)
        return out

    def _begin(
        self,
        customer: Customer,
        cause: Cause,
        trigger: AlarmFor | EventFor | None,
        settles: tuple[str, ...] = (),
    ) -> list[Judged]:
        """Decide on a cause, or ask first what its rule wants to know."""
        if cause.decision not in customer.pending:
            # First, for a sequence that waits for answers then does so by the same id.
            settle(customer, settles)
            asked = look_ups.ask(self._decider, customer, cause, trigger)
            if asked is not None:
                return [*asked]
        return [*self._decide(customer, cause, settles=settles)]

    def _notice(self, customer: Customer) -> list[Decision]:
        """Let what was heard call off follow-ups and meet the conditions of suppressions, whichever came first."""
        waits = [(p, w) for p, w in customer.waiting() if w.kind in ("follow_up", "bid", "quiet")]
        heard = heard_by(customer) if waits else []
        out: list[Decision] = []
        for part, waiting in waits if heard else []:
            rule = self._rules.rule(waiting.rule)
            if waiting.kind == "quiet":
                self._meet(customer, part, waiting, rule, heard)
                continue
            found = next((h for t, h in heard if follow_ups.is_called_off(waiting, rule, t, h)), None)
            if found is not None:
                at = max(found.at, waiting.since)
                out += self._drop(customer, part, waiting, at, f"called off: {found.kind} came")
        return out

    def _meet(
        self,
        customer: Customer,
        part: str,
        waiting: Waiting,
        rule: Rule | None,
        heard: Sequence[tuple[str, Heard]],
    ) -> None:
        entry = None if rule is None else action_at(rule, waiting.path)
        if entry is None or entry.suppress is None:
            return
        met = waiting
        for trigger, event in heard:
            met = suppressions.with_event(met, entry.suppress.until, trigger, event)
        if met != waiting:
            put_waiting(customer, part, met)

    def _begin_sequences(
        self, customer: Customer, found: EventFor, heard: Heard, roles: Sequence[str]
    ) -> list[Decision]:
        out: list[Decision] = []
        for rule in self._rules.with_step(found.event.type):
            begun = sequences.begin(rule, self._decider.tenant, found, heard)
            if begun is None or rule.customer not in roles:
                continue
            sequence, progress = begun
            if sequences.under_way(customer, rule.name) < sequences.MOST:
                part = customer.part(found.part)
                part.number += 1
                part.sequences[sequence] = progress
                continue
            done = sequences.Walk("broken", 0, found.at, 0, {})
            cause = sequences.sequence_cause(
                sequence, found.part, progress, done, found.customer, self._number
            )
            out += self._decide(customer, cause, Task(refused=sequences.TOO_MANY))
        return out

    def _advance(self, customer: Customer, now: int | None) -> list[Judged]:
        """See how far each sequence has got, in the order in which they are due."""
        under_way = sequences.all_of(customer)
        heard = heard_by(customer) if under_way else []
        out: list[Judged] = []
        for part, sequence, begun in under_way:
            rule = self._rules.rule(begun.rule)
            if rule is None or not rule.sequence:
                continue
            done = sequences.walk(rule.sequence, begun, heard, now)
            if done.state == "waiting":
                sequences.note(customer.part(part), begun, done)
                continue
            cause = sequences.sequence_cause(sequence, part, begun, done, customer.name, self._number)
            if done.state == "broken":
                out += self._decide(customer, cause, Task(nothing=f"broken: {done.why}"), (sequence,))
            else:
                out += self._begin(customer, cause, None, settles=(sequence,))
        return out

    def _decide_ready(self, customer: Customer, now: int | None) -> list[Decision]:
        out: list[Decision] = []
        while (found := look_ups.ready(customer, now)) is not None:
            out += self._decide_asked(customer, *found)
        return out

    def _decide_asked(
        self, customer: Customer, part: str, decision: str, asked: Asked, task: Task | None = None
    ) -> list[Decision]:
        cause, checks = look_ups.asked_cause(self._decider, customer.name, part, decision, asked)
        return self._decide(customer, cause, task, (decision,), checks)


def _first_due(customer: Customer, now: int) -> tuple[str, Waiting] | None:
    """What waits and is due first by `now` (ms), and its part."""
    found = [(part, w) for part, w in customer.waiting() if end_of(w) <= now]
    return min(found, key=lambda each: (end_of(each[1]), each[1].id), default=None)


def due(customer: Customer) -> int | None:
    """When (ms) something of a customer is to be looked at next; None when nothing waits."""
    found: list[int] = []
    for part in customer.parts.values():
        found += [end_of(w) for w in part.waiting.values()]
        found += [progress.due for progress in part.sequences.values()]
        found += [asked.due for asked in part.asked.values()]
        if part.heard:
            found.append(max(heard.until for heard in part.heard.values()))
    return min(found, default=None)
