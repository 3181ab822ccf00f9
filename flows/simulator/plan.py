"""What to simulate: how many vehicles, when, for how long, and what is planted in which share of them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
import numpy as np

from flows.errors import PlanWrong

HOUR = 3_600_000
MINUTE = 60_000
_MOST_SILENT = 0.1


class Shares(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of the vehicles (0 to 1) with each planted truth; above 0 it is at least one vehicle."""

    overheating: float = 0.01
    stuck_hot: float = 0.01
    battery: float = 0.01
    silence: float = 0.01
    lamp: float = 0.01
    garbage: float = 0.01
    bursts: float = 0.01
    stale_overheating: float = 0.005
    disorder: float = 0.01
    fast_clocks: float = 0.005
    slightly_fast_clocks: float = 0.01
    duplicates: float = 0.01
    gateways: float = 0.01

    def vehicles(self, name: str, fleet: int) -> int:
        """How many of `fleet` vehicles have the truth of that name."""
        share: float = getattr(self, name)
        return max(1, round(share * fleet)) if share > 0 else 0


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A simulation; `start` is ms since the epoch, `duration`, and `interval` between two readings, ms."""

    start: int
    vehicles: int = 1000
    seed: int = 1
    duration: int = HOUR
    interval: int = 10_000
    shares: Shares = Shares()

    @property
    def steps(self) -> int:
        """How many readings an ordinary vehicle sends."""
        return self.duration // self.interval

    @property
    def end(self) -> int:
        """When it is over, ms since the epoch."""
        return self.start + self.duration

    def generator(self, purpose: str) -> np.random.Generator:
        """Randomness for one purpose, so that more of one thing leaves every other as it was."""
        return np.random.default_rng((self.seed, zlib.crc32(purpose.encode())))


def check(plan: Plan) -> None:
    """Raises PlanWrong for a plan that cannot keep its truths apart from ordinary vehicles."""
    if not 100 <= plan.interval <= MINUTE:
        raise PlanWrong(
            f"an interval of {plan.interval} ms", "Take 100 ms to 60 s: a longer gap would break the runs."
        )
    if plan.seed < 0:
        raise PlanWrong(f"the seed {plan.seed}", "Take 0 or more.")
    names = Shares.__struct_fields__
    wrong = [name for name in names if not 0 <= getattr(plan.shares, name) <= 1]
    if wrong:
        raise PlanWrong(f"the share of {', '.join(wrong)}", "Shares go from 0 to 1.")
    counts = {name: plan.shares.vehicles(name, plan.vehicles) for name in names}
    if sum(counts.values()) * 2 > plan.vehicles:
        raise PlanWrong(
            f"{sum(counts.values())} of {plan.vehicles} vehicles are to have something planted",
            "At least half must stay ordinary: take more vehicles or smaller shares.",
        )
    silent = counts["silence"] + counts["stale_overheating"]
    if silent > 1 + plan.vehicles * _MOST_SILENT:
        raise PlanWrong(
            f"{silent} of {plan.vehicles} vehicles are to be silent",
            "Keep it under a tenth: when many are silent together, absences are held back.",
        )


def place(plan: Plan, rng: np.random.Generator, count: int, need: int, what: str) -> Sequence[int]:
    """Where `count` truths of `need` steps begin, clear of both ends of the plan; raises PlanWrong."""
    settled, left = 12, 3
    room = plan.steps - settled - left - need
    if room < 1:
        minutes = -(-(settled + left + need + 1) * plan.interval // MINUTE)
        raise PlanWrong(
            f"{plan.duration / MINUTE:.0f} minutes are too short for {what}",
            f"Take at least {minutes} minutes, or its share as 0.",
        )
    return rng.integers(settled, settled + room, count).tolist()


def steps_of(plan: Plan, duration: int) -> int:
    """The least number of steps that last `duration` ms."""
    return -(-duration // plan.interval)
