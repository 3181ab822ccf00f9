"""Who is who by the topic `identity`, in names that two runs have in common: ids of customers are drawn by lot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from flows.schema import Identity
from flows.sources.identifiers import is_thing

_CHAIN = 64


class Who:
    """What all entries together say; of a key the one with the greatest number counts."""

    def __init__(self, entries: Iterable[tuple[bytes, Identity]]) -> None:
        self._entries: dict[str, Identity] = {}
        for key, entry in entries:
            known = self._entries.get(key.decode())
            if known is None or entry.number > known.number:
                self._entries[key.decode()] = entry
        mine: defaultdict[str, set[str]] = defaultdict(set)
        before: defaultdict[str, set[str]] = defaultdict(set)
        for key, entry in self._entries.items():
            if _is_handle(key, entry):
                mine[self.whose(key)].add(key)
                for former in entry.was:
                    before[self.whose(former)].add(key)
        self._mine, self._before = dict(mine), dict(before)

    def whose(self, handle: str) -> str:
        """The customer who has a handle, or whom a customer was merged into."""
        entry = self._entries.get(handle)
        found = handle if entry is None or entry.customer is None else entry.customer
        for _ in range(_CHAIN):
            entry = self._entries.get(found)
            if entry is None or entry.survivor is None:
                break
            found = entry.survivor
        return found

    def partition(self) -> frozenset[frozenset[str]]:
        """Which handles are one person's."""
        return frozenset(map(frozenset, self._mine.values()))

    def name(self, customer: str) -> str:
        """A customer by the first of their handles, or the first that was theirs; what is no person as it is."""
        found = self.whose(customer)
        if found in self._mine:
            return min(self._mine[found])
        return f"formerly {min(self._before[found])}" if found in self._before else found

    def handles(self, customer: str) -> set[str]:
        """All that a customer has."""
        return self._mine.get(customer, set())

    def is_erased(self, customer: str) -> bool:
        """Whether a customer was forgotten, for ever."""
        entry = self._entries.get(customer)
        return entry is not None and entry.erased

    def roles(self) -> dict[str, tuple[tuple[object, ...], ...]]:
        """Who is what to each thing, since when and until when."""
        return {
            key: tuple(
                sorted(
                    (r.role, self.name(r.customer), r.since or 0, r.until or 0, r.evidence)
                    for r in entry.roles
                )
            )
            for key, entry in self._entries.items()
            if is_thing(key)
        }

    def people(self) -> dict[str, object]:
        """What source systems say of each customer who still is one."""
        return {
            self.name(key): msgspec.to_builtins(entry.person)
            for key, entry in self._entries.items()
            if entry.person is not None and entry.survivor is None and key in self._mine
        }


def _is_handle(key: str, entry: Identity) -> bool:
    """Whether an entry is of an identifier; a person who is left without one is nobody any more."""
    return not (
        is_thing(key) or key.startswith("customer:") or entry.survivor or entry.person or entry.erased
    )
