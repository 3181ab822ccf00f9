"""Plays rules over archives: the shard of the devices flow over batches that no bus carried.

An archive has no append time, so nothing in it is stale, nothing from the future unless an end is given, and the
shard's clock is the greatest event time so far. One shard takes all devices, as one partition would.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
import numpy as np

from flows.backtest.summary import Tally
from flows.devices.shard import Shard, ShardOutput, ShardPlace
from flows.rules.model import Rule, RuleSet
from flows.schema import Alarm
from flows.steps import NO_STEPS, Steps
from flows.topics.port import Message, RawBatch

_NEVER_STALE = 1 << 61
_DAY_MS = 86_400_000


class Period(msgspec.Struct, frozen=True):
    """Of which event times (ms) alarms count, from `start` on, and before which `end` readings are; None is open."""

    start: int | None = None
    end: int | None = None


class OneSet:
    """A rule set that never changes, as a shard asks for it."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.current = rule_set

    def get(self, number: int) -> RuleSet:  # noqa: ARG002 - there is only one
        """The only set."""
        return self.current


class Backtest:
    """The rules of a set that watch one stream, over the batches of its archives, in their order.

    What it says of the same lines is the same to the last byte, wherever batches are cut. Readings before the `period`
    are taken, so that its first alarms have their past; those after it are left out, as if they had not come yet.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        stream: str,
        things: Iterable[Message] = (),
        period: Period | None = None,
        steps: Steps = NO_STEPS,
    ) -> None:
        self._period = period or Period()
        declared = rule_set.streams[stream]
        if self._period.end is not None:
            declared = msgspec.structs.replace(declared, max_ahead=0)
            rule_set = msgspec.structs.replace(rule_set, streams={**rule_set.streams, stream: declared})
        place = ShardPlace(
            tenant=rule_set.tenant,
            stream=declared,
            partition=0,
            partitions=1,
            stale_after=_NEVER_STALE,
            steps=steps,
        )
        self._shard = Shard(place, OneSet(rule_set))
        self._shard.on_things(list(things))
        self.tally = Tally(rule.name for rule in rule_set.for_stream(stream))

    def take(self, batch: RawBatch) -> list[Alarm]:
        """The alarms of one batch in the order of the readings that caused them."""
        return self._of_period(self.played(batch).alarms)

    def played(self, batch: RawBatch) -> ShardOutput:
        """All that one batch brings, what devices tell of themselves and alarms before the period too.

        Counted are those of the period.
        """
        end = self._period.end
        if end is not None:
            batch = msgspec.structs.replace(batch, appended=np.full(len(batch.ends), end - 1, np.int64))
        out = self._shard.on_readings(batch)
        self.tally.add(out, self._of_period(out.alarms))
        return out

    def _of_period(self, alarms: list[Alarm]) -> list[Alarm]:
        start = self._period.start
        return alarms if start is None else [alarm for alarm in alarms if alarm.at >= start]

    @property
    def devices(self) -> int:
        """How many devices sent a reading that was taken."""
        return len(self._shard.clocks)

    @property
    def span(self) -> int | None:
        """The event time covered, ms; None before the first reading."""
        if self.tally.first is None or self.tally.last is None:
            return None
        return max(0, self.tally.last - max(self.tally.first, self._period.start or 0))

    @property
    def outlying(self) -> tuple[int, int] | None:
        """(when nine of ten devices had ended, the last time of all), ms, if the second is very far from all else.

        A device whose clock is years ahead moves the shard's clock, which ends silences, and what a day is.
        """
        first, last, clocks = self.tally.first, self.tally.last, self._shard.clocks
        if first is None or last is None or not len(clocks):
            return None
        usual = int(np.quantile(clocks, 0.9, method="lower"))
        return (usual, last) if last - usual > max(_DAY_MS, 2 * (usual - first)) else None


def watching(rule_set: RuleSet, stream: str, named: Collection[str] = ()) -> RuleSet:
    """The set with only the rules that watch a stream, or of these only the named, which play even if disabled."""
    of_stream = [rule for rule in rule_set.rules if rule.stream == stream]
    if not named:
        return msgspec.structs.replace(rule_set, rules=tuple(r for r in of_stream if r.mode != "disabled"))
    return msgspec.structs.replace(rule_set, rules=tuple(_awake(r) for r in of_stream if r.name in named))


def _awake(rule: Rule) -> Rule:
    """A rule that is asked for by name is played, disabled or not."""
    return msgspec.structs.replace(rule, mode="live") if rule.mode == "disabled" else rule
