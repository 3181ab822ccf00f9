"""A decision that waits for what other systems say: its questions, their answers, and when it is ready."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flows import ids
from flows.customers import cause as causes
from flows.customers.cause import Cause
from flows.customers.decide import Decider
from flows.customers.keeping import evidence_of, keep_all
from flows.customers.rule_index import RuleIndex
from flows.customers.state import Asked, Customer
from flows.customers.triggers import AlarmFor, EventFor
from flows.rules.model import Rule
from flows.schema import Answer, Check, LookUp, Value


def ask(
    decider: Decider, customer: Customer, cause: Cause, trigger: AlarmFor | EventFor | None
) -> list[LookUp] | None:
    """Put a decision off until its questions are answered, and return them; None when it is decided at once.

    So it is when there is nothing to ask, or when whatever is answered its guard refuses.
    """
    rule = decider.rules.rule(cause.rule)
    if rule is None or not rule.look_ups or not rule.do.get(cause.moment):
        return None
    asker = decider.questions(customer, cause, dry_run=cause.dry_run or rule.mode == "dry_run")
    if cause.moment == "raised" and rule.guard is not None and asker.ask(rule.guard)[0] is False:
        return None
    asked: list[LookUp] = []
    for entry in rule.look_ups:
        key, _ = asker.value(entry.key)
        if key is not None:
            asked.append(
                LookUp(
                    id=ids.look_up_id(cause.decision, entry.name),
                    tenant=decider.tenant,
                    customer=cause.customer,
                    rule=rule.name,
                    name=entry.name,
                    source=entry.source,
                    key=key,
                    until=decider.now + entry.within,
                )
            )
    if asked:
        _put_off(
            customer, cause, trigger, max(decider.now, cause.at) + max(e.within for e in rule.look_ups), asked
        )
    return asked or None


def queue(customer: Customer, cause: Cause, trigger: AlarmFor) -> None:
    """Put a transition off until the one before it, which waits for answers, is decided."""
    earlier = [asked.due for _, _, asked in _asked(customer) if _is_before(asked, trigger)]
    _put_off(customer, cause, trigger, max(earlier), [])


def is_queued(customer: Customer, trigger: AlarmFor) -> bool:
    """Whether an earlier transition of the same episode waits for answers."""
    return any(_is_before(asked, trigger) for _, _, asked in _asked(customer))


def is_asked(customer: Customer, decision: str) -> bool:
    """Whether a decision waits already."""
    return any(decision in part.asked for part in customer.parts.values())


def take_answer(customer: Customer, answer: Answer) -> bool:
    """Note an answer; whether anybody waited for it."""
    for part in customer.parts.values():
        for asked in part.asked.values():
            name = next((n for n, question in asked.open.items() if question == answer.id), None)
            if name is not None:
                del asked.open[name]
                asked.values |= {f"{name}.{field}": value for field, value in answer.values.items()}
                part.number += 1
                return True
    return False


def ready(customer: Customer, now: int | None) -> tuple[str, str, Asked] | None:
    """(part, decision, what was asked) that can be decided: all is answered, or nobody waits longer by `now` (ms).

    The transitions of an episode go in their order.
    """
    found = [
        (part, decision, asked)
        for part, decision, asked in _asked(customer)
        if not asked.open or (now is not None and asked.due <= now)
        if not isinstance(asked.trigger, AlarmFor) or not is_queued(customer, asked.trigger)
    ]
    return min(found, key=lambda each: (each[2].due, each[1]), default=None)


def without_rule(customer: Customer, rules: RuleIndex) -> tuple[str, str, Asked] | None:
    """(part, decision, what was asked) of one whose rule is gone."""
    found = (each for each in _asked(customer) if rules.rule(each[2].rule) is None)
    return next(found, None)


def asked_cause(
    decider: Decider, customer: str, part: str, decision: str, asked: Asked
) -> tuple[Cause, list[Check]]:
    """What waited as a cause, with the answers among its values, and what is said of each question."""
    number = decider.rules.rule_set.number
    rule = decider.rules.rule(asked.rule)
    match asked.trigger:
        case AlarmFor():
            cause = causes.of_alarm(asked.trigger)
        case EventFor():
            cause = causes.of_event(asked.trigger, decider.tenant, rule, asked.rule, number)
        case None:
            cause = _of_kept(decision, part, customer, asked, number)
    values: dict[str, Value] = {**cause.values, **asked.values, "customer": customer}
    cause = msgspec.structs.replace(cause, customer=customer, part=part, values=values)
    return cause, [] if rule is None else _checks(rule, asked.values)


def _of_kept(decision: str, part: str, customer: str, asked: Asked, number: int) -> Cause:
    """A sequence's cause, as it was when it was complete."""
    kept = asked.kept
    if kept is None:
        return Cause(
            decision=decision, trigger="", rule=asked.rule, rule_set=number, subject="", name="",
            customer=customer, part=part, roles={}, at=asked.at, moment="raised", values={},
        )  # fmt: skip
    return Cause(
        decision=decision,
        trigger=kept.trigger,
        rule=asked.rule,
        rule_set=number,
        subject=kept.subject,
        name=kept.name,
        customer=customer,
        part=part,
        roles=kept.roles,
        at=asked.at,
        moment="raised",
        device=kept.device,
        values=kept.values,
        evidence=evidence_of(kept),
        since=kept.at,
    )


def _checks(rule: Rule, values: dict[str, Value]) -> list[Check]:
    """Of each question whether it was answered, and with what; unknown when it was not."""
    found: list[Check] = []
    for entry in rule.look_ups:
        said = {name: value for name, value in values.items() if name.startswith(f"{entry.name}.")}
        found.append(Check(kind="look_up", text=entry.name, result=True if said else None, values=said))
    return found


def _put_off(
    customer: Customer, cause: Cause, trigger: AlarmFor | EventFor | None, due: int, asked: list[LookUp]
) -> None:
    part = customer.part(cause.part)
    part.number += 1
    kept = None if trigger is not None else msgspec.structs.replace(keep_all(cause), at=cause.heard_from)
    part.asked[cause.decision] = Asked(
        cause.rule, trigger, due, {each.name: each.id for each in asked}, {}, kept, cause.at
    )


def _asked(customer: Customer) -> Iterator[tuple[str, str, Asked]]:
    for name, part in customer.parts.items():
        for decision, asked in part.asked.items():
            yield name, decision, asked


def _is_before(asked: Asked, trigger: AlarmFor) -> bool:
    mine = asked.trigger
    return (
        isinstance(mine, AlarmFor)
        and mine.alarm.episode == trigger.alarm.episode
        and mine.alarm.number < trigger.alarm.number
    )
