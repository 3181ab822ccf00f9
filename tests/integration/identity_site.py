"""A bus with a published configuration and an identity database: what the identity service runs in."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from flows.clocks import Note
from flows.identity.service import run_identity
from flows.identity.store import Store, open_store
from flows.identity.tables import assignment, evidence
from flows.metrics import Metrics
from flows.rules.load import Documents, compile_documents
from flows.rules.published import publish
from flows.schema import Identity, decode
from flows.settings import IdentitySettings, Settings, TopicsSettings
from flows.sources.identifiers import identifier
from flows.topics.names import TopicNames
from flows.topics.port import Message, Topics

TENANT_KEY = "a key of the tenant"
VAULT_KEY = "a secret of the vault, long enough"
NOON = 1_750_000_000_000
STREAMS = {
    "streams": {},
    "events": {"page.seen": {"identifiers": {"email": "mail", "cookie": "cookie", "shop": "account"}}},
}
SOURCES = {
    "sources": {
        "crm": {
            "key": "id",
            "identifiers": {"email": "mail", "phone": {"from": "phone", "country": "DE"}},
            "roles": [{"role": "owner", "device": "car"}],
            "attributes": {"language": "lang", "name": {"from": "name", "personal": True}},
        },
        "shop": {"key": "id", "identifiers": {"email": "mail"}},
    }
}
IDENTITY = {
    "kinds": {"crm": {"per_person": 1}, "shop": {"per_person": 3}, "email": {"shared_above": 3}},
    "match": ["email"],
}


class Site:
    """Everything the service needs, under a prefix of its own."""

    def __init__(self, topics: Topics, folder: Path, database: str, prefix: str = "") -> None:
        self.topics, self.folder, self.database = topics, folder, database
        self.names = TopicNames(prefix or f"i{uuid.uuid4().hex[:8]}-")
        self.metrics = Metrics()
        self.stop = threading.Event()
        self._writer = topics.writer()

    def create(self, identity: dict[str, Any] = IDENTITY) -> None:
        """Make the topics, and publish the configuration."""
        self.topics.create(self.names.own_topics(2, ["notify"], ["normal"]))
        self.publish_rules(identity)

    def publish_rules(self, identity: dict[str, Any]) -> None:
        """Put a configuration in force."""
        documents = Documents(
            streams=STREAMS,
            rules={},
            purposes={"purposes": {}},
            profile={"values": {}},
            sources=SOURCES,
            identity=identity,
        )
        publish(self.topics, self.names, compile_documents(documents), "default", lambda: NOON)

    @property
    def settings(self) -> Settings:
        """As telltale.toml would say it."""
        return Settings(
            tenant_key=TENANT_KEY,
            topics=TopicsSettings(prefix=self.names.prefix),
            identity=IdentitySettings(database=self.database, vault_key=VAULT_KEY, batch=20),
            folder=str(self.folder),
        )

    def row(self, source: str, key: str, minute: int, **data: Any) -> None:
        """A row as it says since a minute after noon; without data it is deleted."""
        kind = "record.changed" if data else "record.deleted"
        self._send(self.names.source_records, source, kind, key, minute, {"id": key, **data} if data else {})

    def event(self, subject: str, minute: int, **data: Any) -> None:
        """An event that names identifiers."""
        self._send(self.names.events, "web", "page.seen", subject, minute, data)

    def write(self, topic: str, value: bytes, key: bytes | None = None) -> None:
        """Any message."""
        self._writer.write(topic, value, key=key)

    def run(self, *, chance: random.Random | None = None) -> None:
        """Take in all there is."""
        self._writer.flush()
        run_identity(
            self.settings,
            self.topics,
            lambda: NOON,
            self.stop,
            until_idle=True,
            metrics=self.metrics,
            chance=chance,
        )

    def flush(self) -> None:
        """All that was written is there."""
        self._writer.flush()

    def store(self) -> Store:
        """The database as another process sees it."""
        return open_store(self.database, self.folder)

    def partition(self) -> tuple[set[frozenset[str]], dict[str, frozenset[str]]]:
        """The clusters of the evidence, and by identifier whose it is, without the ids of customers."""
        with closing(self.store()) as store, store.begin() as connection:
            found: defaultdict[str, set[str]] = defaultdict(set)
            stands = sa.select(evidence.c.customer, evidence.c.id).where(sa.not_(evidence.c.deleted))
            for whose, piece in connection.execute(stands):
                found[whose].add(piece)
            clusters = {whose: frozenset(pieces) for whose, pieces in found.items()}
            columns = sa.select(assignment.c.token, assignment.c.customer)
            rows = connection.execute(columns.where(assignment.c.customer.is_not(None)))
            return set(clusters.values()), {token: clusters[whose] for token, whose in rows}

    def messages(self, topic: str) -> list[Message]:
        """All messages of a topic."""
        found: list[Message] = []
        for partition in range(self.topics.partitions(topic)):
            bounds = self.topics.bounds(topic, partition)
            with closing(self.topics.reader(topic, partition, bounds.low)) as reader:
                while reader.position < bounds.end:
                    found += reader.read(1_000, wait=0.2)
        return found

    def entries(self) -> dict[str, Identity]:
        """The entry of each key with the greatest number."""
        latest: dict[str, Identity] = {}
        for message in self.messages(self.names.identity):
            key, entry = (message.key or b"").decode(), decode(Identity, message.value or b"")
            if key not in latest or entry.number > latest[key].number:
                latest[key] = entry
        return latest

    def clocks(self, since: int) -> set[str]:
        """The names of partitions that are as far as that."""
        said = [(m.key or b"", decode(Note, m.value or b"")) for m in self.messages(self.names.clocks)]
        return {name.decode() for name, note in said if note.at >= since}

    def close(self) -> None:
        """Let go of the writer."""
        self._writer.close()

    def _send(
        self, topic: str, source: str, kind: str, subject: str, minute: int, data: dict[str, Any]
    ) -> None:
        at = f"2025-06-15T12:{minute:02}:00Z"
        event = {"id": uuid.uuid4().hex, "source": source, "type": kind, "subject": subject, "time": at}
        value = json.dumps({"specversion": "1.0", **event, "data": data}).encode()
        self._writer.write(topic, value, key=subject.encode())


def token(kind: str, value: str) -> str:
    """What stands for an identifier."""
    return identifier(kind, value, TENANT_KEY.encode()).token
