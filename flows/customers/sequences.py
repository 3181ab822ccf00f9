"""Events in an order, and one that does not come: how far a sequence has got, as a pure function of what was heard.

Nothing but event time counts, so it is the same in whatever order events are read, by whichever handle they came and
after any crash. A step takes the first event that fits, less than `within` after the step before. That one does not
come is known only when the Clock has passed that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from flows import ids
from flows.customers.cause import Cause, event_trigger
from flows.customers.matching import holds
from flows.customers.state import Customer, Heard, Part, Progress
from flows.customers.triggers import EventFor
from flows.durations import format_duration
from flows.rules.model import Rule, SequenceStep
from flows.schema import Value

MOST = 16
"""So many sequences of one rule may be under way for one customer."""


TOO_MANY = f"{MOST} sequences of this rule are under way already"


class Walk(msgspec.Struct, frozen=True):
    """How far a sequence has got: `at` the time of its last step, `due` when it is to be looked at again (ms).

    Of one that is broken `at` is when it broke, `why` by what.
    """

    state: Literal["waiting", "broken", "complete"]
    step: int
    at: int
    due: int
    values: dict[str, Value]
    why: str = ""


def walk(
    steps: Sequence[SequenceStep], begun: Progress, heard: Sequence[tuple[str, Heard]], now: int | None
) -> Walk:
    """Go through the steps as far as what was `heard` (by time) leads.

    All before `now` (ms) is known; None when that cannot be said, as when an event has just come.
    """
    at, known, used = begun.at, dict(begun.values), {begun.begun}
    for place, step in enumerate(steps[1:], 1):
        end = at + (step.within or 0)
        passed = now is not None and now >= end
        found = _first(step, heard, at, end, known, used)
        stop = end if found is None or step.absent else found[1].at + 1
        anew = _begun_anew(steps[0], begun, heard, stop, used, found)
        if step.absent and found is not None and (anew is None or found[1].at <= anew.at):
            return Walk("broken", place, found[1].at, end, known, f"{step.event} came")
        if anew is not None:
            return Walk("broken", place, anew.at, end, known, f"another {anew.kind} began it anew")
        if step.absent and passed:
            at = end
        elif found is not None:
            at = found[1].at
            used.add(found[0])
            known |= named(step, found[1])
        elif passed:
            within = format_duration(step.within or 0)
            return Walk("broken", place, end, end, known, f"no {step.event} came within {within}")
        else:
            return Walk("waiting", place, at, end, known)
    return Walk("complete", len(steps), at, at, known)


def named(step: SequenceStep, heard: Heard) -> dict[str, Value]:
    """The fields of a step's event under the name that the rule gives it."""
    if not step.called:
        return {}
    return {f"{step.called}.{name.removeprefix('event.')}": value for name, value in heard.values.items()}


def begin(rule: Rule, tenant: str, found: EventFor, heard: Heard) -> tuple[str, Progress] | None:
    """The id and the beginning of a sequence with an event; None when the event does not begin one."""
    first, event = rule.sequence[0], found.event
    if heard.kind != first.event or not holds(first.where, heard, {}):
        return None
    begun = event_trigger(event.source, event.id)
    name = event.subject.partition(":")[2]
    due = heard.at + (rule.sequence[1].within or 0)
    values = named(first, heard)
    progress = Progress(rule.name, 1, heard.at, due, begun, event.subject, name, dict(found.roles), values)
    return ids.sequence_id(tenant, rule.name, event.source, event.id), progress


def sequence_cause(
    sequence: str, part: str, begun: Progress, done: Walk, customer: str, rule_set: int
) -> Cause:
    """A sequence that is over as a cause; what waits after it hears events from its beginning on."""
    values: dict[str, Value] = {**done.values, "rule": begun.rule, "customer": customer}
    device = begun.name if begun.subject.startswith("device:") else None
    if device is not None:
        values["device"] = device
    return Cause(
        decision=sequence,
        trigger=begun.begun,
        rule=begun.rule,
        rule_set=rule_set,
        subject=begun.subject,
        name=begun.name,
        customer=customer,
        part=part,
        roles=begun.roles,
        at=done.at,
        moment="raised",
        device=device,
        values=values,
        since=begun.at,
    )


def all_of(customer: Customer) -> list[tuple[str, str, Progress]]:
    """(part, id, how far) of the sequences under way, in the order in which they are due; one in two parts is one."""
    found = {
        key: (name, key, p) for name, part in customer.parts.items() for key, p in part.sequences.items()
    }
    return sorted(found.values(), key=lambda each: (each[2].due, each[1]))


def note(part: Part, begun: Progress, done: Walk) -> None:
    """Keep which step a sequence waits for, and until when."""
    if (begun.step, begun.due) != (done.step, done.due):
        begun.step, begun.due = done.step, done.due
        part.number += 1


def under_way(customer: Customer, rule: str) -> int:
    """How many sequences of a rule are under way."""
    return sum(p.rule == rule for part in customer.parts.values() for p in part.sequences.values())


def _first(
    step: SequenceStep,
    heard: Sequence[tuple[str, Heard]],
    at: int,
    end: int,
    known: dict[str, Value],
    used: set[str],
) -> tuple[str, Heard] | None:
    """The first event at or after `at` and before `end` that a step looks for."""
    return next(
        (
            (trigger, event)
            for trigger, event in heard
            if at <= event.at < end and event.kind == step.event and trigger not in used
            if holds(step.where, event, known)
        ),
        None,
    )


def _begun_anew(
    first: SequenceStep,
    begun: Progress,
    heard: Sequence[tuple[str, Heard]],
    stop: int,
    used: set[str],
    found: tuple[str, Heard] | None,
) -> Heard | None:
    """Another first event that came before `stop`, which begins a sequence that can restart anew."""
    if not first.restart:
        return None
    return next(
        (
            event
            for trigger, event in heard
            if (begun.at, begun.begun) < (event.at, trigger) and event.at < stop
            if event.kind == first.event and trigger not in used and (found is None or trigger != found[0])
            if holds(first.where, event, {})
        ),
        None,
    )
