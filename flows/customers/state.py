"""What is remembered of one customer, and how a decision changes it.

`apply` does the same for a decision just made and for one read back from the topic: it looks at nothing but the
decision, so that folding needs no rules and no clock.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from flows.customers import limits
from flows.customers.profile import Cell
from flows.schema import Decision, Outcome
from flows.schema_change import Change

DAY_MS = 86_400_000
FORGET_AFTER_MS = 7 * DAY_MS
EVENTS_KEPT = 128

ItemStatus = Literal["requested", "open", "unknown"]


class Episode(msgspec.Struct, array_like=True):
    """`number` is the greatest transition decided, `acted` whether any did something, `at` the last event time."""

    number: int = 0
    acted: bool = False
    over: bool = False
    at: int = 0


class Item(msgspec.Struct, array_like=True):
    """Something open, from the decision on; `dry_run` names the rule that only pretends to have opened it."""

    kind: str
    about: str
    rule: str
    episode: str | None
    status: ItemStatus = "requested"
    dry_run: bool = False


class Times(msgspec.Struct, array_like=True):
    """The event times counted under one limit, sorted, and how long they count (ms)."""

    every: int
    times: list[int]


class Customer(msgspec.Struct, omit_defaults=True):
    """One customer.

    `number` is that of the last decision, `at` the greatest event time seen, `items` are by the id of the action
    that opened them, `pending` are triggers whose decisions were folded and which are still to be read again,
    `events` are the ids of recent events with their times, `last` the times of the last actions by `kind|about`.
    """

    number: int = 0
    at: int = 0
    episodes: dict[str, Episode] = {}
    items: dict[str, Item] = {}
    limits: dict[str, Times] = {}
    cells: dict[str, Cell] = {}
    pending: dict[str, int] = {}
    events: dict[str, int] = {}
    last: dict[str, int] = {}


def episode_key(episode: str, *, dry_run: bool) -> str:
    """Where an episode is kept: a dry run keeps its own."""
    return f"dry:{episode}" if dry_run else episode


def is_decided(customer: Customer, episode: str, number: int) -> bool:
    """Whether a transition was decided, live or dry."""
    kept = (customer.episodes.get(episode_key(episode, dry_run=dry)) for dry in (False, True))
    return any(e is not None and number <= e.number for e in kept)


def apply(customer: Customer, decision: Decision) -> None:
    """Do to a customer what a decision did."""
    change = decision.change
    customer.number = max(customer.number, decision.number)
    customer.at = max(customer.at, decision.at)
    if decision.episode is not None:
        key = episode_key(decision.episode, dry_run=change.dry_run)
        episode = customer.episodes.setdefault(key, Episode())
        episode.number = max(episode.number, change.number)
        episode.acted = episode.acted or change.acted
        episode.over = episode.over or decision.transition in ("cleared", "lapsed")
        episode.at = max(episode.at, decision.at)
    _apply_items(customer, decision, change)
    for counted in change.counted:
        kept = customer.limits.setdefault(counted.key, Times(counted.every, []))
        kept.every = counted.every
        limits.count(kept.times, decision.at, counted.every)
    for planned in decision.actions:
        if planned.status in ("published", "held"):
            for key in (planned.action.kind, f"{planned.action.kind}|{planned.action.about or ''}"):
                customer.last[key] = max(customer.last.get(key, decision.at), decision.at)


def _apply_items(customer: Customer, decision: Decision, change: Change) -> None:
    for opened in change.opened:
        customer.items[opened.action] = Item(
            opened.kind, opened.about, decision.rule, decision.episode, dry_run=change.dry_run
        )
    for action in change.closed:
        customer.items.pop(action, None)


def take_outcome(customer: Customer, outcome: Outcome) -> bool:
    """Note what became of an action; True if something open changed."""
    item = customer.items.get(outcome.id)
    if item is None:
        return False
    match outcome.status:
        case "accepted":
            item.status = "open"
        case "unknown":
            item.status = "unknown"
        case _:
            del customer.items[outcome.id]
    return True


def has_open(
    customer: Customer, kind: str, about: str | None, *, episode: str | None, dry_run: str | None
) -> bool:
    """Whether something of a kind (and about something) is open; the asking `episode`'s own never counts.

    `dry_run` names the asking rule when it is one: then what it pretended to open counts too.
    """
    return any(
        item.kind == kind
        and (about is None or item.about == about)
        and (episode is None or item.episode != episode)
        and (not item.dry_run or item.rule == dry_run)
        for item in customer.items.values()
    )


def forget(customer: Customer) -> None:
    """Drop what event time has made useless: episodes over for a week with what they pretended, limits, events."""
    oldest = customer.at - FORGET_AFTER_MS
    gone = {key for key, e in customer.episodes.items() if e.over and e.at < oldest}
    for key in gone:
        del customer.episodes[key]
    pretended = [
        action
        for action, item in customer.items.items()
        if item.dry_run and item.episode is not None and episode_key(item.episode, dry_run=True) in gone
    ]
    for action in pretended:
        del customer.items[action]
    for key in [k for k, kept in customer.limits.items() if kept.times[-1] < oldest - 2 * kept.every]:
        del customer.limits[key]
    if len(customer.events) > EVENTS_KEPT:
        newest = sorted(customer.events.items(), key=lambda seen: (-seen[1], seen[0]))[:EVENTS_KEPT]
        customer.events = dict(newest)
