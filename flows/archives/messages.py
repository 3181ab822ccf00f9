"""Rows of a table as the JSON messages that a stream's decoder reads, each column by what the stream declares."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flows.archives import cells
from flows.errors import CsvColumnMissing, CsvHeaderWrong
from flows.hints import did_you_mean
from flows.streams import Stream

Column = Callable[[Sequence[str]], Sequence[str]]
Rows = Sequence[Sequence[str]]
Converter = Callable[[Rows], list[bytes]]

# How the columns, and the single cells, of a type are written; all others are texts.
_KINDS: dict[str, Column] = {"float": cells.numbers, "int": cells.numbers, "bool": cells.truths}
_ONE: dict[str, Callable[[str], str]] = {"float": cells.number, "int": cells.number, "bool": cells.truth}


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


def _template(names: Sequence[str]) -> tuple[str, list[str]]:
    """What makes a message of one cell each, and in which order: a dotted name is a path into nested objects."""
    tree: dict[str, Any] = {}
    for name in names:
        *path, last = name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = name
    order: list[str] = []

    def write(node: dict[str, Any] | str) -> str:
        if isinstance(node, str):
            order.append(node)
            return "%s"
        entries = (
            json.dumps(key, ensure_ascii=False).replace("%", "%%") + ":" + write(below)
            for key, below in node.items()
        )
        return "{" + ",".join(entries) + "}"

    return write(tree), order


def _values(stream: Stream) -> Callable[[Sequence[str], Sequence[str]], list[str]]:
    """How the cells of a narrow stream's value are written: each by the field that its metric names."""
    kinds = {field.path: _ONE.get(field.type, cells.text) for field in stream.fields}

    def write(metrics: Sequence[str], found: Sequence[str]) -> list[str]:
        pairs = zip(metrics, found, strict=True)
        return [kinds.get(metric.strip(), cells.number)(cell) for metric, cell in pairs]

    return write


def converter(path: Path, stream: Stream, header: list[str]) -> Converter:
    """What makes messages of rows as wide as the header; raises CsvColumnMissing, CsvHeaderWrong."""
    wanted = _wanted(stream)
    missing = [name for name in wanted if name not in header]
    if missing:
        raise CsvColumnMissing(str(path), stream.name, missing, did_you_mean(missing[0], header))
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise CsvHeaderWrong(str(path), f"names the column {twice[0]!r} twice")
    places = {name: header.index(name) for name in wanted}
    template, order = _template(list(wanted))
    values = _values(stream) if any(field.type not in ("float", "int") for field in stream.fields) else None

    def convert(rows: Rows) -> list[bytes]:
        table = list(zip(*rows, strict=True))
        columns = {name: kind(table[places[name]]) for name, kind in wanted.items()}
        if stream.shape == "narrow" and values is not None:
            columns[stream.value] = values(table[places[stream.metric]], table[places[stream.value]])
        written = [template % row for row in zip(*(columns[name] for name in order), strict=True)]
        return [value.encode("utf-8", "surrogateescape") for value in written]

    return convert
