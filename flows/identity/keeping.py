"""What a batch means for the vault: values that came, and values whose customer is another now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa

from flows.identity.assigning import Assigned
from flows.identity.evidence import Batch
from flows.identity.region import Region
from flows.identity.seals import MasterKey
from flows.identity.taking import Taken
from flows.identity.vault import Kept, Move, Vault


class Keeping:
    """Keeps the vault true to who is who."""

    def __init__(self, tenant: str, master: MasterKey) -> None:
        self._tenant, self._master = tenant, master

    def keep(
        self, connection: sa.Connection, region: Region, assigned: Assigned, taken: Taken, batch: Batch
    ) -> None:
        """Move, forget and keep what the batch says, within its transaction."""
        vault = Vault(connection, self._tenant, self._master)
        held = _held(region, assigned)
        vault.move(_moves(region, assigned, held))
        vault.forget([(token, whose) for token, whose in taken.dropped if token not in held.get(whose, ())])
        vault.keep(_kept(assigned, taken, batch))
        if taken.erased:
            vault.erase(taken.erased)


def _held(region: Region, assigned: Assigned) -> dict[str, set[str]]:
    """By customer, the tokens that evidence of theirs holds now."""
    held: defaultdict[str, set[str]] = defaultdict(set)
    for piece, whose in assigned.of.items():
        held[whose].update(region.pieces[piece].tokens)
    return held


def _moves(region: Region, assigned: Assigned, held: dict[str, set[str]]) -> Iterable[Move]:
    """What goes with pieces that have changed their customer."""
    going: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for piece, new in assigned.of.items():
        old = region.whose[piece]
        if old is not None and old != new:
            going[old, new].update(region.pieces[piece].tokens)
    stays = {old: set(held.get(old, ())) for old, _ in going}
    moves: list[Move] = []
    for (old, new), tokens in sorted(going.items(), reverse=True):
        moves.append(Move(tokens=tokens, source=old, target=new, shared=tokens & stays[old]))
        # Who comes later takes it from there, too: a token that goes to several stays until the last has it.
        stays[old] |= tokens
    return reversed(moves)


def _kept(assigned: Assigned, taken: Taken, batch: Batch) -> Iterable[Kept]:
    """The values that came: those of rows, and of the identifiers that events named."""
    for handle, record in taken.records.items():
        whose = assigned.of[handle]
        yield Kept(customer=whose, identifiers=record.identifiers, personal={handle: record.personal})
    values = {each.token: each for each in batch.identifiers}
    for piece in taken.changed.values():
        named = [values[token] for token in piece.tokens if token in values]
        if piece.kind == "event" and named:
            yield Kept(customer=assigned.of[piece.id], identifiers=named)
