"""Which people to simulate: how many, when, and in which share of them something is planted."""

from __future__ import annotations

import zlib

import msgspec
import numpy as np

from flows.errors import PlanWrong
from flows.simulator.plan import MINUTE

_SHORTEST = MINUTE
_LONGEST = 24 * 60 * MINUTE


class PeopleShares(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of the people (0 to 1) with each planted truth; above 0 it is planted at least once."""

    log_ins: float = 0.02
    second_accounts: float = 0.02
    offices: float = 0.01
    abandoned_carts: float = 0.02
    ordered_carts: float = 0.02
    complaints: float = 0.02
    broken: float = 0.01

    def times(self, name: str, people: int) -> int:
        """How many times the truth of that name is planted among so many people."""
        share: float = getattr(self, name)
        return max(1, round(share * people)) if share > 0 else 0


class PeoplePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People to simulate; `start` is ms since the epoch, `duration` ms.

    `pace` is how many times as fast as life messages are sent, the last at its own time; None is all of them then.
    """

    start: int
    people: int = 1000
    seed: int = 1
    duration: int = 60 * MINUTE
    pace: float | None = 1.0
    shares: PeopleShares = PeopleShares()

    @property
    def end(self) -> int:
        """When it is over, ms since the epoch."""
        return self.start + self.duration

    def place(self, share: float) -> int:
        """The time (ms) at which so large a share (0 to 1) of the plan is over."""
        return self.start + round(share * self.duration)

    def left(self, share: float) -> int:
        """How long (ms of life) it takes after that share until all is sent."""
        return 0 if self.pace is None else round((1 - share) * self.duration / self.pace)

    def generator(self, purpose: str) -> np.random.Generator:
        """Randomness for one purpose, so that more of one thing leaves every other as it was."""
        return np.random.default_rng((self.seed, zlib.crc32(f"people {purpose}".encode())))


def check(plan: PeoplePlan) -> None:
    """Raises PlanWrong for a plan that cannot be simulated."""
    if plan.seed < 0:
        raise PlanWrong(f"the seed {plan.seed}", "Take 0 or more.")
    if not _SHORTEST <= plan.duration <= _LONGEST:
        raise PlanWrong(f"{plan.duration / MINUTE:.1f} minutes of people", "Take a minute to a day.")
    names = PeopleShares.__struct_fields__
    wrong = [name for name in names if not 0 <= getattr(plan.shares, name) <= 1]
    if wrong:
        raise PlanWrong(f"the share of {', '.join(wrong)}", "Shares go from 0 to 1.")
