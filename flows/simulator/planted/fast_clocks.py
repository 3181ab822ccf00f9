"""Device clocks that are ahead: by years, which nobody believes, or by two minutes, which is borne."""

from __future__ import annotations

from flows.simulator.plan import MINUTE
from flows.simulator.planted.planted import Planted
from flows.simulator.readings import Columns
from flows.simulator.truths import Counts


class FastClocks(Planted):
    """Ten years ahead, the future whenever the archive is played: every reading is a dead letter.

    Their lamps are lit, so that a watcher that believes them gives itself away.
    """

    name = "fast_clocks"
    ahead = 3650 * 24 * 60 * MINUTE

    def shape(self, step: int, columns: Columns) -> None:  # noqa: ARG002
        """Light the lamps."""
        columns.mil[self.slots] = 1

    def counts(self) -> Counts:
        """All that they send."""
        readings = self.plan.steps * len(self.slots)
        return Counts(taken=-readings, future=readings, dead_letters={"future": readings})


class SlightlyFastClocks(Planted):
    """Two minutes ahead: less than `max_ahead`, so every reading is taken."""

    name = "slightly_fast_clocks"
    ahead = 2 * MINUTE
