"""CSV archives (RFC 4180, with a header) as the JSON messages that a stream's decoder reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.archives.blocks import whole_lines
from flows.archives.compression import Broken, Read, unwatched
from flows.archives.messages import Converter, converter
from flows.errors import ArchiveUnreadable, CsvHeaderWrong
from flows.streams import Stream

_BLOCK_BYTES = 1 << 20
# Of a batch's text: as Python objects it takes several times as much.
_MOST_BYTES = 1 << 21
_STEP = 1024
_DELIMITERS = ",;\t"

Rows = list[list[str]]
Lines = NDArray[np.int64]


def is_csv(path: Path) -> bool:
    """Whether a file's name says that it holds a table; `.gz` and `.zst` may follow."""
    named = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
    return named.suffix.lower() in (".csv", ".tsv")


def read_csv(
    path: Path, stream: Stream, readings: int, read: Read = unwatched
) -> Iterator[tuple[list[bytes], Lines]]:
    """The rows of a table as JSON messages, at most `readings` at once, each with the line where it begins.

    A message holds only what the stream declares. A row that cannot be read becomes a message that says why, which
    the decoder refuses. Raises CsvHeaderWrong, CsvColumnMissing, ArchiveUnreadable, ZstandardMissing.
    """
    table = Table(path, read)
    convert = converter(path, stream, table.header)
    for rows, lines, unread in table.read(readings):
        values = _messages(rows, len(table.header), table.delimiter, convert)
        if unread:
            values.append(_refused(unread))
        yield values, lines


class Table:
    """A CSV file being read: its `header`, its `delimiter`, then its rows."""

    def __init__(self, path: Path, read: Read = unwatched) -> None:
        """Read the header; raises CsvHeaderWrong, ArchiveUnreadable, ZstandardMissing."""
        self._path, self._read = path, read
        self._bytes = self._before = 0
        self._unread = chain.from_iterable(self._texts())
        # What the reader has of the rows that it was last asked for, and what it is to be given once more.
        self._given: list[str] = []
        try:
            first = next(self._unread, "")
            self.delimiter = _delimiter(first)
            self._begin([first])
            header = next(self._rows, list[str]())
        except Broken as error:
            raise ArchiveUnreadable(str(path), 0, str(error)) from error
        except csv.Error as error:
            raise CsvHeaderWrong(str(path), f"cannot be read ({error})") from error
        self.header = [name.strip() for name in header]
        if not any(self.header):
            raise CsvHeaderWrong(str(path), "is missing: the first line is blank")

    def _texts(self) -> Iterator[io.StringIO]:
        r"""The file in pieces whose lines end at `\n` alone; bytes that are no UTF-8 pass through."""
        for block in whole_lines(self._path, _BLOCK_BYTES, read=self._read):
            self._bytes += len(block)
            yield io.StringIO(block.decode("utf-8", "surrogateescape"), newline="\n")

    def _begin(self, again: list[str]) -> None:
        """Read on with some lines that were read already, and then those that were not."""
        self._again = iter(again)
        self._given = []
        self._rows = csv.reader(self._lines(), delimiter=self.delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        for line in chain(self._again, self._unread):
            self._given.append(line)
            yield line

    @property
    def _line(self) -> int:
        """The number of the last line that was read."""
        return self._before + self._rows.line_num

    def read(self, most: int) -> Iterator[tuple[Rows, Lines, str]]:
        """At most `most` rows at once with the lines where they begin; blank ones are left out.

        A text says why a row that follows them could not be read: its line is the last, and what came after that is
        read as rows of their own, so that a stray quote costs no more than its line. Raises ArchiveUnreadable.
        """
        while True:
            before = self._line
            rows, unread, broken = self._take(most)
            lines = _begins(rows, before, self._line, bool(unread))
            kept = np.array([bool(row) for row in rows] + [True] * bool(unread), np.bool_)
            if kept.any():
                yield [row for row in rows if row], lines[kept], unread
            if broken is not None:
                raise ArchiveUnreadable(str(self._path), self._line, str(broken)) from broken
            if not len(kept):
                return

    def _take(self, most: int) -> tuple[Rows, str, Broken | None]:
        """The next rows, and what put an end to them: one that cannot be read, or the file."""
        rows: Rows = []
        had = 0
        until = self._bytes + _MOST_BYTES
        try:
            while len(rows) < most and self._bytes < until:
                had = len(rows)
                self._given.clear()
                for row in islice(self._rows, min(_STEP, most - had)):
                    rows.append(row)
                if len(rows) == had:
                    break
        except csv.Error as error:
            self._give_back(sum(map(_height, rows[had:])) + 1)
            return rows, f"the row cannot be read: {error}", None
        except Broken as broken:
            return rows, "", broken
        return rows, "", None

    def _give_back(self, done: int) -> None:
        """Read once more what the reader was given after the first `done` lines."""
        again = self._given[done:]
        self._before = self._line - len(again)
        self._begin([*again, *self._again])


def _height(row: list[str]) -> int:
    """How many lines a row takes."""
    return 1 + sum(cell.count("\n") for cell in row)


def _begins(rows: Rows, before: int, after: int, unread: bool) -> Lines:
    """The line where each row begins; of an unread one, too, that comes last."""
    count = len(rows) + unread
    if after - before == count:
        return np.arange(before + 1, after + 1)
    taken = list(map(_height, rows))
    return before + 1 + np.cumsum([0, *taken], dtype=np.int64)[:count]


def _delimiter(header: str) -> str:
    """What stands most often in a header, outside of quotes; a comma when nothing does."""
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _messages(rows: Rows, width: int, delimiter: str, convert: Converter) -> list[bytes]:
    """Each row as a message; those of another width as ones that say so."""
    fitting = [row for row in rows if len(row) == width]
    values = convert(fitting) if fitting else []
    if len(values) == len(rows):
        return values
    rest = iter(values)
    return [next(rest) if len(row) == width else _wrong_width(row, width, delimiter) for row in rows]


def _wrong_width(row: list[str], width: int, delimiter: str) -> bytes:
    has = "1 cell" if len(row) == 1 else f"{len(row)} cells"
    return _refused(f"{has} where the header has {width}: {delimiter.join(row)}")


def _refused(why: str) -> bytes:
    """A message that no decoder takes for a reading, and that tells why in what it shows of it."""
    return json.dumps(why, ensure_ascii=False).encode("utf-8", "replace")
