"""Whether all planted truths were raised, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from flows.schema import Alarm
from flows.simulator.truths import Expected


class Comparison(msgspec.Struct, frozen=True):
    """What did not come, what came and should not have, and alarms that came again with other content."""

    missing: tuple[Expected, ...]
    unexpected: tuple[Alarm, ...]
    contradicted: tuple[Alarm, ...]

    @property
    def right(self) -> bool:
        """Whether all is as it should be."""
        return not (self.missing or self.unexpected or self.contradicted)


def fits(expected: Expected, alarm: Alarm) -> bool:
    """Whether an alarm of that device, rule and transition is right in time, severity and staleness."""
    return (
        expected.not_before <= alarm.at <= expected.not_after
        and expected.severity in (None, alarm.severity)
        and expected.stale in (None, alarm.stale)
    )


def compare(expected: Iterable[Expected], alarms: Iterable[Alarm]) -> Comparison:
    """Match each alarm with one expectation; the same alarm may come again, with the same content."""
    open_: defaultdict[tuple[str, str, str], list[Expected]] = defaultdict(list)
    for one in expected:
        open_[one.device, one.rule, one.transition].append(one)
    seen: dict[str, Alarm] = {}
    unexpected: list[Alarm] = []
    contradicted: list[Alarm] = []
    for alarm in alarms:
        before = seen.setdefault(alarm.id, alarm)
        if before is not alarm:
            if before != alarm:
                contradicted.append(alarm)
            continue
        candidates = open_[alarm.device, alarm.rule, alarm.transition]
        match = next((one for one in candidates if fits(one, alarm)), None)
        if match is None:
            unexpected.append(alarm)
        else:
            candidates.remove(match)
    missing = tuple(one for left in open_.values() for one in left)
    return Comparison(missing, tuple(unexpected), tuple(contradicted))
