"""Attributes of devices for a backtest: a file of lines instead of the topic `things`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from flows.archives.jsonl import numbered_lines
from flows.errors import ThingsWrong
from flows.schema import encode
from flows.topics.port import Message

_DEVICE = "device"


def read_things(path: Path) -> list[Message]:
    """What a file says of devices, as the topic `things` would, in the order of its lines.

    A .csv file has a header with a column `device`, and an empty cell says nothing. Any other holds JSON objects, one
    a line, packed or not: `{"device": "veh-1", "hot_c": 105}`, or `{"key": "veh-1", "value": {"hot_c": 105}}` as
    `telltale simulate` writes them. Raises ThingsWrong, ArchiveUnreadable, ZstandardMissing.
    """
    said = _of_csv(path) if path.suffix == ".csv" else _of_lines(path)
    return [
        Message("things", 0, line, device.encode(), encode(attributes), (), 0)
        for line, device, attributes in said
    ]


def _of_lines(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for line, text in numbered_lines(path):
        if text.isspace():
            continue
        try:
            found = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ThingsWrong(str(path), line, "is not a JSON object") from error
        if "key" in found and isinstance(found.get("value"), dict):
            found = {**found["value"], _DEVICE: found["key"]}
        yield line, _device(path, line, found.pop(_DEVICE, None)), found


def _of_csv(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            if _DEVICE not in (rows.fieldnames or ()):
                raise ThingsWrong(str(path), 1, f"has no column {_DEVICE!r}")
            for row in rows:
                if None in row or None in row.values():
                    raise ThingsWrong(str(path), rows.line_num, "has not as many cells as the header")
                cells = {name: _cell(text) for name, text in row.items() if name != _DEVICE and text}
                yield rows.line_num, _device(path, rows.line_num, row[_DEVICE]), cells
    except OSError as error:
        raise ThingsWrong(str(path), 0, error.strerror or "cannot be read") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ThingsWrong(str(path), 0, f"is no CSV in UTF-8: {error}") from error


def _cell(text: str) -> Any:
    """A cell as JSON has it: a number or a truth bare, anything else text."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return found if isinstance(found, bool | int | float) else text


def _device(path: Path, line: int, found: object) -> str:
    """The device of a line; a whole number is taken as its text."""
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if not isinstance(found, str) or not found:
        raise ThingsWrong(str(path), line, f"names no {_DEVICE!r}")
    return found
