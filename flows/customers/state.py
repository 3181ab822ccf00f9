"""What is remembered of one customer, in parts, and how a decision changes it.

A part holds what came to the customer by one label: an identifier, a source record, or a thing. Only one customer
holds a part at a time, and its number grows at each change: so a merge is the union of parts, of two copies the
greater number wins, and a split moves those of a label. What is asked of a customer is asked of all parts together.

`apply` does the same for a decision just made and for one read back from the topic: it looks at nothing but the
decision, so that folding needs no rules and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from flows.customers import limits
from flows.customers.profile import Cell
from flows.customers.triggers import AlarmFor, EventFor, Stashed
from flows.schema import Decision, Outcome
from flows.schema_change import Change, KeptCause, Waiting
from flows.schema_people import Person, Value

DAY_MS = 86_400_000
FORGET_AFTER_MS = 7 * DAY_MS
EVENTS_KEPT = 128

ItemStatus = Literal["requested", "open", "unknown"]


class Episode(msgspec.Struct, array_like=True):
    """`number` is the greatest transition decided, `acted` whether any did something, `at` the last event time.

    `rule` and `device` are kept so that it can be ended when its rule or the role of its customer ends.
    """

    number: int = 0
    acted: bool = False
    over: bool = False
    at: int = 0
    rule: str = ""
    device: str = ""


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


class Spending(msgspec.Struct, array_like=True):
    """What one budget was spent on: event times by action, and how long they count (ms)."""

    every: int
    actions: dict[str, int]


class Progress(msgspec.Struct, array_like=True):
    """A sequence under way: `step` is the one it waits for, `at` the time of the last, `due` when it gives up or fires.

    `begun` is the trigger of its first event, `values` what later steps and texts may name.
    """

    rule: str
    step: int
    at: int
    due: int
    begun: str
    subject: str
    name: str
    roles: dict[str, str]
    values: dict[str, Value]


class Heard(msgspec.Struct, array_like=True):
    """An event that sequences, follow-ups or suppressions may look for, kept until all before it has been handled.

    `values` are those of its fields that rules name, `until` the time (ms) on the Clock up to which it is kept.
    """

    kind: str
    at: int
    until: int
    values: dict[str, Value]


class Asked(msgspec.Struct, array_like=True):
    """A decision that waits for answers: by name the id of each question still open, and the values that came.

    One on a sequence has no trigger but what is kept of its events, and `at`, when it came about (ms).
    """

    rule: str
    trigger: AlarmFor | EventFor | None
    due: int
    open: dict[str, str]
    values: dict[str, Value]
    kept: KeptCause | None = None
    at: int = 0


class Part(msgspec.Struct, omit_defaults=True):
    """What came to a customer by one label.

    `items` are by the id of the action that opened them, `events` the ids of recent events with their times, `last`
    the times of the last actions by `kind|about`, `waiting` what is decided again later, `sequences` those under way
    by rule and first event, `asked` decisions that wait for an answer, by their id, `heard` the events that what waits
    looks for, by their id. `folded` are those of the customer's `pending` whose decisions changed this part.
    """

    number: int = 0
    at: int = 0
    folded: dict[str, int] = {}
    episodes: dict[str, Episode] = {}
    items: dict[str, Item] = {}
    limits: dict[str, Times] = {}
    cells: dict[str, Cell] = {}
    events: dict[str, int] = {}
    last: dict[str, int] = {}
    spent: dict[str, Spending] = {}
    waiting: dict[str, Waiting] = {}
    sequences: dict[str, Progress] = {}
    asked: dict[str, Asked] = {}
    heard: dict[str, Heard] = {}


class Moved(msgspec.Struct, array_like=True):
    """To whom a label's parts went, and the number of the identity entry that asked for it."""

    target: str
    number: int


class Owed(msgspec.Struct, array_like=True):
    """A handoff that was asked for and is still to be made, and which of so many `views` have asked."""

    target: str
    label: str
    number: int
    views: int
    asked: list[int]
    expected: bool


class Customer(msgspec.Struct, omit_defaults=True):
    """One customer.

    `number` is that of the last decision, `at` the greatest event time seen, `pending` are triggers whose decisions
    were folded and which are still to be read again. `moved` is by label (empty: everything), `taken` the numbers of
    handoffs by `source|` or `source|label|number`, and those by which a label came by `|label`; `expected` are those
    still to come, `stash` the triggers that wait for them, `owed` the handoffs still to be made. `consents` is the hash
    of what was last published of them. `name` is who it is, as whoever keeps it calls it.
    """

    name: str = ""
    number: int = 0
    at: int = 0
    parts: dict[str, Part] = {}
    pending: dict[str, int] = {}
    person: Person | None = None
    person_number: int = 0
    moved: dict[str, Moved] = {}
    taken: dict[str, int] = {}
    expected: dict[str, int] = {}
    stash: list[Stashed] = []
    owed: list[Owed] = []
    consents: str = ""
    erased: int = 0

    def part(self, name: str) -> Part:
        """The part of a name, new if there is none."""
        found = self.parts.get(name)
        if found is None:
            found = self.parts[name] = Part()
        return found

    def items(self) -> Iterator[tuple[str, Item]]:
        """All that is open, by action."""
        for part in self.parts.values():
            yield from part.items.items()

    def has_seen(self, trigger: str) -> bool:
        """Whether an event was taken into the profile already."""
        return any(trigger in part.events for part in self.parts.values())

    def episode(self, key: str) -> Episode | None:
        """An episode as it is now; where two parts know of it, both together."""
        found = [part.episodes[key] for part in self.parts.values() if key in part.episodes]
        if len(found) < 2:
            return found[0] if found else None
        newest = max(found, key=lambda e: e.number)
        acted, over = (any(getattr(e, field) for e in found) for field in ("acted", "over"))
        return Episode(newest.number, acted, over, max(e.at for e in found), newest.rule, newest.device)

    def times(self, key: str) -> list[int]:
        """The event times counted under one limit, sorted."""
        found = [part.limits[key].times for part in self.parts.values() if key in part.limits]
        return found[0] if len(found) == 1 else sorted(at for times in found for at in times)

    def spent(self, budget: str) -> dict[str, int]:
        """What a budget was spent on: event times by action."""
        found: dict[str, int] = {}
        for part in self.parts.values():
            if budget in part.spent:
                found |= part.spent[budget].actions
        return found

    def waiting(self) -> Iterator[tuple[str, Waiting]]:
        """All that waits, with the name of its part."""
        for name, part in self.parts.items():
            for waiting in part.waiting.values():
                yield name, waiting

    def last(self, key: str | None) -> int | None:
        """The time of the last action of a `kind` or `kind|about`; of any with None."""
        found = [at for part in self.parts.values() for k, at in part.last.items() if key is None or k == key]
        return max(found, default=None)


def episode_key(episode: str, *, dry_run: bool) -> str:
    """Where an episode is kept: a dry run keeps its own."""
    return f"dry:{episode}" if dry_run else episode


def is_decided(customer: Customer, episode: str, number: int) -> bool:
    """Whether a transition was decided, live or dry."""
    kept = (customer.episode(episode_key(episode, dry_run=dry)) for dry in (False, True))
    return any(e is not None and number <= e.number for e in kept)


def apply(customer: Customer, decision: Decision) -> None:
    """Do to a customer what a decision did."""
    change = decision.change
    customer.number = max(customer.number, decision.number)
    customer.at = max(customer.at, decision.at)
    part = customer.part(change.part)
    part.number += 1
    part.at = max(part.at, decision.at)
    if decision.episode is not None and decision.transition is not None:
        key = episode_key(decision.episode, dry_run=change.dry_run)
        episode = part.episodes.setdefault(key, Episode(rule=decision.rule, device=decision.device or ""))
        episode.number = max(episode.number, change.number)
        episode.acted = episode.acted or change.acted
        episode.over = episode.over or decision.transition in ("cleared", "lapsed")
        episode.at = max(episode.at, decision.at)
    _apply_items(customer, part, decision, change)
    _apply_waiting(customer, part, change)
    for counted in change.counted:
        kept = part.limits.setdefault(counted.key, Times(counted.every, []))
        kept.every = counted.every
        limits.count(kept.times, decision.at, counted.every)
    for spent in change.spent:
        spending = part.spent.setdefault(spent.budget, Spending(spent.every, {}))
        spending.actions[spent.action] = decision.at
    for planned in decision.actions:
        if planned.status in ("published", "held"):
            for key in (planned.action.kind, f"{planned.action.kind}|{planned.action.about or ''}"):
                part.last[key] = max(part.last.get(key, decision.at), decision.at)


def _apply_items(customer: Customer, part: Part, decision: Decision, change: Change) -> None:
    for opened in change.opened:
        part.items[opened.action] = Item(
            opened.kind, opened.about, decision.rule, decision.episode, dry_run=change.dry_run
        )
    for action in change.closed:
        _remove(customer, "items", action)


def settle(customer: Customer, settled: Iterable[str]) -> None:
    """Let go of what waited, by id: follow-ups, bids, suppressions, stages, sequences, decisions on answers."""
    for each in settled:
        for kind in ("waiting", "sequences", "asked"):
            _remove(customer, kind, each)


def _apply_waiting(customer: Customer, part: Part, change: Change) -> None:
    settle(customer, change.settled)
    for waiting in change.waiting:
        part.waiting[waiting.id] = waiting


def _remove(customer: Customer, kind: str, key: str) -> None:
    """Take an entry out of whichever part holds it, which counts as a change of that part."""
    for part in customer.parts.values():
        if getattr(part, kind).pop(key, None) is not None:
            part.number += 1


def take_outcome(customer: Customer, outcome: Outcome) -> bool:
    """Note what became of an action; True if something open changed, or a budget got something back.

    A result on the other side (resolved, booked, …) ends what is open; before it `accepted` opens it.
    """
    changed = False
    for part in customer.parts.values():
        item = part.items.get(outcome.id)
        if item is not None:
            changed = True
            part.number += 1
            if outcome.result is not None or outcome.status not in ("accepted", "unknown"):
                del part.items[outcome.id]
            else:
                item.status = "open" if outcome.status == "accepted" else "unknown"
        if outcome.status in ("suppressed", "expired", "failed"):
            for spending in part.spent.values():
                if spending.actions.pop(outcome.id, None) is not None:
                    changed = True
                    part.number += 1
    return changed


def has_open(
    customer: Customer, kind: str, about: str | None, *, episode: str | None, dry_run: str | None
) -> bool:
    """Whether something of a kind (and about something) is open; the asking `episode`'s own never counts.

    What is open without saying what it is about counts whatever is asked.
    `dry_run` names the asking rule when it is one: then what it pretended to open counts too.
    """
    return any(
        item.kind == kind
        and (about is None or item.about in ("", about))
        and (episode is None or item.episode != episode)
        and (not item.dry_run or item.rule == dry_run)
        for _, item in customer.items()
    )


def forget(customer: Customer) -> None:
    """Drop what event time has made useless: episodes over for a week with what they pretended, limits, events.

    A part in which nothing is left is dropped, too; whoever took a copy of it has the same to forget.
    """
    oldest = customer.at - FORGET_AFTER_MS
    for name in list(customer.parts):
        part = customer.parts[name]
        _forget(part, oldest)
        if not (part.events or part.cells) and msgspec.structs.replace(part, number=0, at=0) == _EMPTY:
            del customer.parts[name]


_EMPTY = Part()


def _forget_episodes(part: Part, oldest: int) -> None:
    gone = {key for key, e in part.episodes.items() if e.over and e.at < oldest}
    for key in gone:
        del part.episodes[key]
    pretended = [
        action
        for action, item in part.items.items()
        if item.dry_run and item.episode is not None and episode_key(item.episode, dry_run=True) in gone
    ]
    for action in pretended:
        del part.items[action]


def _forget(part: Part, oldest: int) -> None:
    if part.episodes:
        _forget_episodes(part, oldest)
    for key in [k for k, kept in part.limits.items() if kept.times[-1] < oldest - 2 * kept.every]:
        del part.limits[key]
    for budget in list(part.spent):
        spending = part.spent[budget]
        spending.actions = {a: at for a, at in spending.actions.items() if at >= oldest - 2 * spending.every}
        if not spending.actions:
            del part.spent[budget]
    if len(part.events) > EVENTS_KEPT:
        newest = sorted(part.events.items(), key=lambda seen: (-seen[1], seen[0]))[:EVENTS_KEPT]
        part.events = dict(newest)
