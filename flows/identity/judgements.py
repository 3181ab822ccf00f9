"""What persons judge about identity: from a command to `audit`, and from there to evidence that rules cannot override.

A command names tokens, not customers, for these follow from the evidence and may be others when it is read. Of two
judgements about the same two tokens the later counts, so a merge against a split of before repeats its pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import msgspec

from flows.identity.evidence import Judgement, JudgementKind
from flows.schema import Audit
from flows.sources.identifiers import is_token

MERGE, SPLIT, ERASE = "identity merge", "identity split", "identity erase"
REVEAL, RESEAL = "identity reveal", "identity reseal"
# So many tokens stand in one message at most, which keeps it below what brokers take; more are several messages.
AT_ONCE = 1_000
_KINDS: dict[str, JudgementKind] = {MERGE: "merge", SPLIT: "split", ERASE: "erase"}
_MAX_NAME = 256
_LATEST = 1 << 53


class JudgementUnreadable(ValueError):
    """An entry of `audit` that calls itself a judgement about identity and is none, in words for a dead letter."""

    reason = "bad_judgement"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in a judgement: the token that is meant, and all that are theirs now; `accounts` come from systems."""

    token: str
    accounts: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """What stands for them in a merge: an account, which no limit and no sharing takes out of force."""
        if self.token in self.accounts or not self.accounts:
            return self.token
        return min(self.accounts)


class Ruling(msgspec.Struct, frozen=True):
    """Pairs of tokens to be judged, and the standing judgements that this overrules."""

    pairs: tuple[tuple[str, str], ...]
    overruled: tuple[Judgement, ...]


def judgements_of(audit: Audit) -> tuple[Judgement, ...]:
    """The judgements that an entry holds; none for any other command. Raises JudgementUnreadable.

    The ids follow from the entry's, so an entry that comes twice judges once. An erasure holds for evidence up to its
    time or, where the clock of a system is fast, up to `until` (ms), the time of the newest that was known.
    """
    kind, at = _KINDS.get(audit.command), audit.at
    if kind is None:
        return ()
    if kind == "erase":
        whom = audit.what.get("customer")
        if not isinstance(whom, str) or not 0 < len(whom) <= _MAX_NAME:
            raise JudgementUnreadable("`customer` names nobody")
        pairs = [(token, whom) for token in _tokens(audit.what.get("tokens"))]
        at = max(at, _until(audit.what.get("until", at)))
    else:
        pairs = [_pair(each) for each in _some(audit.what.get("pairs"), "pairs")]
    return tuple(
        Judgement(f"{audit.id}.{i}", kind, a, b, at, audit.who, audit.reason)
        for i, (a, b) in enumerate(pairs)
    )


def merge_of(one: Side, other: Side, standing: Iterable[Judgement]) -> Ruling:
    """That two are one person, against all that keeps them apart now."""
    against = _between({one.token, *one.tokens}, {other.token, *other.tokens}, standing, "split")
    pairs = {_ordered(one.anchor, other.anchor), *(each.pair for each in against)}
    return Ruling(tuple(sorted(pairs)), tuple(against))


def split_of(leaves: str, stays: Side, standing: Iterable[Judgement]) -> Ruling:
    """That a token is not of a customer: of none of the accounts, or where there are none, of no other token."""
    others = (set(stays.accounts) or set(stays.tokens)) - {leaves}
    against = _between({leaves}, {*stays.tokens, *stays.accounts}, standing, "merge")
    pairs = {_ordered(leaves, other) for other in others} | {each.pair for each in against}
    return Ruling(tuple(sorted(pairs)), tuple(against))


def in_messages(listed: Sequence[Any]) -> list[list[Any]]:
    """A list cut into as much as one message takes."""
    return [list(listed[begin : begin + AT_ONCE]) for begin in range(0, len(listed), AT_ONCE)]


def last_of_pairs(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Of merges and splits those that hold: the last about each two tokens."""
    last: dict[tuple[str, str], Judgement] = {}
    for each in judgements:
        known = last.get(each.pair)
        if each.kind != "erase" and (known is None or each.age > known.age):
            last[each.pair] = each
    return sorted(last.values(), key=lambda each: each.age)


def _between(
    one: Collection[str], other: Collection[str], standing: Iterable[Judgement], kind: JudgementKind
) -> list[Judgement]:
    """The judgements of a kind that hold between two sides."""
    return [
        each
        for each in last_of_pairs(standing)
        if each.kind == kind
        and ((each.a in one and each.b in other) or (each.b in one and each.a in other))
        and each.a != each.b
    ]


def _ordered(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a <= b else (b, a)


def _some(found: Any, name: str) -> list[Any]:
    """A list that is not empty and not too long; raises JudgementUnreadable."""
    if not isinstance(found, list):
        raise JudgementUnreadable(f"`{name}` is no list")
    listed = cast("list[Any]", found)
    if not 0 < len(listed) <= AT_ONCE:
        raise JudgementUnreadable(f"`{name}` has {len(listed)} entries, and 1 to {AT_ONCE} are taken")
    return listed


def _tokens(found: Any) -> list[str]:
    listed = _some(found, "tokens")
    if not all(isinstance(token, str) and is_token(token) for token in listed):
        raise JudgementUnreadable("not all of `tokens` are tokens")
    return listed


def _until(found: Any) -> int:
    """A time that can be kept; raises JudgementUnreadable."""
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= _LATEST:
        raise JudgementUnreadable("`until` is no time in ms")
    return found


def _pair(found: Any) -> tuple[str, str]:
    both = _tokens(found)
    if len(both) != 2 or both[0] == both[1]:
        raise JudgementUnreadable("a pair has two different tokens")
    return both[0], both[1]
