"""Who is who as a backtest goes on: the identity service's own intake over a database that is gone at the end.

No personal value is kept, and there is no bus: what the service would publish is handed on at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from flows.backtest.people_inputs import Row
from flows.customers.resolve import IdentityIn
from flows.identity.evidence import Batch, Judgement, Named, version_of
from flows.identity.intake import Intake, Result
from flows.identity.matching import Matching
from flows.identity.messages import Messages, Read
from flows.identity.store import open_store
from flows.identity.tables import outbox
from flows.rules.model import RuleSet
from flows.schema import DeadLetter, Identity
from flows.sources.mapping import Mapper
from flows.sources.model import SourceRecord
from flows.sources.row import RowRefused
from flows.topics.port import Message

_COMMIT_EVERY = 10_000
_SEED = 1


class WhoIsWho:
    """Takes evidence and says what follows; the same evidence in the same order gives the same customer ids.

    `merged`, `split` and `shared` count what became of customers and identifiers, `refused` rows that only this side
    does not take. Its database is a file in `folder`.
    """

    def __init__(self, rule_set: RuleSet, tenant_key: bytes, folder: Path) -> None:
        """Raises what opening a database raises."""
        sources, matching = rule_set.sources, Matching(rule_set.identity, rule_set.sources.systems)
        self.merged = self.split = self.shared = self.refused = 0
        self._key = tenant_key
        self._mapper = Mapper(sources, rule_set.identity, tenant_key)
        self._messages = Messages(sources, rule_set.identity, rule_set.events, rule_set.tenant, tenant_key)
        self._expiring = {kind for kind, rule in rule_set.identity.kinds.items() if rule.expires is not None}
        self._intake = Intake(matching, sources, tenant_key, random.Random(_SEED))
        self._known: set[str] = set()
        self._later: dict[str, Named] = {}
        self._store = open_store("sqlite:///identity.db", folder)
        self._connection = self._store.engine.connect()
        self._taken = 0

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
        self._store.close()

    def rows(self, rows: Sequence[Row], *, again: bool) -> list[IdentityIn]:
        """What follows from rows; with `again` they are read by this side's own sources."""
        records, versions = list[SourceRecord](), list[str]()
        for row in rows:
            try:
                record = self._mapper.record_of(row.sent) if again else row.mapped.record
            except RowRefused:
                self.refused += 1
                continue
            records.append(record)
            versions.append(version_of(record, self._key, [row.sent.type, row.sent.data]))
        return self._take(Batch(records=tuple(records), versions=tuple(versions)))

    def judged(self, judgements: tuple[Judgement, ...]) -> list[IdentityIn]:
        """What follows from what persons judged."""
        return self._take(Batch(judgements=judgements))

    def event(
        self, raw: bytes, at: int, archive: str, line: int
    ) -> tuple[list[IdentityIn], list[DeadLetter]]:
        """What follows from the identifiers of an event that is taken to have come at `at`, and which of them are none.

        That some stand together is news once; that they still do matters only where evidence expires, and then not
        before something new comes.
        """
        read = Read()
        self._messages.events([Message(archive, 0, line, None, raw, (), at)], read)
        new = False
        for each in read.events:
            if each.id not in self._known:
                self._known.add(each.id)
                new = True
            elif not self._expires(each):
                continue
            self._later[each.id] = each
        if not new:
            return [], read.letters
        events, self._later = tuple(self._later.values()), {}
        return self._take(Batch(events=events)), read.letters

    def _expires(self, event: Named) -> bool:
        return any(token.partition(":")[0] in self._expiring for token in event.tokens)

    def _take(self, batch: Batch) -> list[IdentityIn]:
        if self._later:
            batch = msgspec.structs.replace(batch, events=(*self._later.values(), *batch.events))
            self._later = {}
        connection = self._connection
        self._count(self._intake.take(connection, batch))
        columns = sa.select(outbox.c.number, outbox.c.key, outbox.c.value).order_by(outbox.c.number)
        rows = connection.execute(columns).all()
        if rows:
            connection.execute(sa.delete(outbox))
        self._taken += len(batch.records) + len(batch.events)
        if self._taken > _COMMIT_EVERY:
            # Now and then, so that what is not committed does not grow; each commit waits for the disk.
            connection.commit()
            self._taken = 0
        return list(_entries((key, value) for _, key, value in rows))

    def _count(self, result: Result) -> None:
        self.merged += result.merged
        self.split += result.split
        self.shared += result.shared


def _entries(rows: Iterable[tuple[str, bytes]]) -> Iterable[IdentityIn]:
    decoder = msgspec.json.Decoder(Identity)
    for key, value in rows:
        yield IdentityIn(key, decoder.decode(value))
