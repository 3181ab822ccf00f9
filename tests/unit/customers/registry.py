"""What the identity service says of a few handles, as the tests of merges need it: links, merges, splits, claims."""

from __future__ import annotations

from flows.schema import Identity, Role

Entry = tuple[str, Identity]


class Registry:
    """Gives the entries of each change, numbered, and knows whose each handle is at the end."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.whose: dict[str, str | None] = {}
        self.claims: dict[str, str] = {}
        self.links: dict[str, int] = {}
        self._survivors: dict[str, str] = {}
        self._was: dict[str, tuple[str, ...]] = {}
        self._thing_was: dict[str, tuple[str, ...]] = {}
        self._minted = 0

    def __repr__(self) -> str:
        return f"Registry({self.entries})"

    def customers(self) -> list[str]:
        """Who is a customer now, the one minted first before all others."""
        return sorted({whose for whose in self.whose.values() if whose is not None})

    def link(self, handle: str, customer: str | None) -> None:
        """A handle is somebody's now; None: a fresh customer's."""
        if customer is None:
            self._minted += 1
            customer = f"c-{self._minted:02}"
        self._give(handle, customer)

    def unlink(self, handle: str) -> None:
        """A handle is by itself again."""
        self._give(handle, None)

    def split(self, handle: str) -> None:
        """A handle leaves for a fresh customer."""
        self.link(handle, None)

    def merge(self, one: str, other: str) -> None:
        """The one minted first survives; the handles of the other are said again."""
        winner, loser = sorted((one, other))
        if winner == loser:
            return
        self._survivors[loser] = winner
        self._add(loser, survivor=winner)
        for handle in sorted(h for h, whose in self.whose.items() if whose == loser):
            self._give(handle, winner)

    def claim(self, thing: str, handle: str) -> None:
        """The record of a handle says who owns a thing, for ever; the first says so."""
        if thing not in self.claims and self.whose.get(handle) is not None:
            self.claims[thing] = handle
            self._tell_thing(thing)

    def holder(self, handle: str) -> str:
        """Whose a handle or thing is at the end."""
        record = self.claims.get(handle, handle)
        return self.whose.get(record) or record

    def _give(self, handle: str, customer: str | None) -> None:
        before = self.whose.get(handle)
        if before == customer:
            return
        self.whose[handle] = customer
        self._was[handle] = _past(self._was.get(handle, ()), before, customer)
        self._add(handle, customer=customer, was=self._was[handle])
        for thing in sorted(t for t, record in self.claims.items() if record == handle):
            self._thing_was[thing] = _past(self._thing_was.get(thing, ()), before, customer)
            self._tell_thing(thing)

    def _tell_thing(self, thing: str) -> None:
        record = self.claims[thing]
        owner = self.whose[record]
        if owner is None:
            self._add(thing)
            return
        link = len(self.entries) + 1
        was = self._thing_was.get(thing, ())
        self._add(thing, roles=(Role(role="owner", customer=owner, evidence=record, link=link, was=was),))

    def _add(self, key: str, **fields: object) -> None:
        number = len(self.entries) + 1
        self.entries.append((key, Identity(number=number, **fields)))  # type: ignore[arg-type]


def _past(was: tuple[str, ...], before: str | None, now: str | None) -> tuple[str, ...]:
    found = tuple(each for each in was if each not in (before, now))
    return found if before is None else (*found, before)
