"""Rule sets on the topic `rules`: publishing one, and reading them in a process.

A set is one message under the key `<tenant>/<number>`. Each number keeps its own key, so that compaction leaves it
there and a shard that resumes finds the set that its snapshot names; the oldest are removed by `publish`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from flows.errors import RuleSetMissing, RuleSetTooBig
from flows.rules.load import Configuration, Documents, compile_documents
from flows.rules.model import RuleSet
from flows.topics.names import TopicNames
from flows.topics.port import Message, Reader, Topics, read_latest

KEPT = 100
MAX_BYTES = 1_000_000
_BATCH = 100


class PublishedSet(msgspec.Struct, frozen=True, kw_only=True):
    """A whole checked rule set: the value of a message on `rules`, under the key `tenant/number`."""

    number: Annotated[int, Meta(description="Of the set, from 1; the greatest is in force.")]
    tenant: Annotated[str, Meta(description="Whose it is, as `tenant` of the settings says.")]
    fingerprint: Annotated[str, Meta(description="Of what its files say, whatever their layout.")]
    at: Annotated[int, Meta(description="Wall clock of the publishing.")]
    streams: Annotated[dict[str, Any], Meta(description="What `streams.yaml` says, as plain data.")]
    rules: Annotated[dict[str, Any], Meta(description="What each rule's file says, by its name.")]
    purposes: Annotated[dict[str, Any], Meta(description="What `purposes.yaml` says.")]
    profile: Annotated[dict[str, Any], Meta(description="What `profile.yaml` says.")]
    look_ups: Annotated[dict[str, Any], Meta(description="What `look_ups.yaml` says.")] = {}
    sources: Annotated[dict[str, Any], Meta(description="What `sources.yaml` says.")] = {}
    identity: Annotated[dict[str, Any], Meta(description="What `identity.yaml` says.")] = {}

    def documents(self) -> Documents:
        """What was published, to be compiled again."""
        return Documents(
            streams=self.streams,
            rules=self.rules,
            purposes=self.purposes,
            profile=self.profile,
            look_ups=self.look_ups,
            sources=self.sources,
            identity=self.identity,
        )


def publish(
    topics: Topics, names: TopicNames, configuration: Configuration, tenant: str, clock: Callable[[], int]
) -> int:
    """Write a checked configuration as the next set and return its number; one publisher at a time.

    Nothing is written when the newest set says the same: then its number is returned. `clock` gives ms since the
    epoch. Raises RuleSetTooBig, TopicMissing, DeliveryFailed.
    """
    held = _held(topics, names.rules, tenant)
    newest = _newest(held)
    documents = configuration.documents
    fingerprint = documents.fingerprint()
    if newest is not None and newest.fingerprint == fingerprint:
        return newest.number
    number = max(held, default=0) + 1
    value = msgspec.json.encode(
        PublishedSet(
            number=number,
            tenant=tenant,
            fingerprint=fingerprint,
            at=clock(),
            streams=documents.streams,
            rules=documents.rules,
            purposes=documents.purposes,
            profile=documents.profile,
            look_ups=documents.look_ups,
            sources=documents.sources,
            identity=documents.identity,
        )
    )
    if len(value) > MAX_BYTES:
        raise RuleSetTooBig(len(value), MAX_BYTES)
    writer = topics.writer()
    try:
        writer.write(names.rules, value, key=_key(tenant, number))
        for old in sorted(held)[: max(0, len(held) + 1 - KEPT)]:
            writer.write(names.rules, None, key=_key(tenant, old))
        writer.flush()
    finally:
        writer.close()
    return number


def newest_published(topics: Topics, names: TopicNames, tenant: str) -> PublishedSet | None:
    """The set in force as it was published; None when there is none yet, or not even the topic."""
    return _newest(_held(topics, names.rules, tenant)) if names.rules in topics.list() else None


class RuleSets:
    """The rule sets of one tenant as this process has read them; `poll` from one thread, read from any.

    Raises TopicMissing when the topic does not exist.
    """

    def __init__(self, topics: Topics, names: TopicNames, tenant: str) -> None:
        self._topics, self._topic, self._tenant = topics, names.rules, tenant
        self._values: dict[int, bytes] = {}
        self._compiled: dict[int, RuleSet] = {}
        self._readers: list[Reader] = []
        self._tried = 0
        self._newest: RuleSet | None = None

    @property
    def newest(self) -> RuleSet | None:
        """The set with the greatest number that could be compiled, None before the first."""
        return self._newest

    @property
    def current(self) -> RuleSet:
        """The newest set; raises RuleSetMissing when none is published."""
        if self._newest is None:
            raise RuleSetMissing(self._topic, self._tenant, None)
        return self._newest

    def poll(self) -> bool:
        """Take in what is there now, and say whether there is a newer set.

        The first call reads the topic to the end seen then, all later ones do not wait. Raises RulesWrong once for
        a set that this version cannot compile; the set before stays in force.
        """
        if not self._readers:
            self._read_all()
        for reader in self._readers:
            while messages := reader.read(_BATCH):
                for message in messages:
                    self._take(message)
        number = max(self._values, default=0)
        if number <= self._tried:
            return False
        self._tried = number
        self._newest = self.get(number)
        return True

    def get(self, number: int) -> RuleSet:
        """The set of a number; raises RuleSetMissing, and RulesWrong when this version cannot compile it."""
        found = self._compiled.get(number)
        if found is None:
            value = self._values.get(number)
            if value is None:
                raise RuleSetMissing(self._topic, self._tenant, number)
            documents = msgspec.json.decode(value, type=PublishedSet).documents()
            name = f"{self._topic}/{self._tenant}/{number}/"
            found = compile_documents(documents, name).rule_set(self._tenant, number)
            self._compiled[number] = found
        return found

    def close(self) -> None:
        """Let go of the readers."""
        for reader in self._readers:
            reader.close()
        self._readers = []

    def _read_all(self) -> None:
        """Read what is there, and leave a reader at each partition's end."""
        readers: list[Reader] = []
        for partition in range(self._topics.partitions(self._topic)):
            latest, end = read_latest(self._topics, self._topic, partition)
            for message in latest.values():
                self._take(message)
            readers.append(self._topics.reader(self._topic, partition, end))
        self._readers = readers

    def _take(self, message: Message) -> None:
        """Note a set of this tenant, and forget what `publish` removes by now."""
        number = _number(message.key, self._tenant)
        if number is not None and message.value is not None:
            self._values[number] = message.value
            for old in sorted(self._values)[:-KEPT]:
                del self._values[old]
                self._compiled.pop(old, None)


def _newest(held: dict[int, bytes]) -> PublishedSet | None:
    """The set with the greatest number."""
    return None if not held else msgspec.json.decode(held[max(held)], type=PublishedSet)


def _held(topics: Topics, topic: str, tenant: str) -> dict[int, bytes]:
    """The values on the topic now by number."""
    found: dict[int, bytes] = {}
    for partition in range(topics.partitions(topic)):
        latest, _ = read_latest(topics, topic, partition)
        for message in latest.values():
            number = _number(message.key, tenant)
            if number is not None and message.value is not None:
                found[number] = message.value
    return found


def _key(tenant: str, number: int) -> bytes:
    """The key of a set."""
    return f"{tenant}/{number}".encode()


def _number(key: bytes | None, tenant: str) -> int | None:
    """The number in a key of this tenant."""
    whose, _, number = (key or b"").decode(errors="replace").rpartition("/")
    return int(number) if whose == tenant and number.isascii() and number.isdigit() else None
