"""Names of state keys that Bytewax spreads evenly over its workers.

Bytewax gives a key to worker SipHash-1-3(key) mod workers (Rust's DefaultHasher with zero keys, over the
UTF-8 bytes and 0xff), so "0".."15" come out 10 : 6 on two workers. Partitions of sources and sinks are dealt
out evenly by Bytewax itself and need no such care.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

_MASK = (1 << 64) - 1
_WORKERS = range(2, 17)
_TRIES = 24


def _rotate(x: int, b: int) -> int:
    return ((x << b) | (x >> (64 - b))) & _MASK


def _rounds(v: tuple[int, int, int, int], times: int) -> tuple[int, int, int, int]:
    """SipRound, `times` times (Aumasson and Bernstein 2012, figure 2.1)."""
    v0, v1, v2, v3 = v
    for _ in range(times):
        v0 = (v0 + v1) & _MASK
        v1 = _rotate(v1, 13) ^ v0
        v0 = _rotate(v0, 32)
        v2 = (v2 + v3) & _MASK
        v3 = _rotate(v3, 16) ^ v2
        v0 = (v0 + v3) & _MASK
        v3 = _rotate(v3, 21) ^ v0
        v2 = (v2 + v1) & _MASK
        v1 = _rotate(v1, 17) ^ v2
        v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


def key_hash(key: str) -> int:
    """What Rust's DefaultHasher makes of a string, 64 bits unsigned."""
    data = key.encode() + b"\xff"
    v = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    whole = len(data) - len(data) % 8
    last = (len(data) & 255) << 56 | int.from_bytes(data[whole:], "little")
    for word in [*(int.from_bytes(data[i : i + 8], "little") for i in range(0, whole, 8)), last]:
        v = _rounds((v[0], v[1], v[2], v[3] ^ word), 1)
        v = (v[0] ^ word, v[1], v[2], v[3])
    v0, v1, v2, v3 = _rounds((v[0], v[1], v[2] ^ 0xFF, v[3]), 3)
    return v0 ^ v1 ^ v2 ^ v3


def worker_of(key: str, workers: int) -> int:
    """The worker (from 0) that holds the state of a key."""
    return key_hash(key) % workers


def skew(keys: Sequence[str], workers: int) -> float:
    """Keys on the busiest worker over the even share; 1 is even."""
    loads = Counter(worker_of(key, workers) for key in keys)
    return max(loads.values(), default=0) * workers / len(keys) if keys else 1.0


@cache
def key_names(prefix: str, count: int) -> tuple[str, ...]:
    """`count` names, spread as evenly as can be found over 2 to 16 workers; a greater count begins alike.

    Each name is the first of a few spellings that adds least to the fullest workers. State is kept under
    these names: what comes out here must never change.
    """
    loads = [[0] * workers for workers in _WORKERS]
    names: list[str] = []
    for i in range(count):
        spellings = [f"{prefix}{i}.{salt}" for salt in range(_TRIES)]
        hashes = [key_hash(s) for s in spellings]
        costs = [sum(load[h % len(load)] * len(load) for load in loads) for h in hashes]
        best = costs.index(min(costs))
        names.append(spellings[best])
        for load in loads:
            load[hashes[best] % len(load)] += 1
    return tuple(names)
