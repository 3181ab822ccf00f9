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
        self._bytes = 0
        lines = chain.from_iterable(self._texts())
        try:
            first = next(lines, "")
            self.delimiter = _delimiter(first)
            self._rows = csv.reader(chain([first], lines), delimiter=self.delimiter, strict=True)
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

    def read(self, most: int) -> Iterator[tuple[Rows, Lines, str]]:
        """At most `most` rows at once with the lines where they begin; blank ones are left out.

        A text says why a row that follows them, whose line is the last, could not be read. Raises ArchiveUnreadable.
        """
        while True:
            before = self._rows.line_num
            rows, unread, broken = self._take(most)
            lines = _begins(rows, before, self._rows.line_num, bool(unread))
            kept = np.array([bool(row) for row in rows] + [True] * bool(unread), np.bool_)
            if kept.any():
                yield [row for row in rows if row], lines[kept], unread
            if broken is not None:
                raise ArchiveUnreadable(str(self._path), self._rows.line_num, str(broken)) from broken
            if not len(kept):
                return

    def _take(self, most: int) -> tuple[Rows, str, Broken | None]:
        """The next rows, and what put an end to them: one that cannot be read, or the file."""
        rows: Rows = []
        until = self._bytes + _MOST_BYTES
        try:
            while len(rows) < most and self._bytes < until:
                had = len(rows)
                for row in islice(self._rows, min(_STEP, most - had)):
                    rows.append(row)
                if len(rows) == had:
                    break
        except csv.Error as error:
            return rows, f"the row cannot be read: {error}", None
        except Broken as broken:
            return rows, "", broken
        return rows, "", None


def _begins(rows: Rows, before: int, after: int, unread: bool) -> Lines:
    """The line where each row begins; of an unread one, too, that comes last."""
    count = len(rows) + unread
    if after - before == count:
        return np.arange(before + 1, after + 1)
    taken = [1 + sum(cell.count("\n") for cell in row) for row in rows]
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
