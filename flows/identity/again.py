"""Looking at all evidence again, because other rules say when two handles are one person."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

import msgspec
import sqlalchemy as sa

from flows.identity.evidence import Batch
from flows.identity.intake import Intake
from flows.identity.matching import Matching
from flows.identity.rows import read_state, rows_where, upsert, write_state
from flows.identity.tables import consumed, evidence, evidence_key
from flows.identity.taking import Taken
from flows.identity.writer import Writer
from flows.rules.model import RuleSet

_AT_ONCE = 1_000
_RULES = "rules"


class Again:
    """One pass over all evidence, in batches; killed on the way it begins anew, which does no harm."""

    def __init__(
        self,
        database: Writer,
        intake: Intake,
        matching: Matching,
        rules: RuleSet,
        source_records: str,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._source_records, self._at_once = source_records, at_once
        self._database, self._intake, self._matching = database, intake, matching
        self._fingerprint = _fingerprint(matching, rules)

    def is_due(self) -> bool:
        """Whether the database was made under other rules; an empty one notes those in force."""
        with self._database.begin() as connection:
            found = read_state(connection, _RULES)
            if found is None:
                write_state(connection, _RULES, self._fingerprint)
        return found not in (None, self._fingerprint)

    def run(self) -> Iterator[None]:
        """Batch after batch; when all is done, the source records are to be read again from their beginning."""
        last = ""
        while True:
            with self._database.begin() as connection:
                stands = sa.select(evidence.c.id).where(evidence.c.id > last, sa.not_(evidence.c.deleted))
                ids = connection.execute(stands.order_by(evidence.c.id).limit(self._at_once)).scalars().all()
                if not ids:
                    connection.execute(sa.delete(consumed).where(consumed.c.topic == self._source_records))
                    write_state(connection, _RULES, self._fingerprint)
                    return
                self._look_at(connection, ids)
                last = ids[-1]
            yield

    def _look_at(self, connection: sa.Connection, ids: Collection[str]) -> None:
        """Divide some of the evidence anew, and all that was or will be one with it."""
        columns = sa.select(evidence.c.id, evidence.c.tokens, evidence.c.composites)
        rows = [
            {"token": token, "evidence": piece, "role": self._matching.role(token, token in composites)}
            for piece, held, composites in rows_where(connection, columns, evidence.c.id, ids)
            for token in {*held, *composites}
        ]
        upsert(connection, evidence_key, rows)
        tokens = {row["token"] for row in rows}
        self._intake.follow(connection, Taken(touched=tokens, lost=tokens, anew=True), Batch())


def _fingerprint(matching: Matching, rules: RuleSet) -> str:
    """Of all that says what a row or an event means for identity."""
    plain = msgspec.json.encode([matching.fingerprint(), rules.sources], order="deterministic")
    return hashlib.blake2b(plain, digest_size=12).hexdigest()
