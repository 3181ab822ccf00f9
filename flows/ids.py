"""Ids that come out the same every time, and the hash that says which partition a key belongs to."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from struct import unpack_from

_MASK = 0xFFFFFFFF


def _digest(*parts: object) -> str:
    """24 hexadecimal digits over the parts; parts are length-prefixed, so no two lists collide by joining."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        raw = str(part).encode()
        digest.update(len(raw).to_bytes(4, "little"))
        digest.update(raw)
    return digest.hexdigest()


def episode_id(tenant: str, rule: str, subject: str, opened_at: int) -> str:
    """The id of an episode: its rule, its subject and the event time (ms) of the reading that opened it."""
    return _digest("episode", tenant, rule, subject, opened_at)


def transition_id(episode: str, number: int) -> str:
    """The id of the `number`-th transition (from 1) of an episode, which is also its alarm's id."""
    return f"{episode}.{number}"


def event_decision_id(tenant: str, source: str, event: str, rule: str) -> str:
    """The id of what a customer rule decides on an event, which CloudEvents identifies by source and id."""
    return _digest("decision", tenant, source, event, rule)


def action_id(decision: str, name: str) -> str:
    """The id of an action, and its idempotency key: the decision it comes from and the action's name."""
    return _digest("action", decision, name)


def waiting_id(action: str, what: str) -> str:
    """The id of what waits after an action: the action and which of its consequences, e.g. `then.1` or `release`.

    It is also that of the decision about it.
    """
    return _digest("waiting", action, what)


def sequence_id(tenant: str, rule: str, source: str, event: str) -> str:
    """The id of a sequence, and of the decision on it: its rule and its first event, by source and id."""
    return _digest("sequence", tenant, rule, source, event)


def look_up_id(decision: str, name: str) -> str:
    """The id of a question: the decision that waits for its answer, and what the rule calls the answer."""
    return _digest("look-up", decision, name)


def handoff_id(source: str, target: str, label: str, number: int, *strays: bytes) -> str:
    """The id of a handoff: who gives what to whom, by which entry of identity, and the triggers that go along."""
    return _digest("handoff", source, target, label, number, *strays)


def end_of_role_id(episode: str, part: str) -> str:
    """The id of the decision that ends an episode for a customer who is no longer what he was to its device.

    An episode may outlast several holders of a role: each kept it in a `part` of his own, which no merge renames.
    """
    return _digest("end-of-role", episode, part)


def measured_id(tenant: str, name: str, device: str, every: int, start: int) -> str:
    """The id of what a shard tells of a device once a window: which of them, and when it began (ms)."""
    return _digest("measured", tenant, name, device, every, start)


def fraction(*parts: object) -> float:
    """A number in [0, 1), evenly spread over lists of parts and the same for the same list."""
    return int(_digest("fraction", *parts)[:13], 16) / (1 << 52)


def audit_id(tenant: str, who: str, command: str, what: str, at: int) -> str:
    """The id of an audited command: who said what when (ms)."""
    return _digest("audit", tenant, who, command, what, at)


def token(kind: str, value: str, key: bytes) -> str:
    """`kind:` and the HMAC-SHA256 (RFC 2104) of a normalised identifier, so that no flow ever holds the value."""
    mac = hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}:{mac[:32]}"


def murmur2(data: bytes) -> int:
    """Kafka's murmur2 (seed 0x9747b28c) of a key, as an unsigned 32-bit number."""
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    whole = length & ~3
    for word in unpack_from(f"<{length >> 2}I", data):
        k = (word * 0x5BD1E995) & _MASK
        k ^= k >> 24
        h = ((h * 0x5BD1E995) & _MASK) ^ ((k * 0x5BD1E995) & _MASK)
    if length & 3:
        h ^= int.from_bytes(data[whole:], "little")
        h = (h * 0x5BD1E995) & _MASK
    h ^= h >> 13
    h = (h * 0x5BD1E995) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=1 << 16)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition (from 0) that Kafka's default partitioner gives a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
