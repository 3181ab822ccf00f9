"""What rests for a customer while a suppression lasts, what ends one, and what is said when it ends."""

from __future__ import annotations

from msgspec.structs import replace

from flows.customers.matching import is_match
from flows.customers.state import Customer, Heard
from flows.rules.model import Until
from flows.schema_change import Waiting

RELEASED_BY_HAND = "released"
"""The result of an outcome by which a person ends a suppression."""


def covers(wider: str, purpose: str) -> bool:
    """Whether a purpose is another or lies below it: `marketing` covers `marketing.cart`."""
    return purpose == wider or purpose.startswith(f"{wider}.")


def end_of(waiting: Waiting) -> int:
    """Up to when (ms) a suppression lasts, as far as is known."""
    return waiting.until if waiting.due is None else min(waiting.due, waiting.until)


def lasting(customer: Customer, at: int) -> list[Waiting]:
    """The suppressions that last at event time `at` (ms), also those that a dry run pretends."""
    return [w for _, w in customer.waiting() if w.kind == "quiet" and at < end_of(w)]


def resting(customer: Customer, purpose: str, at: int, *, rule: str, dry_run: bool) -> Waiting | None:
    """What lets a purpose rest at event time `at` (ms) for a rule; of several what ends last.

    A rule's own suppression does not bind it, and what a dry run pretends binds nobody but dry runs.
    """
    found = [
        w
        for w in lasting(customer, at)
        if w.rule != rule and (dry_run or not w.dry_run) and any(covers(p, purpose) for p in w.purposes)
    ]
    return max(found, key=lambda w: (end_of(w), w.id), default=None)


def quiet(customer: Customer, at: int) -> dict[str, int]:
    """The purposes that rest at event time `at` (ms), and until when at the latest."""
    found: dict[str, int] = {}
    for waiting in lasting(customer, at):
        for purpose in () if waiting.dry_run else waiting.purposes:
            found[purpose] = max(found.get(purpose, 0), end_of(waiting))
    return dict(sorted(found.items()))


def items(customer: Customer, at: int) -> tuple[str, ...]:
    """What is not to be advertised at event time `at` (ms)."""
    return tuple(sorted({item for w in lasting(customer, at) if not w.dry_run for item in w.items}))


def with_event(waiting: Waiting, until: Until, trigger: str, heard: Heard) -> Waiting:
    """The suppression once an event is known, the same if it does not count: the first of each condition does.

    What is said depends on the events alone, not on their order.
    """
    if waiting.cause is None or heard.at < waiting.since or trigger == waiting.cause.trigger:
        return waiting
    times = dict(zip(waiting.met, waiting.met_at, strict=True))
    for place, match in enumerate(until.events):
        if heard.at < times.get(place, heard.at + 1) and is_match(match, heard, waiting.cause.values):
            times[place] = heard.at
    if times == dict(zip(waiting.met, waiting.met_at, strict=True)):
        return waiting
    met = tuple(sorted(times))
    return _copy(waiting, met, tuple(times[place] for place in met), until)


def _copy(waiting: Waiting, met: tuple[int, ...], met_at: tuple[int, ...], until: Until) -> Waiting:
    complete = len(met) == len(until.events) if until.all else bool(met)
    last = max(met_at) if until.all else min(met_at)
    due = last + until.rest if complete else None
    return replace(waiting, met=met, met_at=met_at, due=due)
