"""What the topics are called, and which of them are ours to create."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from flows.topics.port import TopicSpec

_DAY_MS = 24 * 60 * 60 * 1000
DECISIONS_KEPT_MS = 30 * _DAY_MS


class TopicNames(msgspec.Struct, frozen=True):
    """The names of all topics behind one prefix, which stands before each as it is."""

    prefix: str = ""

    def telemetry(self, declared: str) -> str:
        """The topic of a stream, by the name it was declared with."""
        return self.prefix + declared

    @property
    def things(self) -> str:
        """What is known of each device, compacted."""
        return self.prefix + "things"

    @property
    def events(self) -> str:
        """What happened to customers or was done by them."""
        return self.prefix + "events"

    @property
    def identity(self) -> str:
        """Who an identifier is and who has which role to a thing, compacted."""
        return self.prefix + "identity"

    @property
    def rules(self) -> str:
        """The published rule sets, compacted."""
        return self.prefix + "rules"

    @property
    def alarms(self) -> str:
        """The transitions of episodes."""
        return self.prefix + "alarms"

    @property
    def accounts(self) -> str:
        """What each shard took, by epoch."""
        return self.prefix + "accounts"

    @property
    def decisions(self) -> str:
        """The verdicts, which bind: kept longer than any downtime."""
        return self.prefix + "decisions"

    @property
    def profiles(self) -> str:
        """What is known of each customer, compacted."""
        return self.prefix + "profiles"

    @property
    def outcomes(self) -> str:
        """What became of the actions."""
        return self.prefix + "outcomes"

    @property
    def dead_letters(self) -> str:
        """What could not be handled, kept whole."""
        return self.prefix + "dead-letters"

    @property
    def source_records(self) -> str:
        """Rows of source systems, as they change."""
        return self.prefix + "source-records"

    @property
    def clocks(self) -> str:
        """Up to when each source partition has been handled, compacted."""
        return self.prefix + "clocks"

    @property
    def handoffs(self) -> str:
        """State that goes from one customer to another."""
        return self.prefix + "handoffs"

    @property
    def consents(self) -> str:
        """Whether and how somebody may be written to, compacted."""
        return self.prefix + "consents"

    @property
    def look_ups(self) -> str:
        """Questions to other systems that decisions wait for."""
        return self.prefix + "look-ups"

    @property
    def answers(self) -> str:
        """What other systems said."""
        return self.prefix + "answers"

    @property
    def audit(self) -> str:
        """Every changing command."""
        return self.prefix + "audit"

    def actions(self, kind: str, lane: str) -> str:
        """The actions of one kind on one lane."""
        return f"{self.prefix}actions.{kind}.{lane}"

    def group(self, name: str) -> str:
        """A consumer group; who differs in the prefix must not be in one group, for a group moves as a whole."""
        return self.prefix + name

    def own_topics(self, partitions: int, kinds: Iterable[str], lanes: Iterable[str]) -> list[TopicSpec]:
        """The topics that Telltale creates itself, each with as many partitions, `rules` with one."""
        compacted = (self.things, self.identity, self.profiles, self.clocks, self.consents)
        plain = (
            *(self.events, self.source_records, self.alarms, self.accounts, self.outcomes),
            *(self.look_ups, self.answers, self.audit, self.dead_letters),
        )
        on_every_lane = tuple(lanes)
        return [
            *(TopicSpec(name, partitions, compacted=True) for name in compacted),
            # Rule sets are few and read by every process at its start: one partition is one reader.
            TopicSpec(self.rules, 1, compacted=True),
            *(TopicSpec(name, partitions) for name in plain),
            TopicSpec(self.decisions, partitions, retention_ms=DECISIONS_KEPT_MS),
            TopicSpec(self.handoffs, partitions, retention_ms=DECISIONS_KEPT_MS),
            *(TopicSpec(self.actions(kind, lane), partitions) for kind in kinds for lane in on_every_lane),
        ]
