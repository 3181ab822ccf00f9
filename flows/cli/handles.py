"""Whom a handle on the command line means, as the topic `identity` has it: an id, a token, `email:a@b.c`, a thing."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from flows import ids
from flows.cli import scan
from flows.errors import ArgumentWrong
from flows.schema import Identity, Role
from flows.settings import Settings
from flows.sources.identifiers import IdentifierRefused, is_thing, is_token, private
from flows.topics.names import TopicNames
from flows.topics.port import Topics

_CHAIN = 32
_OWNER = "owner"
M = TypeVar("M", bound=msgspec.Struct)


def token_of(handle: str, settings: Settings) -> str:
    """A customer's id or a handle as topics have it; raises ArgumentWrong."""
    if ":" not in handle or is_token(handle):
        return handle
    try:
        return private(handle, settings.tenant_key.encode())
    except IdentifierRefused as error:
        kind = handle.partition(":")[0]
        raise ArgumentWrong(f"This names no customer: {error}", f"Write {kind}:VALUE, or an id.") from error


def customer_of(topics: Topics, names: TopicNames, handle: str, now: int) -> str | None:
    """Whose a handle is at `now` (ms), over all merges; None of who was erased.

    A thing is its owner's, and who is nobody's is a customer of its own.
    """
    for _ in range(_CHAIN):
        entry = newest(topics, names.identity, handle, Identity)
        if entry is None:
            return handle
        if entry.erased:
            return None
        to = _owner(entry, now) if is_thing(handle) else entry.survivor or entry.customer
        if to is None or to == handle:
            return handle
        handle = to
    return handle


def newest(topics: Topics, topic: str, key: str, kind: type[M]) -> M | None:
    """The message of a key with the greatest number, read from its partition alone."""
    partition = ids.partition_of(key.encode(), topics.partitions(topic))
    bounds = topics.bounds(topic, partition)
    decoder = msgspec.json.Decoder(kind)
    found: M | None = None
    for message in scan.between(topics, topic, partition, bounds.low, bounds.end):
        if message.key != key.encode():
            continue
        new = None if message.value is None else decoder.decode(message.value)
        if new is None or found is None or _number(new) >= _number(found):
            found = new
    return found


def _owner(entry: Identity, now: int) -> str | None:
    """Who owns a thing now; of several the last who came to."""

    def owns(role: Role) -> bool:
        begun = role.since is None or role.since <= now
        return role.role == _OWNER and begun and (role.until is None or role.until > now)

    owners = [role for role in entry.roles if owns(role)]
    return max(owners, key=lambda role: role.since or 0).customer if owners else None


def _number(message: msgspec.Struct) -> int:
    return getattr(message, "number", 0)
