"""Who is who by what the topic `identity` has said so far, and what the handles behind the tokens are."""

from __future__ import annotations

from collections.abc import Iterable

from flows.customers.identity_view import IdentityView
from flows.schema import Identity
from flows.simulator.people.truths import ExpectedChange
from flows.sources.identifiers import private


class Registry:
    """Takes entries in any order; `handles` are those that somebody may want to read in clear."""

    def __init__(self, tenant_key: bytes) -> None:
        self._key = tenant_key
        self._view = IdentityView()
        self._names: dict[str, str] = {}
        self._awaited: list[ExpectedChange] = []

    def await_changes(self, handles: Iterable[str], changes: Iterable[ExpectedChange]) -> None:
        """From now on tell which of the changes have come, and know the names of handles."""
        self._names = {self.token(handle): handle for handle in handles}
        self._awaited = list(changes)

    def take(self, key: str, entry: Identity) -> None:
        """Take an entry; of two of one key the one with the greater number counts."""
        self._view.apply(key, entry)

    def come(self) -> list[ExpectedChange]:
        """The awaited changes that have come since they were asked for last."""
        found = [change for change in self._awaited if self.has_come(change)]
        self._awaited = [change for change in self._awaited if change not in found]
        return found

    def has_come(self, change: ExpectedChange) -> bool:
        """Whether two are one, or two, as they must be."""
        return (self.whose(change.one) == self.whose(change.other)) == (change.kind == "merge")

    def knows(self, handle: str) -> bool:
        """Whether it was said whose a handle is."""
        return self._view.entry(self.token(handle)) is not None

    def whose(self, handle: str) -> str:
        """The customer who has a handle now; its token where that is nobody else's."""
        return self.customer(self.token(handle))

    def customer(self, token: str) -> str:
        """The same of a token or a customer."""
        entry = self._view.entry(token)
        return self._view.follow(token if entry is None or entry.customer is None else entry.customer)

    def token(self, handle: str) -> str:
        """The token of a handle in clear."""
        return private(handle, self._key)

    def name(self, subject: str) -> str:
        """What a person calls a subject: the value of a handle that is known, a thing's name, else as it is."""
        return self._names.get(subject, subject).partition(":")[2] or subject

    def has_name(self, subject: str) -> bool:
        """Whether a token is that of a handle that somebody may want to read."""
        return subject in self._names

    def within(self, text: str) -> str:
        """A text with the handles instead of their tokens."""
        for token, handle in self._names.items():
            text = text.replace(token, handle)
        return text
