"""Rows in files: what a source system exports as JSONL or CSV, bare or as the CloudEvents of the topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from flows.archives.compression import Read, unwatched
from flows.archives.csv import Table, is_csv
from flows.archives.jsonl import numbered_lines
from flows.errors import CsvHeaderWrong
from flows.sources.row import CHANGED, DELETED, MAX_BYTES, RowRefused, SentRow, row_of

_ROWS = 1000


class Exported(msgspec.Struct, frozen=True):
    """A row of a file and the line where it begins; what cannot be read is refused."""

    line: int
    row: SentRow | RowRefused


def exported(path: Path, source: str | None, time: str, read: Read = unwatched) -> Iterator[Exported]:
    """The rows of a file in their order, one at a time.

    A line that is a CloudEvent says itself which source it is of. Bare rows are of `source`, and where they name no
    time of their own `time` (RFC 3339) counts; without a `source` they are refused. `read` is told how many bytes
    of the file were read further. Raises ArchiveUnreadable, CsvHeaderWrong, ZstandardMissing.
    """
    name = path.name
    if is_csv(path):
        for line, found in _table(path, read):
            yield Exported(
                line, found if isinstance(found, RowRefused) else _bare(found, source, time, f"{name}:{line}")
            )
        return
    for line, raw in numbered_lines(path, read=read):
        if raw.strip():
            yield Exported(line, _of_line(raw, source, time, f"{name}:{line}"))


def _of_line(raw: bytes, source: str | None, time: str, place: str) -> SentRow | RowRefused:
    """A line of JSON: a CloudEvent or the row itself."""
    try:
        if len(raw) > MAX_BYTES:
            return row_of(raw)
        found: Any = msgspec.json.decode(raw)
        if not isinstance(found, dict):
            return RowRefused("wrong_type", "the line is no JSON object")
        row = cast("dict[str, Any]", found)
        return row_of(raw) if _is_event(row) else _bare(row, source, time, place)
    except RowRefused as refused:
        return refused
    except RecursionError:
        return RowRefused("too_deep", "nested too deeply")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return RowRefused("not_json", str(error))


def _is_event(row: dict[str, Any]) -> bool:
    """Whether a line is the envelope of a row; one that does not name its version is known by its type."""
    return "specversion" in row or (
        row.get("type") in (CHANGED, DELETED) and isinstance(row.get("data"), dict)
    )


def _bare(row: dict[str, Any], source: str | None, time: str, place: str) -> SentRow | RowRefused:
    """A row without its envelope."""
    if source is None:
        return RowRefused(
            "unknown_source", "the row does not say which source it is of: name it with --source"
        )
    return SentRow(id=place, source=source, type=CHANGED, time=time, data=row)


def _table(path: Path, read: Read) -> Iterator[tuple[int, dict[str, Any] | RowRefused]]:
    """The rows of a table by the names of its header; an empty cell is nothing."""
    table = Table(path, read)
    twice = [name for name in table.header if name and table.header.count(name) > 1]
    if twice:
        raise CsvHeaderWrong(str(path), f"names the column {twice[0]!r} twice")
    for rows, lines, unread in table.read(_ROWS):
        found = [_cells(table.header, row) for row in rows]
        unreadable = [RowRefused("wrong_type", unread)] if unread else []
        yield from zip(lines.tolist(), [*found, *unreadable], strict=True)


def _cells(header: list[str], row: list[str]) -> dict[str, Any] | RowRefused:
    """One row of a table."""
    if len(row) != len(header):
        has = "1 cell" if len(row) == 1 else f"{len(row)} cells"
        return RowRefused("wrong_type", f"{has} where the header has {len(header)}")
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return RowRefused("wrong_type", "the row is not UTF-8")
    return {name: cell.strip() or None for name, cell in zip(header, row, strict=True)}
