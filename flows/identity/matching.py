"""What the kinds of tokens are worth for telling people apart: `identity.yaml`, ready to be asked of a token."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from flows.sources.model import IdentityRules, KindRule

# More evidence than this with one identifier says nothing any more, and would make every reading of it long.
MOST_HOLDERS = 1_000
_FORMAT = 1


def kind_of(token: str) -> str:
    """What stands before the colon."""
    return token.partition(":")[0]


class Matching:
    """The rules of a tenant; `accounts` are the kinds of rows' own ids, the names of the source systems.

    A token links when its kind stands alone in `match`, when it is a composite of several, and when it names an
    account: the row's own id, or a kind with `per_person`. What names the same account is of one person. Held by more
    than `most_holders` pieces of evidence none links.
    """

    def __init__(
        self, rules: IdentityRules, accounts: Iterable[str] = (), most_holders: int = MOST_HOLDERS
    ) -> None:
        self.most_holders = most_holders
        self._kinds = rules.kinds
        self._match = rules.match
        self._turns = {"+".join(names): i + 1 for i, names in enumerate(rules.match)}
        self._accounts = frozenset(accounts) | {
            k.kind for k in rules.kinds.values() if k.per_person is not None
        }
        self.limits = {k.kind: k.per_person for k in rules.kinds.values() if k.per_person is not None}

    def rule(self, token: str) -> KindRule:
        """What is declared of a token's kind, or the defaults."""
        kind = kind_of(token)
        return self._kinds.get(kind) or KindRule(kind=kind)

    def rank(self, token: str) -> int | None:
        """How early a token links, from 0: accounts, then by the order of `match`; None is never."""
        kind = kind_of(token)
        return 0 if kind in self._accounts else self._turns.get(kind)

    def is_unique(self, token: str) -> bool:
        """Whether a token names one of so many accounts that a person may have."""
        return kind_of(token) in self.limits

    def role(self, token: str, composite: bool = False) -> str:
        """The word for it in the table `evidence_key`."""
        if composite:
            return "composite"
        if self.is_unique(token):
            return "unique"
        return "plain" if self.rank(token) is None else "link"

    def fingerprint(self) -> str:
        """24 hexadecimal digits over all of it: with other rules all evidence is looked at again."""
        plain = msgspec.json.encode(
            [_FORMAT, self._kinds, self._match, sorted(self._accounts)], order="sorted"
        )
        return hashlib.blake2b(plain, digest_size=12).hexdigest()
