"""CSV archives (RFC 4180, with a header) as the JSON messages that a stream's decoder reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.archives import cells
from flows.archives.blocks import whole_lines
from flows.archives.compression import Broken
from flows.errors import ArchiveUnreadable, CsvColumnMissing, CsvHeaderWrong
from flows.hints import did_you_mean
from flows.streams import Stream

_BLOCK_BYTES = 1 << 20
# Of a batch's text: as Python objects it takes several times as much.
_MOST_BYTES = 1 << 21
_STEP = 1024
_DELIMITERS = ",;\t"
# How the columns, and the single cells, of a type are written; all others are texts.
_KINDS: dict[str, Column] = {"float": cells.numbers, "int": cells.numbers, "bool": cells.truths}
_ONE: dict[str, Callable[[str], str]] = {"float": cells.number, "int": cells.number, "bool": cells.truth}

Column = Callable[[Sequence[str]], Sequence[str]]
Rows = list[list[str]]
Lines = NDArray[np.int64]


def is_csv(path: Path) -> bool:
    """Whether a file's name says that it holds a table; `.gz` and `.zst` may follow."""
    named = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
    return named.suffix.lower() in (".csv", ".tsv")


def read_csv(path: Path, stream: Stream, readings: int) -> Iterator[tuple[list[bytes], Lines]]:
    """The rows of a table as JSON messages, at most `readings` at once, each with the line where it begins.

    A message holds only what the stream declares. A row that cannot be read becomes a message that says why, which
    the decoder refuses. Raises CsvHeaderWrong, CsvColumnMissing, ArchiveUnreadable, ZstandardMissing.
    """
    table = Table(path)
    convert = _converter(path, stream, table.header)
    for rows, lines, unread in table.read(readings):
        values = _messages(rows, len(table.header), table.delimiter, convert)
        if unread:
            values.append(_refused(unread))
        yield values, lines


class Table:
    """A CSV file being read: its `header`, its `delimiter`, then its rows."""

    def __init__(self, path: Path) -> None:
        """Read the header; raises CsvHeaderWrong, ArchiveUnreadable, ZstandardMissing."""
        self._path = path
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
        for block in whole_lines(self._path, _BLOCK_BYTES):
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


def _messages(rows: Rows, width: int, delimiter: str, convert: Callable[[Rows], list[bytes]]) -> list[bytes]:
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


def _wanted(stream: Stream) -> dict[str, Column]:
    """The columns that a stream declares, and how their cells are written."""
    wanted: dict[str, Column] = {}
    if not stream.device:
        wanted[stream.key] = cells.texts
    wanted[stream.time] = cells.texts if stream.time_unit == "rfc3339" else cells.numbers
    if stream.position is not None:
        wanted[stream.position.latitude] = wanted[stream.position.longitude] = cells.numbers
    if stream.shape == "narrow":
        return {**wanted, stream.metric: cells.texts, stream.value: cells.numbers}
    for field in stream.fields:
        if not field.derived:
            wanted.setdefault(field.path, _KINDS.get(field.type, cells.texts))
    return wanted


def _values(stream: Stream) -> Callable[[Sequence[str], Sequence[str]], list[str]]:
    """How the cells of a narrow stream's value are written: each by the field that its metric names."""
    kinds = {field.path: _ONE.get(field.type, cells.text) for field in stream.fields}

    def write(metrics: Sequence[str], found: Sequence[str]) -> list[str]:
        pairs = zip(metrics, found, strict=True)
        return [kinds.get(metric.strip(), cells.number)(cell) for metric, cell in pairs]

    return write


def _converter(path: Path, stream: Stream, header: list[str]) -> Callable[[Rows], list[bytes]]:
    """What makes messages of rows as wide as the header; raises CsvColumnMissing, CsvHeaderWrong."""
    wanted = _wanted(stream)
    missing = [name for name in wanted if name not in header]
    if missing:
        raise CsvColumnMissing(str(path), stream.name, missing, did_you_mean(missing[0], header))
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise CsvHeaderWrong(str(path), f"names the column {twice[0]!r} twice")
    places = {name: header.index(name) for name in wanted}
    entries = [json.dumps(name, ensure_ascii=False).replace("%", "%%") + ":%s" for name in wanted]
    template = "{" + ",".join(entries) + "}"
    values = _values(stream) if any(field.type not in ("float", "int") for field in stream.fields) else None

    def convert(rows: Rows) -> list[bytes]:
        table = list(zip(*rows, strict=True))
        columns = {name: kind(table[places[name]]) for name, kind in wanted.items()}
        if stream.shape == "narrow" and values is not None:
            columns[stream.value] = values(table[places[stream.metric]], table[places[stream.value]])
        written = [template % row for row in zip(*columns.values(), strict=True)]
        return [value.encode("utf-8", "surrogateescape") for value in written]

    return convert
