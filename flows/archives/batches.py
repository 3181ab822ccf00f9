"""Archives as raw batches, so that a backtest reads a file just as a flow reads a partition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.archives.blocks import whole_lines
from flows.archives.compression import Broken, Read, unwatched
from flows.archives.csv import is_csv, read_csv
from flows.errors import ArchiveUnreadable
from flows.streams import Stream
from flows.topics.port import RawBatch

# Nothing in an archive is from the future, and a shard's clock is the greatest event time.
NEVER_APPENDED = 1 << 53
READINGS = 16_384
_BLOCK_BYTES = 1 << 22
_NEWLINE = 10
_SPACE = 32


def read_batches(
    path: Path, stream: Stream, readings: int = READINGS, read: Read = unwatched
) -> Iterator[RawBatch]:
    """The messages of an archive, at most `readings` a batch: CSV by the end of its name, else one a line.

    `offsets` are line numbers from 1, those of a CSV row where it begins, `appended` is NEVER_APPENDED, `at_end`
    False. Blank lines are no messages; white space around a message stays. All whole messages are handed out before
    ArchiveUnreadable is raised; ZstandardMissing, and for CSV CsvHeaderWrong and CsvColumnMissing, come first.
    `read` is told how many bytes of the file, packed or not, were read further.
    """
    if is_csv(path):
        for values, lines in read_csv(path, stream, readings, read):
            yield _batch(path, b"".join(values), np.cumsum([len(value) for value in values]), lines)
        return
    before = 0
    try:
        for block in whole_lines(path, _BLOCK_BYTES, read=read):
            ends, lines = _messages(block)
            begin = 0
            for i in range(0, len(ends), readings):
                cut = ends[i : i + readings]
                end = int(cut[-1])
                yield _batch(path, block[begin:end], cut - begin, lines[i : i + readings] + before)
                begin = end
            before += block.count(b"\n")
    except Broken as error:
        raise ArchiveUnreadable(str(path), before, str(error)) from error


def _messages(block: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the lines that are not blank end, and their numbers; a blank line stands before the next message."""
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == _NEWLINE) + 1
    if not len(ends) or ends[-1] < len(data):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1]])
    kept = np.ones(len(ends), np.bool_)
    for i in np.flatnonzero(data[starts] <= _SPACE).tolist():
        kept[i] = not block[starts[i] : ends[i]].isspace()
    return ends[kept], np.flatnonzero(kept) + 1


def _batch(path: Path, data: bytes, ends: NDArray[np.int64], lines: NDArray[np.int64]) -> RawBatch:
    return RawBatch(str(path), 0, data, ends, lines, np.full(len(ends), NEVER_APPENDED, np.int64), False)
