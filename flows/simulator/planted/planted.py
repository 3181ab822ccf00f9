"""What every planted truth can do: bend measurements, bend sending, and say what must come of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.schema import Transition
from flows.simulator.plan import Plan
from flows.simulator.readings import Columns
from flows.simulator.truths import Counts, Expected
from flows.simulator.vehicles import Sent, Vehicles


class Planted:
    """One kind of truth in the vehicles of `slots`; all is chosen when it is made, nothing while it runs."""

    name = ""
    driving = False
    """Whether the engines of these vehicles never stop."""
    ahead = 0
    """By how many ms the clocks of these vehicles are ahead."""
    sends = False
    """Whether `deliver` is to be asked."""

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Raises PlanWrong when the plan is too short."""
        self.plan, self.vehicles, self.slots, self.rng = plan, vehicles, slots, rng

    def shape(self, step: int, columns: Columns) -> None:
        """Change the measurements of this step in place."""

    def deliver(self, step: int, member: int, sent: Sent) -> Sequence[Sent]:  # noqa: ARG002
        """What goes out instead of the reading of `slots[member]` at this step, in order."""
        return (sent,)

    def expected(self) -> list[Expected]:
        """The alarms that must come, `stale` as in the mode `live`."""
        return []

    def counts(self) -> Counts:
        """How the counts differ from those of ordinary vehicles."""
        return Counts()

    def alarm(
        self,
        member: int,
        rule: str,
        transition: Transition,
        window: tuple[int, int],
        *,
        severity: str | None = None,
        stale: bool | None = None,
    ) -> Expected:
        """An expected alarm with its event time between the readings of two steps."""
        slot = int(self.slots[member])
        return Expected(
            truth=self.name,
            device=self.vehicles.names[slot],
            rule=rule,
            transition=transition,
            severity=severity,
            not_before=self.vehicles.at(window[0], slot),
            not_after=self.vehicles.at(window[1], slot),
            stale=stale,
        )


def lay(
    curve: NDArray[np.int64],
    starts: NDArray[np.int64],
    step: int,
    slots: NDArray[np.int64],
    column: NDArray[np.int64],
) -> None:
    """Put row m of `curve` (members × length) into the column of slots[m], from the step starts[m] on."""
    since = step - starts
    members = np.flatnonzero((since >= 0) & (since < curve.shape[1]))
    column[slots[members]] = curve[members, since[members]]
