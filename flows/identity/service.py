"""The identity service: from source records, events and judgements to the topic `identity`.

In this order, so that a kill at any point is made good by doing the same again: dead letters onto the bus; evidence,
what follows from it, the outbox and the offsets in one transaction; the outbox onto the bus, in the order of its
numbers; then it is emptied, in the transaction of the next batch or, when there is none, in one of its own.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog

from flows.clocks import ClockWriter
from flows.errors import RulesWrong
from flows.identity.again import Again
from flows.identity.entries import Entry
from flows.identity.intake import Intake, Result
from flows.identity.keeping import Keeping
from flows.identity.matching import Matching
from flows.identity.messages import Messages, Read
from flows.identity.partitions import GROUP, Partitions, Place, offsets_in, write_offsets
from flows.identity.seals import MasterKey
from flows.identity.store import open_store
from flows.identity.tables import outbox
from flows.identity.writer import Writer as DatabaseWriter
from flows.identity.writer import writing
from flows.metrics import Metrics
from flows.rules.model import RuleSet
from flows.rules.published import RuleSets
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import Message, Topics, Writer

NAME = "identity"
_AT_ONCE = 5_000
_IDLE_S = 0.05
_LOOK_FOR_RULES_MS = 500

_log = structlog.get_logger(__name__)


def run_identity(
    settings: Settings,
    topics: Topics,
    clock: Callable[[], int],
    stop: threading.Event,
    *,
    until_idle: bool = False,
    metrics: Metrics | None = None,
    chance: random.Random | None = None,
) -> None:
    """Take in evidence until `stop` is set or, with `until_idle`, until all there is is taken in.

    `clock` gives the wall clock in ms, customer ids are drawn from `chance`. Raises TopicMissing, RuleSetMissing,
    DeliveryFailed, OffsetExpired, OffsetAhead and the errors of the identity database.
    """
    store = open_store(settings.identity.database, settings.path("."), settings.tenant)
    writer = topics.writer()
    try:
        with writing(store) as database:
            service = Service(settings, topics, writer, database, clock, metrics or Metrics(), chance)
            service.run(stop, until_idle=until_idle)
    finally:
        writer.close()
        store.close()


class Service:
    """The loop of the process and what it holds; made by `run_identity`."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        writer: Writer,
        database: DatabaseWriter,
        clock: Callable[[], int],
        metrics: Metrics,
        chance: random.Random | None = None,
    ) -> None:
        self._settings, self._names = settings, TopicNames(settings.topics.prefix)
        self._writer, self._database = writer, database
        self._clock, self._metrics = clock, metrics
        self._chance = chance or random.SystemRandom()
        self._rules = RuleSets(topics, self._names, settings.tenant)
        self._rules.poll()
        with database.begin() as connection:
            offsets = offsets_in(connection)
        clocks = ClockWriter(topics, self._names.clocks, NAME)
        self._sources = self._names.source_records, self._names.events, self._names.audit
        self._partitions = Partitions(topics, self._sources, offsets, self._names.group(GROUP), clocks, clock)
        self._key = settings.tenant_key.encode()
        self._keeping = self._vault()
        self._published: int | None = None
        self._take_up(self._rules.current)

    def run(self, stop: threading.Event, *, until_idle: bool) -> None:
        """Until `stop`, or until idle: publish what waits, then take in batch after batch."""
        look_at = self._clock() + _LOOK_FOR_RULES_MS
        try:
            self.publish_kept()
            while not stop.is_set():
                if self._clock() >= look_at:
                    self._look_for_rules()
                    look_at = self._clock() + _LOOK_FOR_RULES_MS
                if self.step():
                    continue
                self.confirm()
                if until_idle and self._partitions.at_end():
                    break
                stop.wait(_IDLE_S)
            self.confirm()
        finally:
            self._partitions.close()
            self._rules.close()

    def step(self) -> bool:
        """Take in one batch, and say whether there was any."""
        read = self._partitions.read(self._settings.identity.batch)
        said = Read()
        if read:
            begun = time.perf_counter()
            for place, messages in read.items():
                self._understand(place, messages, said)
            self._bury(said)
            result = self.take(said, self._partitions.positions(read))
            self._count(result)
            self._metrics.identity_batch_seconds.observe(time.perf_counter() - begun)
            self.publish(result.entries)
        self._partitions.handled(read, said.times)
        return bool(read)

    def take(self, said: Read, offsets: dict[Place, int]) -> Result:
        """Commit evidence and what follows from it, with the offsets that it came up to."""
        with self._database.begin() as connection:
            self._empty(connection)
            result = self._intake.take(connection, said.batch())
            write_offsets(connection, offsets)
        self._published = None
        return result

    def publish(self, entries: Sequence[Entry]) -> None:
        """Write what was committed onto the bus, in its order."""
        self._metrics.identity_outbox_waiting.set(len(entries))
        for _, key, value in entries:
            self._writer.write(self._names.identity, value, key=key.encode())
        if entries:
            self._writer.flush()
            self._published = entries[-1][0]
        self._metrics.identity_outbox_waiting.set(0)

    def publish_kept(self) -> None:
        """Publish what is in the outbox, and take it out."""
        self.confirm()
        while True:
            with self._database.begin() as connection:
                columns = sa.select(outbox.c.number, outbox.c.key, outbox.c.value)
                rows = connection.execute(columns.order_by(outbox.c.number).limit(_AT_ONCE)).all()
            if not rows:
                return
            self.publish([(number, key, value) for number, key, value in rows])
            self.confirm()

    def confirm(self) -> None:
        """Take out of the outbox what the bus has."""
        if self._published is not None:
            with self._database.begin() as connection:
                self._empty(connection)
            self._published = None

    def _empty(self, connection: sa.Connection) -> None:
        if self._published is not None:
            connection.execute(sa.delete(outbox).where(outbox.c.number <= self._published))

    def _understand(self, place: Place, messages: list[Message], said: Read) -> None:
        """Read the messages of one partition."""
        rows, events, _ = self._sources
        topic = place[0]
        if topic == rows:
            self._messages.rows(messages, said)
        elif topic == events:
            self._messages.events(messages, said)
        else:
            self._messages.audits(messages, said)

    def _bury(self, said: Read) -> None:
        """Keep what could not be read, with the reason."""
        for letter in said.letters:
            self._writer.write(
                self._names.dead_letters, letter.value, key=letter.key, headers=letter.headers()
            )
            self._metrics.dead_letters.labels(reason=letter.reason).inc()
            _log.warning(
                "not understood",
                topic=letter.topic,
                partition=letter.partition,
                offset=letter.offset,
                reason=letter.reason,
            )
        if said.letters:
            self._writer.flush()

    def _count(self, result: Result) -> None:
        metrics = self._metrics
        for kind, number in result.new.items():
            metrics.identity_evidence.labels(kind=kind).inc(number)
        metrics.identity_merged_customers.inc(result.merged)
        metrics.identity_split_customers.inc(result.split)
        metrics.identity_shared_identifiers.inc(result.shared)
        metrics.last_commit_timestamp_seconds.labels(flow=NAME).set(self._clock() / 1000)

    def _look_for_rules(self) -> None:
        """Take up a rule set that came; one that this version cannot read leaves the last in force."""
        try:
            came = self._rules.poll()
        except RulesWrong as error:
            _log.error("rule set refused", reason=str(error))
            return
        if came:
            self._take_up(self._rules.current)

    def _take_up(self, rules: RuleSet) -> None:
        """Go by a rule set from now on; when it matches otherwise, look at all evidence again."""
        matching = Matching(rules.identity, rules.sources.systems)
        self._intake = Intake(matching, rules.sources, self._key, self._chance, self._keeping)
        self._messages = Messages(
            rules.sources, rules.identity, rules.events, self._settings.tenant, self._key
        )
        again = Again(self._database, self._intake, matching, rules, self._names.source_records)
        if again.is_due():
            _log.info("looking at all evidence again", rule_set=rules.number)
            for _ in again.run():
                self.publish_kept()
            # Rows may be read otherwise, too: those that the bus still has.
            self._partitions.read_again(self._names.source_records)

    def _vault(self) -> Keeping | None:
        """Where personal values go; without a key they are kept nowhere."""
        secret = self._settings.identity.vault_key
        if not secret:
            _log.warning("no identity.vault_key: what names people is not kept, actions will lack it")
            return None
        return Keeping(self._settings.tenant, MasterKey(secret, secrets.token_bytes))
