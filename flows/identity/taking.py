"""Writing a batch of evidence: what is new of it, and which tokens somebody else holds now than before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from flows.identity.evidence import (
    Batch,
    Judgement,
    Said,
    lay_over,
    newest,
    said_by,
    said_by_event,
    said_by_judgement,
    version_of,
)
from flows.identity.judged import erased_at, judgements_about
from flows.identity.matching import Matching
from flows.identity.rows import delete_pairs, rows_where, update, upsert
from flows.identity.tables import evidence, evidence_key, judgement
from flows.sources.model import SourceRecord

EvidenceRow = sa.Row[*tuple[Any, ...]]


class Taken(msgspec.Struct):
    """What a batch changed in the evidence.

    `touched` are tokens whose holders, or the age of these, are others now; `lost` those among them that some piece
    holds no more, or has not any more beside another. `pieces` is by token how many more hold it. `changed` are pieces
    that count and say something new, by id; `gone` those that count no more, with whose they were. `dropped` are tokens
    that pieces held, with whose those were. `erased` are customers to forget. `anew` says that other rules are in force
    than those which what is kept was made with. `said` is all that is to be written of pieces, once it is known whose
    they are, and `whose` by piece whose it was, if it was known at all.
    """

    touched: set[str] = set()
    lost: set[str] = set()
    pieces: Counter[str] = msgspec.field(default_factory=Counter[str])
    changed: dict[str, Said] = {}
    gone: dict[str, str | None] = {}
    dropped: set[tuple[str, str]] = set()
    records: dict[str, SourceRecord] = {}
    erased: set[str] = set()
    anew: bool = False
    said: list[Said] = []
    whose: dict[str, str | None] = {}
    new: Counter[str] = msgspec.field(default_factory=Counter[str])


class Taking:
    """One batch being written, within one transaction."""

    def __init__(self, connection: sa.Connection, matching: Matching, tenant_key: bytes) -> None:
        self._connection, self._matching, self._key = connection, matching, tenant_key
        self._taken = Taken()

    def take(self, batch: Batch) -> Taken:
        """Write the evidence that is new."""
        judged = self._judge(batch.judgements)
        came = newest(
            (
                *self._records(batch),
                *(said_by_event(each) for each in batch.events),
                *judged,
            )
        )
        known = {row.id: row for row in self._rows(came)}
        erased = erased_at(self._connection, {token for each in came.values() for token in each.tokens})
        said = [each for each in came.values() if self._is_new(each, known.get(each.id), erased)]
        same = {each.id for each in said if (row := known.get(each.id)) and row.version == each.version}
        said = [each for each in said if each.id not in same or _reads_otherwise(each, known[each.id])]
        said += self._erase([each for each in batch.judgements if each.kind == "erase"], {s.id for s in said})
        self._write(said, known)
        return self._taken

    def _records(self, batch: Batch) -> Iterable[Said]:
        """The source records as evidence."""
        versions = batch.versions or [version_of(each, self._key) for each in batch.records]
        return (said_by(each, version) for each, version in zip(batch.records, versions, strict=True))

    def _rows(self, ids: Iterable[str]) -> list[EvidenceRow]:
        return rows_where(self._connection, sa.select(evidence), evidence.c.id, ids)

    def _judge(self, judgements: tuple[Judgement, ...]) -> list[Said]:
        """Write judgements; what becomes evidence of merges, among them older ones that are taken back now."""
        if not judgements:
            return []
        upsert(self._connection, judgement, [msgspec.structs.asdict(each) for each in judgements])
        self._taken.erased |= {each.b for each in judgements if each.kind == "erase"}
        pairs = {each.pair for each in judgements if each.kind != "erase"}
        about = [
            each
            for each in judgements_about(self._connection, {token for pair in pairs for token in pair})
            if each.kind != "erase" and each.pair in pairs
        ]
        last: dict[tuple[str, str], Judgement] = {}
        for each in sorted(about, key=_age):
            last[each.pair] = each
        concerned = {token for pair in pairs for token in pair} | self._beside(pairs)
        self._taken.touched |= concerned
        self._taken.lost |= concerned
        return [said_by_judgement(each, last[each.pair] is each) for each in about if each.kind == "merge"]

    def _beside(self, pairs: Iterable[tuple[str, str]]) -> set[str]:
        """What stands beside both tokens of a pair: evidence that ties them is taken apart by a judgement."""
        one, two = evidence_key.alias(), evidence_key.alias()
        found: set[str] = set()
        for a, b in pairs:
            both = sa.select(evidence).select_from(one).where(one.c.token == a, two.c.token == b)
            tied = both.join(two, one.c.evidence == two.c.evidence).join(
                evidence, evidence.c.id == one.c.evidence
            )
            for row in self._connection.execute(tied):
                found |= _held(row)
        return found

    def _is_new(self, said: Said, known: EvidenceRow | None, erased: Mapping[str, int]) -> bool:
        """Whether a piece changes what is written; an event gets what was known of its identifiers.

        Evidence that holds a token which was erased later counts no more.
        """
        if known is not None and said.kind == "event":
            lay_over(said, (known.first, known.last, known.source))
        said.deleted |= any(erased.get(token, -1) >= said.last for token in said.tokens)
        if known is None:
            return True
        if said.kind == "record":
            order, last = (said.last, said.version), (known.last, known.version)
            return order > last or (order == last and not known.deleted)
        now = (said.first, said.last, said.source, said.deleted)
        return now != (known.first, known.last, known.source, known.deleted)

    def _erase(self, erasures: list[Judgement], again: set[str]) -> list[Said]:
        """What is written already and is to count no more."""
        if not erasures:
            return []
        until: dict[str, int] = {}
        for each in erasures:
            until[each.a] = max(until.get(each.a, -1), each.at)
        held = sa.select(evidence_key.c.token, evidence).join(
            evidence, evidence.c.id == evidence_key.c.evidence
        )
        rows = rows_where(self._connection, held, evidence_key.c.token, until)
        gone = {row.id: row for row in rows if row.last <= until[row.token] and row.id not in again}
        return [
            Said(row.id, row.kind, row.source, row.first, row.last, row.version, True, ())
            for row in gone.values()
        ]

    def _write(self, said: list[Said], known: dict[str, EvidenceRow]) -> None:
        """Write pieces and what they hold."""
        known |= {row.id: row for row in self._rows({each.id for each in said} - known.keys())}
        before = {piece: _held(row) for piece, row in known.items()}
        held, away = list[dict[str, Any]](), list[tuple[str, str]]()
        self._taken.said = said
        self._taken.whose = {piece: row.customer for piece, row in known.items()}
        for each in said:
            had = before.get(each.id, set[str]())
            has = set[str]() if each.deleted else {*each.tokens, *each.composites}
            composites = set(each.composites)
            for token in has - had:
                role = self._matching.role(token, token in composites)
                held.append({"token": token, "evidence": each.id, "role": role})
            away += [(token, each.id) for token in had - has]
            self._note(each, known.get(each.id), had, has)
        upsert(self._connection, evidence_key, held)
        delete_pairs(self._connection, evidence_key.c.token, evidence_key.c.evidence, away)

    def _note(self, said: Said, known: EvidenceRow | None, had: set[str], has: set[str]) -> None:
        """What follows from one piece."""
        taken, whose = self._taken, None if known is None else known.customer
        taken.new[said.kind] += 1
        taken.pieces.update(has - had)
        taken.pieces.subtract(had - has)
        if had - has:
            taken.lost |= had
        if had and not has:
            taken.gone[said.id] = whose
        if whose is not None:
            taken.dropped |= {(token, whose) for token in had - has}
        aged = known is not None and (known.first != said.first or said.kind == "record")
        # By a newer piece others may hold a token no longer.
        expiring = {token for token in has if self._matching.rule(token).expires is not None}
        if has != had or aged or expiring:
            taken.touched |= had | has
            taken.lost |= expiring
            if has:
                taken.changed[said.id] = said
        if said.record is not None and has:
            taken.records[said.id] = said.record


def _held(row: EvidenceRow) -> set[str]:
    """What a piece holds up to now."""
    return {*row.tokens, *row.composites}


def _reads_otherwise(said: Said, known: EvidenceRow) -> bool:
    """Whether a version of a row that is known already says something else, as it does under other rules."""
    if said.record is None or said.deleted:
        return True
    return said.content != known.content or {*said.tokens, *said.composites} != _held(known)


def write_pieces(
    connection: sa.Connection, taken: Taken, before: Mapping[str, str | None], of: Mapping[str, str]
) -> None:
    """Write the pieces that say something new, and whose pieces are now; `before` and `of` are by piece."""
    said = {each.id for each in taken.said}
    upsert(connection, evidence, [each.row(of.get(each.id, taken.whose.get(each.id))) for each in taken.said])
    moved = [
        {"id": piece, "customer": new}
        for piece, new in of.items()
        if piece not in said and before[piece] != new
    ]
    update(connection, evidence, moved)


def _age(each: Judgement) -> tuple[int, str]:
    return each.age
