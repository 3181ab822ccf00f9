"""What a changed entry of identity asks of the buckets: who hands what over to whom, who waits, who is told what."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from flows.customers.identity_view import label_of_role
from flows.customers.triggers import Erase, Expect, HandOver, PersonOf
from flows.schema import Identity, Role
from flows.sources.identifiers import is_thing

Asked = HandOver | Expect
OWNER = "owner"
"""The role that decides where a rule names none; whoever has it takes what the thing did by itself."""


def of_person(key: str, entry: Identity) -> list[PersonOf | Erase]:
    """What is said of a customer; one who is erased is no person any more."""
    if entry.erased:
        return [Erase(customer=key, number=entry.number)]
    if entry.person is None or entry.survivor is not None:
        return []
    return [PersonOf(customer=key, person=entry.person, number=entry.number)]


def of_survivor(key: str, entry: Identity, old: Identity | None, view: int, views: int) -> list[Asked]:
    """A merge: all of the customer goes to the survivor, who waits for it; every view says so for itself."""
    target = entry.survivor
    if target is None or target == key or entry.erased or (old is not None and old.survivor == target):
        return []
    return [
        HandOver(
            source=key, target=target, label="", number=entry.number, view=view, views=views, expected=True
        ),
        Expect(source=key, target=target, label="", number=entry.number),
    ]


class Known(msgspec.Struct, frozen=True):
    """What a view knows besides: whom a customer was merged into (None: erased), and whether a handle was alone."""

    follow: Callable[[str], str | None]
    was_alone: Callable[[str], bool]


def of_identifier(key: str, entry: Identity, old: Identity | None, known: Known) -> list[Asked]:
    """An identifier's parts go to whoever has it now, from those who had it, and from itself."""
    target, last = entry.customer or key, None if old is None else old.customer
    if old is not None and (last or key) == target:
        return []
    moves = _moves(key, target, entry.number, _before(entry.was, last), known)
    return moves if target == key else moves + _adopted(key, target, entry.number, known)


def of_thing(key: str, entry: Identity, old: Identity | None, known: Known) -> list[Asked]:
    """Where a record moved to another customer, what came by it goes along; an owner has what the thing did alone."""
    asked: dict[Asked, None] = {}
    owner = _owner(entry)
    for role in entry.roles:
        before = _same(role, old)
        if before is not None and before.customer == role.customer:
            continue
        sources = _before(role.was, None if before is None else before.customer)
        labels = {label_of_role(role, key), key} if role is owner else {label_of_role(role, key)}
        for label in sorted(labels):
            asked |= dict.fromkeys(_moves(label, role.customer, role.link, sources, known))
    was = None if old is None else _owner(old)
    if owner is None or (was is not None and was.customer == owner.customer):
        return list(asked)
    return [*asked, *_adopted(key, owner.customer, owner.link or entry.number, known)]


def of_entry(key: str, entry: Identity, old: Identity | None, known: Known) -> list[Asked]:
    """What an identifier's or a thing's entry asks for."""
    return (of_thing if is_thing(key) else of_identifier)(key, entry, old, known)


def _before(was: Iterable[str], last: str | None) -> list[str]:
    """Who may hold something still: whoever had it last, where that was seen, else all who ever had it."""
    found = list(was)
    return found if last is None else [each for each in found if each == last]


def _moves(label: str, target: str, number: int, sources: Iterable[str], known: Known) -> list[Asked]:
    """From whoever those are now who are not erased; from who was merged into the target, too: he may still wait."""
    asked: list[Asked] = []
    target = known.follow(target) or target
    for source in sources:
        now = known.follow(source)
        if now is not None and source != target:
            asked += awaited(source if now == target else now, target, label, number)
    return asked


def awaited(source: str, target: str, label: str, number: int) -> list[Asked]:
    """A handoff that somebody waits for."""
    return [
        HandOver(source=source, target=target, label=label, number=number, expected=True),
        Expect(source=source, target=target, label=label, number=number),
    ]


def _adopted(key: str, target: str, number: int, known: Known) -> list[Asked]:
    """What came by a handle while it was nobody's; most were never seen, so only for those that were does one wait."""
    target = known.follow(target) or target
    if known.was_alone(key):
        return awaited(key, target, key, number)
    return [HandOver(source=key, target=target, label=key, number=number)]


def _same(role: Role, old: Identity | None) -> Role | None:
    """The same claim in an older entry: the same record says it, or it was given on from there."""
    for other in () if old is None else old.roles:
        if (other.role, other.evidence) == (role.role, role.evidence) and (
            role.evidence or other.customer in (role.customer, *role.was)
        ):
            return other
    return None


def _owner(entry: Identity) -> Role | None:
    """The claim of the owner who came last."""
    owners = [role for role in entry.roles if role.role == OWNER]
    return max(owners, key=lambda r: (-1 if r.since is None else r.since, r.customer), default=None)
