"""Why two handles are not one person: what forbids it, what they share that does not count, or that nothing ties them.

Pure over what `known.py` reads, as `explain.py` is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from flows.identity.clusters import Piece, holding
from flows.identity.explain import Asked, Known, rule_of
from flows.identity.judgements import last_of_pairs
from flows.identity.matching import MOST_HOLDERS, Matching, kind_of

Obstacle = Literal[
    "unknown", "erased", "split", "shared", "expired", "limit", "plain", "together", "apart", "nothing"
]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that keeps two apart, in words; tokens stand in `text` as they are, for whoever may show more."""

    kind: Obstacle
    text: str
    token: str = ""
    who: str = ""
    at: int | None = None
    reason: str = ""


def why_not(one: Asked, other: Asked, known: Known, matching: Matching) -> list[Missing]:
    """All that keeps two apart: what forbids it, what does not count, or that nothing ties them; else none."""
    if one.customer is not None and one.customer == other.customer:
        return []
    found = [_absent(side, known) for side in (one, other) if side.customer is None or side.erased]
    found += _judged(one, other, known)
    found += _in_common(one, other, known, matching)
    return found or [_nothing(one, other, known)]


def accounts_beside(token: str, holders: Iterable[Piece], matching: Matching) -> set[str]:
    """The accounts that stand in evidence with a token."""
    return {
        other
        for piece in holders
        if piece.kind != "judgement"
        for other in piece.tokens
        if other != token and matching.is_unique(other)
    }


def _absent(side: Asked, known: Known) -> Missing:
    """Who is nobody: erased, never heard of, or held by several."""
    if side.erased:
        return Missing(kind="erased", text=f"{side.name} was erased")
    if _pieces(side, known.pieces, known):
        return Missing(kind="unknown", text=f"{side.name} is nobody's alone: several hold it")
    return Missing(kind="unknown", text=f"no evidence names {side.name}")


def _judged(one: Asked, other: Asked, known: Known) -> list[Missing]:
    """The judgements that hold between two sides."""
    ours, theirs = _tokens(one, known), _tokens(other, known)
    return [
        Missing(
            kind="split",
            text=f"{each.who} judged that {each.a} and {each.b} are not of one person",
            who=each.who,
            at=each.at,
            reason=each.reason,
        )
        for each in last_of_pairs(known.judgements)
        if each.kind == "split"
        and ((each.a in ours and each.b in theirs) or (each.b in ours and each.a in theirs))
    ]


def _in_common(one: Asked, other: Asked, known: Known, matching: Matching) -> list[Missing]:
    """What both sides hold, and why each of it does not join them."""
    current = known.current()
    ours, theirs = _pieces(one, current, known), _pieces(other, current, known)
    common = _held(ours) & _held(theirs)
    held = holding(current, matching)
    found: list[Missing] = []
    for token in sorted(common):
        who = held.get(token, [])
        past = [piece for side in (ours, theirs) for piece in _past(side, token, who)]
        if past:
            found.append(_expired(token, past, who, matching))
        else:
            found.append(_ineffective(token, who, one, other, known, matching))
    return found


def _past(side: Iterable[Piece], token: str, who: list[Piece]) -> list[Piece]:
    """The pieces of a side that held a token, if it has expired in all of them."""
    had = [piece for piece in side if token in piece.tokens or token in piece.composites]
    still = {piece.id for piece in who}
    return [] if any(piece.id in still for piece in had) else had


def _expired(token: str, past: list[Piece], who: Iterable[Piece], matching: Matching) -> Missing:
    """A token that one side no longer holds, because others held it long after."""
    days = (matching.rule(token).expires or 0) / 86_400_000
    last, newest = max(piece.last for piece in past), max((piece.last for piece in who), default=0)
    later = (newest - last) / 86_400_000
    text = f"both hold {token}, but one of them last {later:.3g} days before the other, and it counts for {days:.3g}"
    return Missing(kind="expired", text=text, token=token, at=last)


def _ineffective(
    token: str, who: list[Piece], one: Asked, other: Asked, known: Known, matching: Matching
) -> Missing:
    """A token that both sides hold, and that does not join them all the same."""
    rule, accounts = matching.rule(token), len(accounts_beside(token, who, matching))
    if len(who) > MOST_HOLDERS:
        text = f"both hold {token}, but it is shared: more than {MOST_HOLDERS} pieces of evidence hold it"
        return Missing(kind="shared", text=text, token=token)
    if not rule_of(token, matching):
        return _plain(token, known)
    if token in known.shared or accounts > rule.shared_above:
        text = (
            f"both hold {token}, but it is shared: it stands beside {accounts} accounts, and one that stands beside "
            f"more than {rule.shared_above} links no more"
        )
        return Missing(kind="shared", text=text, token=token)
    limit = _limit(one, other, known, matching)
    if limit is not None:
        text = f"both hold {token}, but together they would have {limit}"
        return Missing(kind="limit", text=text, token=token)
    text = f"both hold {token}, but what keeps others of theirs apart keeps these apart, too"
    return Missing(kind="apart", text=text, token=token)


def _plain(token: str, known: Known) -> Missing:
    """A token of a kind that does not join alone."""
    kind = kind_of(token)
    more = [names for names in known.match if len(names) > 1 and kind in names]
    if not more:
        text = f"both hold {token}, but no rule of `match` says that {kind} joins"
        return Missing(kind="plain", text=text, token=token)
    wanted = " or ".join(" and ".join(name for name in names if name != kind) for names in more)
    text = f"both hold {token}, but {kind} joins only together with {wanted}, in which they do not agree"
    return Missing(kind="together", text=text, token=token)


def _limit(one: Asked, other: Asked, known: Known, matching: Matching) -> str | None:
    """The limit that a merge would break, in words."""
    ours, theirs = _tokens(one, known), _tokens(other, known)
    for kind, most in sorted(matching.limits.items()):
        both = len({token for token in ours | theirs if kind_of(token) == kind})
        here, there = (sum(kind_of(token) == kind for token in side) for side in (ours, theirs))
        if both > most and both > max(here, there):
            return f"{both} accounts of {kind}, and one person has at most {most}"
    return None


def _nothing(one: Asked, other: Asked, known: Known) -> Missing:
    """Nothing ties them at all."""
    rules = [names[0] if len(names) == 1 else f"[{', '.join(names)}]" for names in known.match]
    joins = ", ".join(["the same account", *rules])
    text = f"no evidence ties {one.name} to {other.name}; what joins is {joins}"
    return Missing(kind="nothing", text=text)


def _pieces(side: Asked, pieces: Iterable[Piece], known: Known) -> list[Piece]:
    """The evidence of a side; of nobody's token that which holds it."""
    if side.customer is not None:
        return [piece for piece in pieces if known.whose.get(piece.id) == side.customer]
    return [piece for piece in pieces if not side.tokens.isdisjoint(piece.tokens)]


def _held(pieces: Iterable[Piece]) -> set[str]:
    return {token for piece in pieces for token in (*piece.tokens, *piece.composites)}


def _tokens(side: Asked, known: Known) -> set[str]:
    return {*side.tokens, *_held(_pieces(side, known.pieces, known))}
