"""Who is who, as far as one partition of the topic `identity` says; customers' survivors are known in every view."""

from __future__ import annotations

import msgspec

from flows.schema import Identity
from flows.sources.identifiers import is_thing

_CHAIN = 32


class Found(msgspec.Struct, frozen=True):
    """Who held which role of a thing at a time, by role; `customer` is set for what is not a thing."""

    customer: str | None
    roles: dict[str, str]


class IdentityView:
    """The entries of one partition; per key the greatest number wins, whatever the order in which they come."""

    def __init__(self) -> None:
        self._entries: dict[str, Identity] = {}

    def apply(self, key: str, identity: Identity | None) -> None:
        """Take an entry; None is a tombstone."""
        if identity is None:
            self._entries.pop(key, None)
            return
        known = self._entries.get(key)
        if known is None or identity.number >= known.number:
            self._entries[key] = identity

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
        if not is_thing(subject):
            customer = subject if entry is None or entry.customer is None else entry.customer
            return Found(self.follow(customer), {})
        roles: dict[str, tuple[int, str]] = {}
        for role in () if entry is None else entry.roles:
            since = -1 if role.since is None else role.since
            if since <= at and (role.until is None or at < role.until):
                best = roles.get(role.role)
                if best is None or (since, role.customer) > best:
                    roles[role.role] = (since, role.customer)
        return Found(None, {role: self.follow(customer) for role, (_, customer) in roles.items()})
