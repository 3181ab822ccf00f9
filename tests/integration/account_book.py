"""What the shards say they took, put together: a replay begins at an earlier boundary and replaces what came after."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from flows.schema import Account

COUNTED = ("messages", "taken", "late", "duplicate", "future", "dead")


def fold(accounts: Iterable[Account]) -> dict[tuple[str, int], list[Account]]:
    """The accounts of each shard that stand, in their order, which is the order they came in.

    One that begins before the end of those before it comes from a replay, and replaces all from its beginning on;
    it must begin where one of them began, for a shard only restarts at a boundary of epochs.
    """
    book: defaultdict[tuple[str, int], list[Account]] = defaultdict(list)
    for account in accounts:
        standing = book[account.topic, account.partition]
        while standing and standing[-1].first >= account.first:
            standing.pop()
        standing.append(account)
    return dict(book)


def gaps(book: dict[tuple[str, int], list[Account]]) -> list[tuple[Account | None, Account]]:
    """Neighbours that do not touch, and shards that do not begin at 0."""
    found: list[tuple[Account | None, Account]] = []
    for standing in book.values():
        before: Account | None = None
        for account in standing:
            if account.first != (0 if before is None else before.next):
                found.append((before, account))
            before = account
    return found


def sums(book: dict[tuple[str, int], list[Account]]) -> Counter[str]:
    """Each count over all shards."""
    found: Counter[str] = Counter()
    for standing in book.values():
        for account in standing:
            found.update({name: getattr(account, name) for name in COUNTED})
    return found
