"""Customers and what they do: what identity says of them, one event that fills each profile, and those of the active.

All is seeded but the time it is of, so the flow, its objects alone and the oracle get the same. The n-th event is n ms
after the first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.schema import Identity, encode
from flows.sources.identifiers import private

TENANT_KEY = "bench"
THANKED_FROM = 50.0
AT_MOST = 2
_TAIL = 64
_PROBES = 100
_VIEWED, _ORDERED, _POSTED = range(3)
_SHARES = (0.7, 0.2, 0.1)

Message = tuple[bytes, bytes]


class Crowd(msgspec.Struct, frozen=True):
    """So many customers, of whom so many are active with so many events; `began` is ms since the epoch."""

    seed: int
    customers: int
    active: int
    events: int
    began: int


def customer_of(number: int) -> str:
    """Whom identity says that an account is."""
    return f"customer:{number:012x}"


def account_of(number: int) -> str:
    """What the customer's events name, as they are sent."""
    return f"shop:{number:07}"


def identity_of(crowd: Crowd) -> Iterator[Message]:
    """What identity says: each account is a customer's."""
    for number in range(crowd.customers):
        token = private(account_of(number), TENANT_KEY.encode())
        yield token.encode(), encode(Identity(number=number + 1, customer=customer_of(number)))


def fill(crowd: Crowd) -> Iterator[Message]:
    """One order of each customer, in random order."""
    rng = np.random.default_rng(crowd.seed)
    who = rng.permutation(crowd.customers)
    kinds = np.full(crowd.customers, _ORDERED)
    return _render(rng, who, kinds, 0, crowd.began)


def rush(crowd: Crowd) -> Iterator[Message]:
    """What the active do: most look at pages, some order, a few write; the last of all are orders."""
    rng = np.random.default_rng(crowd.seed + 1)
    who = _active(crowd)[rng.integers(0, crowd.active, crowd.events)]
    kinds = rng.choice(3, crowd.events, p=_SHARES)
    kinds[-_TAIL:] = _ORDERED
    return _render(rng, who, kinds, crowd.customers, crowd.began)


def probes(crowd: Crowd) -> Iterator[Message]:
    """One more order of some of the active, for which all that they did before counts."""
    rng = np.random.default_rng(crowd.seed + 2)
    who = _active(crowd)[: min(_PROBES, crowd.active)]
    return _render(rng, who, np.full(len(who), _ORDERED), crowd.customers + crowd.events, crowd.began)


def warm(partitions: int, began: int) -> list[Message]:
    """Orders of some who are nobody's account, so many that the first decision says that the flow runs."""
    rng = np.random.default_rng(0)
    who = np.arange(9_000_000, 9_000_000 + 4 * partitions)
    return list(_render(rng, who, np.full(len(who), _ORDERED), -len(who), began))


def _active(crowd: Crowd) -> NDArray[np.int64]:
    return np.random.default_rng(crowd.seed + 3).permutation(crowd.customers)[: crowd.active]


def _render(
    rng: np.random.Generator,
    who: NDArray[np.int64],
    kinds: NDArray[np.int64],
    first: int,
    began: int,
) -> Iterator[Message]:
    """CloudEvents, numbered from `first` on."""
    cents, mood = rng.integers(100, 20_000, len(who)), rng.integers(-100, 101, len(who))
    columns = zip(who.tolist(), kinds.tolist(), cents.tolist(), mood.tolist(), strict=True)
    second, said = -1, ""
    for n, (number, kind, c, m) in enumerate(columns, first):
        at = began + n
        if at // 1000 != second:
            second = at // 1000
            said = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        account = account_of(number)
        if kind == _ORDERED:
            type_, data = "order.placed", f'{{"amount":{c / 100},"brand":"b{c % 97}"}}'
        elif kind == _POSTED:
            type_, data = "message.posted", f'{{"sentiment":{m / 100}}}'
        else:
            type_, data = "page.viewed", f'{{"page":"/p/{c}"}}'
        event = (
            f'{{"specversion":"1.0","id":"e{n}","source":"shop","type":"{type_}","subject":"{account}",'
            f'"time":"{said}.{at % 1000:03}Z","data":{data}}}'
        )
        yield account.encode(), event.encode()


class Known(msgspec.Struct):
    """What a plain count says of one customer."""

    spent: float = 0.0
    orders: int = 0
    last: float = 0.0
    mood: float = 0.0
    posted: int = 0
    thanked: int = 0

    def differs(self, values: Mapping[str, object]) -> str | None:
        """What of a profile's values is not as counted; all lies within minutes, so the mood is a plain mean."""
        wanted: dict[str, float | None] = {
            "lifetime_value": self.spent,
            "orders": self.orders,
            "last_amount": self.last,
            "mood": self.mood / self.posted if self.posted else None,
        }
        for name, value in wanted.items():
            found = values.get(name)
            if value is None or not isinstance(found, int | float):
                right = value is None and found is None
            else:
                right = math.isclose(found, value, rel_tol=1e-3 if name == "mood" else 1e-9, abs_tol=1e-3)
            if not right:
                return f"{name} is {found}, {value} is right"
        return None


class Oracle:
    """The slow, obvious answer to the events: plain counts by customer, and by verdict how many decisions."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self.verdicts = {"acted": 0, "refused": 0}

    def take(self, messages: Iterable[Message]) -> None:
        """Count events."""
        for _, value in messages:
            event = json.loads(value)
            customer = customer_of(int(event["subject"].partition(":")[2]))
            known = self.known.get(customer)
            if known is None:
                known = self.known[customer] = Known()
            data = event["data"]
            if event["type"] == "order.placed":
                self._ordered(known, data["amount"])
            elif event["type"] == "message.posted":
                known.posted += 1
                known.mood += data["sentiment"]

    def _ordered(self, known: Known, amount: float) -> None:
        known.spent += amount
        known.orders += 1
        known.last = amount
        thanked = amount >= THANKED_FROM and known.thanked < AT_MOST
        known.thanked += thanked
        self.verdicts["acted" if thanked else "refused"] += 1

    @property
    def decisions(self) -> int:
        """How many there are to be."""
        return sum(self.verdicts.values())
