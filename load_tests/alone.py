"""What a process says that drove the objects of the customers flow alone."""

from __future__ import annotations

import msgspec

from flows.schema import Profile


class Alone(msgspec.Struct, frozen=True):
    """Times (s) of the events that fill and of those that follow, CPU time of the latter.

    `view` and `state` are by how many bytes the process grew, `packed` what the buckets say they hold.
    """

    fill_s: float
    rush_s: float
    cpu_s: float
    view: int
    state: int
    packed: int
    verdicts: dict[str, int]
    profiles: dict[str, Profile]
