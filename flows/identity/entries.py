"""What is said on the topic `identity`: entries with growing numbers, written into the outbox with what caused them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa

from flows.identity.rows import read_state, upsert, write_state
from flows.identity.tables import outbox
from flows.schema import Identity, encode

MOST_WAS = 16
_NUMBER = "number"

Entry = tuple[int, str, bytes]
"""(number, key, value), as it is in the outbox and goes onto the bus."""


class Entries:
    """The entries of one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._number = int(read_state(connection, _NUMBER) or 0)
        self._rows: list[dict[str, Any]] = []

    def number(self) -> int:
        """The number of the next entry."""
        return self._number + 1

    def add(self, key: str, entry: Identity) -> int:
        """Add an entry, which gets the next number, and return that."""
        self._number += 1
        numbered = msgspec.structs.replace(entry, number=self._number)
        self._rows.append({"number": self._number, "key": key, "value": encode(numbered)})
        return self._number

    def write(self) -> list[Entry]:
        """Write all of them, and return them in the order of their numbers."""
        if self._rows:
            upsert(self._connection, outbox, self._rows)
            write_state(self._connection, _NUMBER, str(self._number))
        return [(row["number"], row["key"], row["value"]) for row in self._rows]


def with_past(was: Collection[str], old: str | None, new: str | None) -> list[str]:
    """Who had something before, newest last, without who has it now."""
    if old is None and not was:
        return []
    past = [each for each in was if each not in (old, new)]
    return [*past, *([old] if old is not None and old != new else [])][-MOST_WAS:]
