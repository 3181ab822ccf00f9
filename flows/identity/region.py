"""The evidence that a batch concerns: all that is joined, was joined or may now be joined with what it touched.

Read level by level, through tokens that link. A token that was shared and stays so is not walked, however many hold it;
so what is read is bounded by what is joined, not by what is shared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import msgspec
import sqlalchemy as sa

from flows.identity.clusters import Apart, Piece
from flows.identity.judged import about, apart
from flows.identity.matching import Matching
from flows.identity.rows import rows_where
from flows.identity.tables import assignment, evidence, evidence_key
from flows.identity.taking import Taken

PIECE = (
    evidence.c.id,
    evidence.c.kind,
    evidence.c.first,
    evidence.c.last,
    evidence.c.tokens,
    evidence.c.composites,
    evidence.c.customer,
)


class Token(msgspec.Struct):
    """What is known of a token: a row of `assignment`, being changed."""

    customer: str | None = None
    number: int = 0
    was: list[str] = []
    pieces: int = 0
    shared: bool = False


class Region(msgspec.Struct):
    """Pieces by id, whose each was before, what is known of all tokens they hold or held, and which are not walked.

    Of a token in `walked` all who hold it are among the pieces; one in `shared` is known to link no more, and
    one in `over` because more than MOST_HOLDERS hold it.
    """

    pieces: dict[str, Piece] = {}
    whose: dict[str, str | None] = {}
    tokens: dict[str, Token] = {}
    walked: set[str] = set()
    shared: set[str] = set()
    over: set[str] = set()
    apart: Apart = {}


class Reading:
    """One region being read, within the transaction that wrote what was taken."""

    def __init__(self, connection: sa.Connection, matching: Matching, taken: Taken) -> None:
        self._connection, self._matching, self._taken = connection, matching, taken
        self._region = Region()
        self._asked: set[str] = set()

    def read(self) -> Region:
        """The region of what was taken."""
        region, taken = self._region, self._taken
        self._add_changed()
        coming = taken.touched | self._held()
        while coming:
            self._learn(coming)
            named, judgements = about(self._connection, coming)
            walk = self._to_walk(coming, named)
            region.walked |= walk
            walk = self._with_others(walk)
            # By an account a judgement holds, however shared that is: so both are read even if it is not walked.
            judgements |= {token for token in named if self._matching.rank(token) == 0}
            found = self._add(self._holders(walk) | judgements - region.pieces.keys())
            if taken.anew:
                found |= self._add_those_of_the_same()
            coming = found - region.tokens.keys()
        region.apart = apart(self._connection, region.tokens.keys())
        return region

    def _add_changed(self) -> None:
        """The pieces that say something new, which are not written yet, and the rows whose own ids were touched."""
        region, taken = self._region, self._taken
        for said in taken.changed.values():
            region.pieces[said.id] = Piece(
                said.id, said.kind, said.first, said.last, said.tokens, said.composites
            )
            region.whose[said.id] = taken.whose.get(said.id)
        self._add(
            {token for token in taken.touched if self._matching.rank(token) == 0} - region.pieces.keys()
        )

    def _held(self) -> set[str]:
        return {
            token for piece in self._region.pieces.values() for token in (*piece.tokens, *piece.composites)
        }

    def _learn(self, tokens: set[str]) -> None:
        """Read what is known of tokens, and count who holds them now."""
        columns = sa.select(
            assignment.c.token,
            assignment.c.customer,
            assignment.c.number,
            assignment.c.was,
            assignment.c.pieces,
            assignment.c.shared,
        )
        known, more = self._region.tokens, self._taken.pieces
        rows = rows_where(self._connection, columns, assignment.c.token, tokens)
        for token, customer, number, was, pieces, shared in rows:
            known[token] = Token(customer, number, was, pieces + more.get(token, 0), shared)
        for token in tokens - known.keys():
            known[token] = Token(pieces=more.get(token, 0))

    def _to_walk(self, tokens: Collection[str], judged: Collection[str]) -> set[str]:
        """Those tokens whose holders may be joined by them, or were; the others that link no more are noted."""
        region, taken, found = self._region, self._taken, set[str]()
        for token in tokens:
            known = region.tokens[token]
            over = known.pieces > self._matching.most_holders
            was_over = known.pieces - taken.pieces.get(token, 0) > self._matching.most_holders
            # Who only came newly cannot make a shared token link again, unless others expire by it.
            stays = known.shared and not taken.anew and (over or token not in taken.lost)
            links = self._matching.rank(token) is not None
            if over:
                region.over.add(token)
            elif links and stays:
                region.shared.add(token)
            if (token in judged or (links and not stays)) and not (over and was_over) and known.pieces:
                found.add(token)
        return found

    def _with_others(self, tokens: set[str]) -> set[str]:
        """Those of the tokens that pieces hold which are not in the region yet."""
        held = Counter(
            t for p in self._region.pieces.values() for t in (*p.tokens, *p.composites) if t in tokens
        )
        return {token for token in tokens if held[token] < self._region.tokens[token].pieces}

    def _add_those_of_the_same(self) -> set[str]:
        """Under other rules those who were one may be tied by nothing any more: they are looked at together."""
        whose = {each for each in self._region.whose.values() if each is not None} - self._asked
        self._asked |= whose
        rows = rows_where(self._connection, sa.select(evidence.c.id), evidence.c.customer, whose)
        return self._add({row[0] for row in rows} - self._region.pieces.keys())

    def _holders(self, tokens: Iterable[str]) -> set[str]:
        """The pieces that hold tokens and are not known yet."""
        column = sa.select(evidence_key.c.evidence)
        rows = rows_where(self._connection, column, evidence_key.c.token, tokens)
        return {row[0] for row in rows} - self._region.pieces.keys()

    def _add(self, ids: set[str]) -> set[str]:
        """Read pieces, and return what they hold."""
        stands = sa.not_(evidence.c.deleted)
        ids = ids - self._taken.gone.keys()
        held: set[str] = set()
        for row in rows_where(self._connection, sa.select(*PIECE), evidence.c.id, ids, stands):
            piece, kind, first, last, tokens, composites, whose = row
            self._region.pieces[piece] = Piece(piece, kind, first, last, tokens, composites)
            self._region.whose[piece] = whose
            held.update(tokens, composites)
        return held


def others_who_hold(
    connection: sa.Connection,
    region: Region,
    gone: Collection[str],
    tokens: Collection[str],
    own: Collection[str],
) -> list[tuple[str, Piece, str | None]]:
    """(token, piece, whose) of all outside the region who hold tokens, and of the rows whose own ids `own` are."""
    columns = (evidence.c.id, evidence.c.kind, evidence.c.first, evidence.c.last, evidence.c.customer)
    holders = sa.select(evidence_key.c.token, *columns).join(
        evidence, evidence.c.id == evidence_key.c.evidence
    )
    rows = sa.select(evidence.c.id.label("token"), *columns)
    found = [
        *rows_where(connection, holders, evidence_key.c.token, tokens),
        *rows_where(connection, rows, evidence.c.id, own, sa.not_(evidence.c.deleted)),
    ]
    return [
        (token, Piece(piece, kind, first, last, ()), whose)
        for token, piece, kind, first, last, whose in found
        if piece not in region.pieces and piece not in gone
    ]
