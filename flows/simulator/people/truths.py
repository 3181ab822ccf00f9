"""What a perfect watcher knows and does of simulated people, as data; handles are `kind:value`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Status = Literal["published", "refused"]


class ExpectedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Handles that are one person in the end, and nobody else's; what the profile then says, among other things."""

    truth: str
    handles: tuple[str, ...]
    values: dict[str, float] = {}


class ExpectedChange(msgspec.Struct, frozen=True, kw_only=True):
    """Two handles that become one person, or that were one and become two, by what is sent while the plan goes on."""

    truth: str
    kind: Literal["merge", "split"]
    one: str
    other: str


class ExpectedAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action that must be published or refused once.

    `handle` is what its trigger came by, `reason` how that of a refusal begins.
    """

    truth: str
    handle: str
    rule: str
    kind: str
    status: Status = "published"
    reason: str = ""


class PeopleTruths(msgspec.Struct, frozen=True, kw_only=True):
    """All that must come of the people of a plan, and nothing else; `dead_letters` counts by reason."""

    persons: tuple[ExpectedPerson, ...] = ()
    changes: tuple[ExpectedChange, ...] = ()
    actions: tuple[ExpectedAction, ...] = ()
    dead_letters: dict[str, int] = {}


def all_of(every: Iterable[PeopleTruths]) -> PeopleTruths:
    """Several as one."""
    truths = list(every)
    letters: dict[str, int] = {}
    for one in truths:
        for reason, count in one.dead_letters.items():
            letters[reason] = letters.get(reason, 0) + count
    return PeopleTruths(
        persons=tuple(person for one in truths for person in one.persons),
        changes=tuple(change for one in truths for change in one.changes),
        actions=tuple(action for one in truths for action in one.actions),
        dead_letters=letters,
    )
