"""Whose notes the Clock of the customers flow waits for, by the rule set in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flows.clocks import Expected, expected_of
from flows.rules.model import RuleSet
from flows.topics.names import TopicNames

DEVICES, CUSTOMERS, IDENTITY = "devices", "customers", "identity"


def expected(
    rules: RuleSet, topics: TopicNames, own: Iterable[str], partitions: Callable[[str], int]
) -> Expected:
    """The partitions of the topics that this flow reads (`own`), and those that the processes before it read.

    The devices flow counts as far as a rule or an aggregate reads its streams, identity when there is something to
    match. `partitions` counts those of a topic; raises what it raises, such as TopicMissing.
    """

    def counted(names: Iterable[str]) -> list[tuple[str, int]]:
        return [(name, partitions(name)) for name in names]

    read = {s.name for s in rules.streams.values() if rules.for_stream(s.name)}
    read |= {measured.stream for measured in rules.measured}
    if rules.position is not None:
        read.add(rules.position.stream)
    streams = sorted({topics.telemetry(rules.streams[name].topic) for name in read if name in rules.streams})
    others = expected_of(DEVICES, counted(streams))
    if rules.sources.systems or rules.identity.match:
        others |= expected_of(IDENTITY, counted((topics.source_records, topics.events)))
    return Expected(expected_of(CUSTOMERS, counted(own)), others)
