"""The first rows of an archive as columns, nested objects under dotted paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec

from flows.archives import cells
from flows.archives.csv import Table, is_csv
from flows.archives.jsonl import read_lines
from flows.errors import ArchiveUnreadable, NothingToInfer

ROWS = 20_000
# Of ten rows nine decide what a column is: a few may be broken, and are then refused or missing.
NEARLY_ALL = 0.9
_MOST_DEPTH = 16
_MOST_COLUMNS = 2_000
_MOST_TEXT = 500


class Sample(msgspec.Struct, frozen=True):
    """Rows of an archive: `columns` by path, each with a value a row (None is missing, a list what is no measurement).

    `table` says that it is CSV, where a cell is a number if it looks like one; `broken` counts rows left out,
    `cut` says why it ends too early, if it does.
    """

    path: Path
    columns: dict[str, list[Any]]
    rows: int
    broken: int
    table: bool
    cut: str = ""


def read_sample(path: Path, rows: int = ROWS) -> Sample:
    """At most the first `rows` rows; raises ArchiveUnreadable, CsvHeaderWrong, NothingToInfer, ZstandardMissing.

    What stands before a break is a sample, too.
    """
    table = is_csv(path)
    found: list[dict[str, Any]] = []
    broken, cut = 0, ""
    try:
        for row in islice(_table(path) if table else _objects(path), rows):
            if row is None:
                broken += 1
            else:
                found.append(row)
    except ArchiveUnreadable as error:
        if not found:
            raise
        cut = error.reason
    if not found:
        raise NothingToInfer(str(path), broken, "row" if table else "JSON object")
    names = dict.fromkeys(name for row in found for name in row)
    columns = {name: [row.get(name) for row in found] for name in islice(names, _MOST_COLUMNS)}
    return Sample(path, columns, len(found), broken, table, cut)


def _table(path: Path) -> Iterator[dict[str, Any] | None]:
    """The rows of a table, None for one that cannot be read."""
    table = Table(path)
    for rows, _, unread in table.read(1024):
        for row in rows:
            yield _row(table.header, row)
        if unread:
            yield None


def _row(header: Sequence[str], row: Sequence[str]) -> dict[str, Any] | None:
    if len(header) != len(row):
        return None
    # Of a column that stands there twice the first counts.
    named = zip(reversed(header), reversed(row), strict=True)
    return dict(reversed([(name, _cell(cell)) for name, cell in named if name]))


def _cell(cell: str) -> Any:
    """What a cell says: nothing, a number, or a text."""
    written = cells.number(cell[:_MOST_TEXT])
    try:
        return msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return cell.strip()


def _objects(path: Path) -> Iterator[dict[str, Any] | None]:
    """The readings of JSON lines, those of an array one by one; None for a line that holds something else, too."""
    for line in read_lines(path):
        if line.isspace():
            continue
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield None
            continue
        many = cast("list[Any]", found) if isinstance(found, list) else [found]
        readings = [cast("dict[str, Any]", one) for one in many if isinstance(one, dict)]
        yield from map(_flat, readings)
        if len(readings) < len(many):
            yield None


def _flat(found: dict[str, Any], above: str = "", depth: int = 1) -> dict[str, Any]:
    """An object's values by their dotted paths; what is nested too deeply counts as a list."""
    flat: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, dict) and depth < _MOST_DEPTH:
            flat |= _flat(cast("dict[str, Any]", value), f"{above}{name}.", depth + 1)
        else:
            flat[above + name] = [] if isinstance(value, dict) else value
    return flat
