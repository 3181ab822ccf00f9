"""Who is who, as a pure function of the evidence: no order of arrival, no cut into batches, no repeat changes it.

Evidence joins evidence that holds the same linking token (`Matching.rank`). A token stops linking when it is shared:
beside more than `shared_above` accounts, or held by more than MOST_HOLDERS pieces. Links are drawn in an order that
depends on the evidence alone (`_in_order`), and one that would give a person more accounts than `per_person` allows, or
join what a person judged to be two, is not drawn. Accounts that a person judged to be of one are joined before all
rules, whatever the limits; by another token a judgement means who has it in the end, if that is one person alone.

With `expires` a piece holds a token only as long as no other piece of that token is newer by more than that: a cookie
last seen with one person in January and with another in June says nothing of the first any more. So nothing ever
changes by the mere passing of time, and who is concerned can be found by the token.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from flows.identity.matching import Matching, kind_of

Kind = Literal["record", "event", "judgement"]
_FIRST, _LAST = -1, 1 << 30
Apart = Mapping[str, frozenset[str]]
"""By token, those that were judged to be of somebody else."""


class Piece(msgspec.Struct, frozen=True):
    """A piece of evidence, and what it holds; the `id` of a record is its own handle, which it holds too.

    `first` and `last` (ms of event time) are one but for a set of identifiers that several events named.
    """

    id: str
    kind: Kind
    first: int
    last: int
    tokens: tuple[str, ...]
    composites: tuple[str, ...] = ()

    @property
    def age(self) -> tuple[int, str]:
        """The older piece has the smaller one."""
        return self.first, self.id


class Partition(msgspec.Struct, frozen=True):
    """Clusters with their oldest piece first, the tokens that are shared, and by token the pieces that hold it."""

    clusters: list[list[Piece]]
    shared: set[str]
    holders: dict[str, list[Piece]]


class _Link(msgspec.Struct, frozen=True):
    """Pieces that one token ties, and when it is their turn."""

    rank: int
    at: int
    token: str
    who: list[Piece]


def partition(
    pieces: Iterable[Piece],
    matching: Matching,
    apart: Apart,
    known_shared: Collection[str] = (),
    known_over: Collection[str] = (),
) -> Partition:
    """Divide evidence among persons.

    The pieces must be whole: all that hold any token of theirs which links, but for those `known_shared` and, because
    more than MOST_HOLDERS hold them, `known_over`.
    """
    whole = list(pieces)
    known = [severed(piece, apart) for piece in whole] if apart else whole
    over = {*known_over, *(t for t, number in _counts(whole).items() if number > matching.most_holders)}
    holders = holding(known, matching, over)
    shared = {
        token
        for token, who in holders.items()
        if token in known_shared or token in over or is_shared(token, who, matching)
    }
    groups = _Groups(known, matching, apart)
    for link in _in_order(holders, shared, matching):
        if link.rank == _LAST:
            groups.settle(link.who)
        else:
            groups.join(link.who, judged=link.rank == _FIRST)
    return Partition(groups.clusters(), shared, holders)


def severed(piece: Piece, apart: Apart) -> Piece:
    """A piece without the tokens that it ties and a person judged not to belong together.

    Of a row's own id and another token the other goes, of two others both.
    """
    own = set(piece.tokens)
    away = {
        token
        for token in piece.tokens
        if token in apart and not apart[token].isdisjoint(own) and token != piece.id
    }
    if not away or piece.kind == "judgement":
        return piece
    return msgspec.structs.replace(piece, tokens=tuple(token for token in piece.tokens if token not in away))


def _counts(pieces: Iterable[Piece]) -> Counter[str]:
    """By token, how many hold it, however old and whatever was judged."""
    return Counter(token for piece in pieces for token in (*piece.tokens, *piece.composites))


def holding(
    pieces: Iterable[Piece], matching: Matching, over: Collection[str] = ()
) -> dict[str, list[Piece]]:
    """By token, the pieces that hold it still, oldest first; of those in `over` all."""
    holders: defaultdict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        for token in (*piece.tokens, *piece.composites):
            holders[token].append(piece)
    return {
        token: sorted(who if token in over else current(token, who, matching), key=_age)
        if len(who) > 1
        else who
        for token, who in holders.items()
    }


def _age(piece: Piece) -> tuple[int, str]:
    return piece.age


def current(token: str, who: list[Piece], matching: Matching) -> list[Piece]:
    """Of the pieces that hold a token those for which that still counts; a judgement does not age."""
    expires = matching.rule(token).expires
    if expires is None:
        return who
    newest = max((piece.last for piece in who if piece.kind != "judgement"), default=0)
    return [piece for piece in who if piece.kind == "judgement" or piece.last >= newest - expires]


def is_shared(token: str, holders: Sequence[Piece], matching: Matching) -> bool:
    """Whether a token links no more; judgements do not count."""
    above = matching.rule(token).shared_above
    # Most have too few neighbours of any kind for that.
    if sum(len(piece.tokens) - (token in piece.tokens) for piece in holders) <= above:
        return False
    beside = {
        other
        for piece in holders
        if piece.kind != "judgement"
        for other in piece.tokens
        if other != token and matching.is_unique(other)
    }
    return len(beside) > above


def _in_order(
    holders: Mapping[str, list[Piece]], shared: Collection[str], matching: Matching
) -> Iterator[_Link]:
    """What links, in the order of drawing: accounts that a person judged, all accounts, then as `match` has it.

    Within these by age. The age of a link is that of its second piece, for before that it tied nothing.
    """
    links: list[_Link] = []
    for token, who in holders.items():
        if len(who) < 2:
            continue
        rank = matching.rank(token)
        judged = [piece for piece in who if piece.kind == "judgement"]
        if judged and rank == 0:
            own = [piece for piece in who if piece.id == token]
            links.append(_Link(_FIRST, judged[0].first, token, [*judged, *own] if token in shared else who))
            continue
        if token in shared:
            continue
        others = who
        if judged:
            links.append(_Link(_LAST, judged[0].first, token, who))
            others = [piece for piece in who if piece.kind != "judgement"]
        if rank is not None and len(others) > 1:
            links.append(_Link(rank, others[1].first, token, others))
    yield from sorted(links, key=_turn)


def _turn(link: _Link) -> tuple[int, int, str]:
    return link.rank, link.at, link.token


class _Groups:
    """Pieces that are joined, and what of each group may forbid the next join (Tarjan 1975: union-find)."""

    def __init__(self, pieces: Sequence[Piece], matching: Matching, apart: Apart) -> None:
        self._pieces, self._apart, self._limits = pieces, apart, matching.limits
        self._over = {piece.id: piece.id for piece in pieces}
        self._accounts: dict[str, dict[str, set[str]]] = {}
        self._judged: dict[str, set[str]] = {}
        for piece in pieces:
            for token in piece.tokens:
                kind = kind_of(token)
                if kind in self._limits:
                    self._accounts.setdefault(piece.id, {}).setdefault(kind, set()).add(token)
                if token in apart:
                    self._judged.setdefault(piece.id, set()).add(token)

    def join(self, pieces: Iterable[Piece], judged: bool) -> None:
        """Join what one token ties, each piece with all before it, as far as nothing forbids it."""
        before: list[str] = []
        for piece in pieces:
            for other in before:
                here, there = self._find(piece.id), self._find(other)
                if here != there and not self._forbidden(here, there, judged):
                    self._unite(there, here)
            before = list(dict.fromkeys(map(self._find, [*before, piece.id])))

    def settle(self, who: Iterable[Piece]) -> None:
        """Join the judgements about a token with the group that has it, if that is one alone."""
        pieces = list(who)
        having = {self._find(piece.id): piece for piece in pieces if piece.kind != "judgement"}
        judgements = [piece for piece in pieces if piece.kind == "judgement"]
        if len(having) <= 1:
            self.join([*having.values(), *judgements], judged=True)

    def clusters(self) -> list[list[Piece]]:
        """The groups, oldest piece first."""
        found: defaultdict[str, list[Piece]] = defaultdict(list)
        for piece in self._pieces:
            found[self._find(piece.id)].append(piece)
        return [sorted(cluster, key=_age) for cluster in found.values()]

    def _find(self, piece: str) -> str:
        over = self._over
        while over[piece] != piece:
            over[piece] = over[over[piece]]
            piece = over[piece]
        return piece

    def _forbidden(self, here: str, there: str, judged: bool) -> bool:
        """Whether a judgement, or a limit (that yields to one), keeps two groups apart."""
        theirs = self._judged.get(there, set())
        if any(not self._apart[token].isdisjoint(theirs) for token in self._judged.get(here, ())):
            return True
        if judged or here not in self._accounts or there not in self._accounts:
            return False
        return any(
            self._exceeds(kind, accounts, self._accounts[there].get(kind, set()))
            for kind, accounts in self._accounts[here].items()
        )

    def _exceeds(self, kind: str, here: set[str], there: set[str]) -> bool:
        """Whether one person would have more accounts of a kind than may be, and more than one of the two had."""
        together = len(here | there)
        return together > self._limits[kind] and together > max(len(here), len(there))

    def _unite(self, into: str, gone: str) -> None:
        self._over[gone] = into
        for kind, accounts in self._accounts.pop(gone, {}).items():
            self._accounts.setdefault(into, {}).setdefault(kind, set()).update(accounts)
        if gone in self._judged:
            self._judged.setdefault(into, set()).update(self._judged.pop(gone))


def owner(token: str, holders: Iterable[Piece], of: Mapping[str, str | None]) -> str | None:
    """Whose a token is: that of the row whose own id it is, else of those who hold it, if that is one alone.

    `of` says by piece whose it is.
    """
    own = of.get(token)
    if own is not None:
        return own
    whose = {of[piece.id] for piece in holders}
    return whose.pop() if len(whose) == 1 else None
