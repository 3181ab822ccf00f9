"""What a perfect watcher would raise and count: the planted truths as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

import msgspec

from flows.schema import Transition

Mode = Literal["live", "paced", "at_once"]
"""How messages come to the bus.

`live`: each at its own time. `paced`: faster than life, the last at its own time, the others after theirs.
`at_once`: all of them at the end of the plan or later.
"""


class Expected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alarm that must come once, `at` from `not_before` to `not_after` (ms); None matches anything."""

    truth: str
    device: str
    rule: str
    transition: Transition
    severity: str | None = None
    not_before: int
    not_after: int
    stale: bool | None = None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the shards must have counted, over all partitions.

    `messages` are messages, the next five are readings as in `schema.Account` (a message that cannot be
    decoded is one dead reading). `dead_letters` counts by reason: all that is dead, all from the future, and
    a copy of each reading that was taken with a value made missing.
    """

    messages: int = 0
    taken: int = 0
    late: int = 0
    duplicate: int = 0
    future: int = 0
    dead: int = 0
    dead_letters: dict[str, int] = {}


class Truths(msgspec.Struct, frozen=True, kw_only=True):
    """All that must come of a plan, alarms by time, and nothing else."""

    mode: Mode
    alarms: tuple[Expected, ...]
    counts: Counts


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of each count."""
    every = list(counts)
    letters: Counter[str] = Counter()
    for one in every:
        letters.update(one.dead_letters)
    names = [name for name in Counts.__struct_fields__ if name != "dead_letters"]
    return Counts(
        **{name: sum(getattr(one, name) for one in every) for name in names}, dead_letters=dict(letters)
    )
