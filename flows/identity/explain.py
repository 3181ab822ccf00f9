"""Why two handles are one person: the chain of evidence from one to the other (why not: `obstacles.py`).

Pure over what `known.py` reads. A chain goes from evidence to evidence over the tokens that tie them, as short as it
can be; of chains of one length it is always the same one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from flows.identity.clusters import Piece, holding, severed
from flows.identity.evidence import Judgement
from flows.identity.judgements import last_of_pairs
from flows.identity.matching import Matching, kind_of


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence about two sides: pieces that count, whose each is, and all who hold what the sides have in common.

    `sources` says of each piece what it comes from: a system, an event's type, a person. `shared` are the tokens that
    are known to link no more. `match` are the alternatives of `identity.yaml`.
    """

    pieces: tuple[Piece, ...]
    whose: Mapping[str, str | None]
    sources: Mapping[str, str]
    judgements: tuple[Judgement, ...] = ()
    shared: frozenset[str] = frozenset()
    match: tuple[tuple[str, ...], ...] = ()

    def current(self) -> list[Piece]:
        """The pieces without what persons judged not to belong together."""
        apart: dict[str, set[str]] = {}
        for each in last_of_pairs(self.judgements):
            if each.kind == "split":
                apart.setdefault(each.a, set()).add(each.b)
                apart.setdefault(each.b, set()).add(each.a)
        frozen = {token: frozenset(others) for token, others in apart.items()}
        return [severed(piece, frozen) for piece in self.pieces]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two that are asked about: its tokens, whose it is, and whether that one was erased."""

    name: str
    customer: str | None = None
    tokens: frozenset[str] = frozenset()
    erased: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence in a chain: it names `tokens` together, and is tied to the one before by `rule`.

    Of a judgement `source` is who made it and `reason` why.
    """

    evidence: str
    kind: str
    source: str
    at: int
    tokens: tuple[str, ...]
    rule: str = ""
    reason: str = ""


def why(one: Asked, other: Asked, known: Known, matching: Matching) -> list[Step]:
    """The shortest chain of evidence from one to the other; none where they are not one."""
    if one.customer is None or one.customer != other.customer:
        return []
    pieces = {p.id: p for p in known.current() if known.whose.get(p.id) == one.customer}
    holders = holding(pieces.values(), matching)
    came: dict[str, tuple[str, str] | None] = {}
    waiting: deque[str] = deque()
    for piece in sorted(pieces.values(), key=lambda p: p.age):
        if not one.tokens.isdisjoint(piece.tokens):
            came[piece.id] = None
            waiting.append(piece.id)
    while waiting:
        here = waiting.popleft()
        if not other.tokens.isdisjoint(pieces[here].tokens):
            return _chain(here, came, pieces, one, other, known, matching)
        for token in sorted((*pieces[here].tokens, *pieces[here].composites)):
            who = holders.get(token, ())
            for there in who if pieces[here] in who else ():
                if there.id not in came and _ties(token, pieces[here], there, known, matching):
                    came[there.id] = (here, token)
                    waiting.append(there.id)
    return []


def rule_of(token: str, matching: Matching) -> str:
    """By which rule a token links: `account`, or what stands in `match`; empty where it does not link."""
    rank, kind = matching.rank(token), kind_of(token)
    if not rank:
        return "" if rank is None else "account"
    return f"[{kind.replace('+', ', ')}]" if "+" in kind else kind


def _ties(token: str, here: Piece, there: Piece, known: Known, matching: Matching) -> bool:
    """Whether two pieces are tied by a token that both hold; a judgement ties by any, by a shared one the row's own."""
    shared = token in known.shared
    if "judgement" in (here.kind, there.kind):
        return not shared or token in (here.id, there.id) or here.kind == there.kind
    return not shared and bool(rule_of(token, matching))


def _chain(
    last: str,
    came: Mapping[str, tuple[str, str] | None],
    pieces: Mapping[str, Piece],
    one: Asked,
    other: Asked,
    known: Known,
    matching: Matching,
) -> list[Step]:
    """The pieces from the first to `last`, each with the tokens by which it is tied."""
    judged = {each.id: each for each in known.judgements}
    found: list[Step] = []
    here, leaves = last, _first(pieces[last].tokens, other.tokens)
    while True:
        before = came[here]
        enters = _first(pieces[here].tokens, one.tokens) if before is None else before[1]
        piece = pieces[here]
        tied = "" if before is None else _rule_between(piece, pieces[before[0]], enters, matching)
        found.append(
            Step(
                evidence=here,
                kind=piece.kind,
                source=known.sources.get(here, ""),
                at=piece.first,
                tokens=tuple(dict.fromkeys((enters, leaves))),
                rule=tied,
                reason=judged[here].reason if here in judged else "",
            )
        )
        if before is None:
            return found[::-1]
        here, leaves = before


def _first(tokens: Iterable[str], wanted: Iterable[str]) -> str:
    return min(set(tokens) & set(wanted))


def _rule_between(piece: Piece, before: Piece, token: str, matching: Matching) -> str:
    """By which rule two pieces are tied."""
    return "judgement" if "judgement" in (piece.kind, before.kind) else rule_of(token, matching)
