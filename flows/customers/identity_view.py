"""Who is who, as far as one partition of the topic `identity` says; customers' survivors are known in every view."""

from __future__ import annotations

import msgspec

from flows.customers.handoffs import part_name
from flows.schema import Identity, Role
from flows.sources.identifiers import is_thing

_CHAIN = 32


class Holder(msgspec.Struct, frozen=True):
    """Whose something is, the label that says so, and the part of his state that it goes into."""

    customer: str
    label: str
    part: str


class Found(msgspec.Struct, frozen=True):
    """What a subject was at a time: `itself` is set for what is not a thing, or holds for roles that nobody has."""

    itself: Holder
    thing: bool
    holders: dict[str, Holder]

    @property
    def roles(self) -> dict[str, str]:
        """The customers by role."""
        return {role: holder.customer for role, holder in self.holders.items()}

    def holder(self, role: str) -> Holder:
        """Who holds a role; what nobody has a role to is a customer of its own."""
        return self.holders.get(role, self.itself) if self.thing else self.itself


class IdentityView:
    """The entries of one partition; per key the greatest number wins, whatever the order in which they come."""

    def __init__(self) -> None:
        self._entries: dict[str, Identity] = {}

    def apply(self, key: str, identity: Identity) -> bool:
        """Take an entry; False when it is not newer than what is known."""
        known = self._entries.get(key)
        if known is not None and identity.number <= known.number:
            return False
        self._entries[key] = identity
        return True

    def entry(self, key: str) -> Identity | None:
        """What is known of a key."""
        return self._entries.get(key)

    def follow(self, customer: str) -> str:
        """The customer that survives, over at most 32 merges."""
        for _ in range(_CHAIN):
            entry = self._entries.get(customer)
            if entry is None or entry.survivor is None or entry.survivor == customer:
                break
            customer = entry.survivor
        return customer

    def find(self, subject: str, at: int) -> Found:
        """Who a handle stands for at event time `at` (ms).

        A role counts from ≤ at < until; of several holders the one who came last. An identifier without an entry is
        a customer by itself.
        """
        entry = self._entries.get(subject)
        number = 0 if entry is None else entry.number
        if not is_thing(subject):
            owner = None if entry is None else entry.customer
            return Found(self._holder(owner or subject, subject, number), False, {})
        best: dict[str, tuple[int, str, Role]] = {}
        for role in () if entry is None else entry.roles:
            rank = (-1 if role.since is None else role.since, role.customer)
            if holds(role, at) and (role.role not in best or rank > best[role.role][:2]):
                best[role.role] = (*rank, role)
        holders = {
            name: self._holder(role.customer, label_of_role(role, subject), role.link)
            for name, (_, _, role) in best.items()
        }
        return Found(self._holder(subject, subject, number), True, holders)

    def _holder(self, customer: str, label: str, link: int) -> Holder:
        survivor = self.follow(customer)
        return Holder(survivor, label, part_name(label, survivor, link))


def holds(role: Role, at: int) -> bool:
    """Whether a role counts at event time `at` (ms)."""
    return (role.since is None or role.since <= at) and (role.until is None or at < role.until)


def label_of_role(role: Role, thing: str) -> str:
    """What ties a thing to a customer: the record that says so, else the thing itself."""
    return role.evidence or thing
