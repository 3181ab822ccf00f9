"""The fast way from a raw batch to columns; whatever is unusual is left to the slow decoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.devices.kernels import scan
from flows.devices.kernels.scan import (
    BOOL,
    DEVICE,
    ENUM,
    FLOAT,
    INT,
    METRIC,
    TIME,
    VALUE,
    Scanned,
    Wanted,
)
from flows.devices.kernels.words import NUMBER, UTC, ZONED
from flows.streams import MS_PER_UNIT, Field, Stream

_KINDS = {"float": FLOAT, "int": INT, "bool": BOOL, "enum": ENUM}


def _join(words: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Words as one block of bytes and the offsets that cut it."""
    raw = [word.encode() for word in words]
    offsets = np.zeros(len(raw) + 1, np.int64)
    np.cumsum([len(w) for w in raw], out=offsets[1:])
    return np.frombuffer(b"".join(raw), np.uint8).copy(), offsets


def _tree(paths: list[str], free: int) -> tuple[list[str], list[int], list[int]]:
    """(names, first children, targets) of the tree that leads to paths; an empty path is looked for nowhere.

    Node 0 is the root, each node's children follow one another, and each path is reached both part by part and as one
    name of the root. What only leads further is a target of its own, from `free` on.
    """
    ways = {
        way: target for target, path in enumerate(paths) if path for way in (tuple(path.split(".")), (path,))
    }
    below: dict[tuple[str, ...], dict[tuple[str, ...], None]] = {}
    for way in ways:
        for depth in range(len(way)):
            below.setdefault(way[:depth], {})[way[: depth + 1]] = None
    nodes: list[tuple[str, ...]] = [()]
    first: list[int] = []
    for node in nodes:
        first.append(len(nodes))
        nodes += below.get(node, {})
    targets = [ways.get(node, free + n) for n, node in enumerate(nodes)]
    return ["", *(node[-1] for node in nodes[1:])], [*first, len(nodes)], targets


def _time(stream: Stream) -> list[int]:
    """How times are written, and [multiply, divide] of whole numbers of their unit to ms."""
    if stream.time_unit == "rfc3339":
        return [UTC if stream.zone == "UTC" else ZONED, 1, 1]
    factor = MS_PER_UNIT[stream.time_unit]
    return [NUMBER, int(factor), 1] if factor >= 1 else [NUMBER, 1, round(1 / factor)]


def _wanted(stream: Stream, fields: tuple[Field, ...], paths: list[str]) -> Wanted:
    """What the kernel is to look for."""
    narrow = stream.shape == "narrow"
    kinds = [DEVICE, TIME, *((METRIC, VALUE) if narrow else ()), *(_KINDS[f.type] for f in fields)]
    names, first, targets = _tree(paths, len(kinds))
    keys, key_offsets = _join(names)
    words, word_offsets = _join([value for field in fields for value in field.values])
    metrics, metric_offsets = _join(list(stream.metrics))
    column_of = {field.path: c for c, field in enumerate(fields) if not field.derived}
    return Wanted(
        keys,
        key_offsets,
        np.array(first, np.int64),
        np.array(targets, np.int64),
        np.array([*kinds, *[-1] * len(names)], np.int64),
        np.array([(f.scale, f.offset) for f in fields], np.float64).reshape(len(fields), 2),
        words,
        word_offsets,
        np.cumsum([0, *(len(f.values) for f in fields)], dtype=np.int64),
        metrics,
        metric_offsets,
        np.array([column_of.get(metric, -1) for metric in stream.metrics], np.int64),
        np.array(_time(stream), np.int64),
        np.array([int(not stream.device), 1, 1, 0], np.int64),
    )


class Scanner:
    """Scans for a stream's device, time and some fields (texts excepted), and nothing else of a message."""

    def __init__(self, stream: Stream, fields: tuple[Field, ...]) -> None:
        self._columns, self._narrow = len(fields), stream.shape == "narrow"
        ways = (
            [stream.metric, stream.value] if self._narrow else ["" if f.derived else f.path for f in fields]
        )
        paths = [stream.key, stream.time, *ways]
        # what stands for two things at once only the slow decoder can tell
        looked_for = [path for path in paths if path]
        self._able = len(set(looked_for)) == len(looked_for) and len(set(stream.metrics)) == len(
            stream.metrics
        )
        self._wanted = _wanted(stream, fields, paths)

    def scan(self, data: NDArray[np.uint8], ends: NDArray[np.int64]) -> Scanned:
        """Scan messages data[ends[i-1]:ends[i]]; rows whose `ok` is 0 hold nothing."""
        n = len(ends)
        rows = Scanned(
            np.empty((self._columns, n)),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.uint64),
            np.zeros(n, np.uint8),
            np.full(n if self._narrow else 0, -1, np.int64),
        )
        if self._able:
            scan.scan(data, ends, self._wanted, rows)
        return rows
