"""The devices flow: readings → shards → alarms, one shard a partition of a stream's topic.

```
things (latest) ─┐
rule sets (poll) ┤
readings ────────┴─► shards ─► alarms, events, accounts, dead letters
```
A team's steps lie inside the shards, behind the decoder (`readings`), and behind the shards (`alarms`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import bytewax.operators as op  # pyright: ignore[reportMissingTypeStubs]
from bytewax.dataflow import Dataflow
from bytewax.dataflow import Stream as Flowing
from bytewax.operators import KeyedStream  # pyright: ignore[reportMissingTypeStubs]

from flows.devices.operator import OutItem, ShardItem, ShardLogic, alarm_out
from flows.devices.shard import RuleSets, Shard, ShardPlace
from flows.devices.slow_decoder import time_of
from flows.engine import names as step
from flows.engine.attach import Joint, attach
from flows.engine.latest import LatestSource
from flows.engine.messages import UNWATCHED, Item, Watch
from flows.engine.raw import RawSource, shard_key
from flows.engine.rule_sets import Polled, PollSource
from flows.engine.sink import Beat, Outgoing, TopicSink, silent
from flows.engine.spread import skew
from flows.errors import TooFewPartitions
from flows.metrics import Metrics
from flows.schema import Alarm
from flows.settings import Settings
from flows.steps import NO_STEPS, STEP_FAILED, Steps
from flows.streams import Stream
from flows.topics.names import TopicNames
from flows.topics.port import Message, Topics

GROUP = "telltale-devices"


class PolledRuleSets(RuleSets, Polled, Protocol):
    """Rule sets that an input step keeps fresh."""


def devices_flow(
    settings: Settings,
    open_topics: Callable[[], Topics],
    rule_sets: PolledRuleSets,
    metrics: Metrics,
    watch: Watch = UNWATCHED,
    beat: Beat = silent,
    steps: Steps = NO_STEPS,
) -> Dataflow:
    """The dataflow over the streams of the published set; raises TopicMissing and TooFewPartitions at once.

    And StepsUnreadable for a step that cannot be built.
    """
    return _Wiring(settings, open_topics, rule_sets, metrics, watch, beat, steps).build()


class _Wiring:
    """Puts the dataflow together."""

    def __init__(
        self,
        settings: Settings,
        open_topics: Callable[[], Topics],
        rule_sets: PolledRuleSets,
        metrics: Metrics,
        watch: Watch,
        beat: Beat,
        steps: Steps,
    ) -> None:
        self._steps = steps
        self._settings, self._open_topics, self._rule_sets = settings, open_topics, rule_sets
        self._streams, self._metrics = rule_sets.current.streams, metrics
        self._watch, self._beat = watch, beat
        self._names = TopicNames(settings.topics.prefix)
        topics = open_topics()
        try:
            self._partitions = {
                s.name: topics.partitions(self._names.telemetry(s.topic)) for s in self._streams.values()
            }
            for stream in self._streams.values():
                self._check_things(topics, stream)
        finally:
            topics.close()

    def _check_things(self, topics: Topics, stream: Stream) -> None:
        """`things` must have as many partitions as the stream, so that a device's are in its shard."""
        if stream.attributes:
            has, needs = topics.partitions(self._names.things), self._partitions[stream.name]
            if has != needs:
                raise TooFewPartitions(self._names.things, has, needs)

    def build(self) -> Dataflow:
        """All streams into one sink."""
        flow = Dataflow(step.DEVICES_FLOW)
        rule_sets = op.input(
            step.DEVICES_RULES,
            flow,
            PollSource(self._rule_sets, watch=self._watch, on_workers=self._say_skew),
        )
        shards = [self._shards(flow, stream) for stream in self._streams.values()]
        out = op.merge("merge", op.flat_map("quiet", rule_sets, lambda _: []), *shards)
        op.output(step.DEVICES_OUT, self._stepped(out), TopicSink(self._open_topics, beat=self._beat))
        return flow

    def _stepped(self, out: Flowing[OutItem]) -> Flowing[tuple[str, Outgoing]]:
        """What shards say, the alarms by way of the team's step if there is one."""
        if self._steps.alarms is None:
            return cast("Flowing[tuple[str, Outgoing]]", out)
        divided = op.branch("alarms", out, _is_alarm)
        joint = Joint(
            point="alarms", step_id=step.DEVICES_ALARMS_STEP, step=self._steps.alarms, file=self._steps.file,
            kind=Alarm, topic=self._names.alarms, dead_letters=self._names.dead_letters,
            go_on=lambda alarm: alarm_out(alarm, self._names),
        )  # fmt: skip
        stepped = attach(op.map("alarms-bare", divided.trues, lambda item: item[1]), joint)
        dead = op.map("alarms-dead", stepped.dead, self._count_dead)
        others = cast("Flowing[tuple[str, Outgoing]]", divided.falses)
        return op.merge("stepped", others, stepped.given, dead)

    def _count_dead(self, item: tuple[str, Outgoing]) -> tuple[str, Outgoing]:
        self._metrics.dead_letters.labels(STEP_FAILED).inc()
        return item

    def _say_skew(self, workers: int) -> None:
        """How evenly the shards are spread over the workers."""
        keys = [shard_key(name, p, count) for name, count in self._partitions.items() for p in range(count)]
        self._metrics.shard_worker_skew.set(skew(keys, workers))

    def _shards(self, flow: Dataflow, stream: Stream) -> Flowing[OutItem]:
        """One stream from its inputs to what its shards say."""
        merged = op.merge(f"merge-{stream.name}", *self._inputs(flow, stream))
        said = op.stateful_batch(
            f"{step.DEVICES_SHARDS}-{stream.name}",
            cast(KeyedStream[ShardItem], merged),
            lambda resume: ShardLogic(
                stream.name,
                lambda partition, state: Shard(self._place(stream, partition), self._rule_sets, state),
                self._names,
                self._metrics,
                resume,
                stepped=self._steps.alarms is not None,
            ),
        )
        return op.map(f"unkey-{stream.name}", said, lambda item: item[1])

    def _place(self, stream: Stream, partition: int) -> ShardPlace:
        """What one shard is told."""
        devices = self._settings.devices
        return ShardPlace(
            tenant=self._settings.tenant,
            stream=stream,
            partition=partition,
            partitions=self._partitions[stream.name],
            stale_after=round(devices.stale_after_s * 1000),
            max_bytes=devices.max_message_bytes,
            steps=self._steps,
        )

    def _inputs(self, flow: Dataflow, stream: Stream) -> list[Flowing[Item]]:
        """One stream's readings and, if rules may read attributes of its devices, its things."""
        count = self._partitions[stream.name]
        found: list[Flowing[Item]] = []
        if stream.attributes:

            def to_items(messages: list[Message]) -> list[Item]:
                return [(shard_key(stream.name, messages[0].partition, count), tuple(messages))]

            things = LatestSource(self._open_topics, self._names.things, to_items, watch=self._watch)
            found.append(op.input(f"{step.DEVICES_THINGS}-{stream.name}", flow, things))
        readings = RawSource(
            self._open_topics,
            stream.name,
            self._names.telemetry(stream.topic),
            self._names.group(GROUP),
            self._settings.devices.batch,
            gated=bool(stream.attributes),
            watch=self._watch,
            time_of=lambda value: time_of(stream, value, self._settings.devices.max_message_bytes),
        )
        found.append(op.input(f"{step.DEVICES_READINGS}-{stream.name}", flow, readings))
        return found


def _is_alarm(item: OutItem) -> bool:
    return isinstance(item[1], Alarm)
