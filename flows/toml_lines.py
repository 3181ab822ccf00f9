"""Where the keys of a TOML document stand: its reader in the standard library tells values alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

Place = tuple[int, int]
"""Line and column, both from 1."""

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[{{1,2}}\s*({_PATH})\s*\]{{1,2}}\s*(?:#.*)?$")
_KEY = re.compile(rf"\s*({_PATH})\s*=")
_LONG = re.compile(r'"""|\'\'\'')


def places(text: str) -> dict[tuple[str, ...], Place]:
    """The place of each table's header and of each key at the beginning of a line, by its whole path.

    `text` must be TOML, of which only what can be told a line at a time is looked at: keys within an inline table
    are left out, and so are those of lists that go over several lines.
    """
    found: dict[tuple[str, ...], Place] = {}
    table: tuple[str, ...] = ()
    for number, line in _own_lines(text):
        if header := _TABLE.match(line):
            table = _parts(header[1])
            found.setdefault(table, (number, header.start(1) + 1))
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key[1])), (number, key.start(1) + 1))
    return found


def _own_lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines that no text of several lines goes on in."""
    closing: str | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if closing is None:
            yield number, line
        for mark in _LONG.findall(line):
            if closing is None:
                closing = mark
            elif mark == closing:
                closing = None


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a dotted path, without their quotes."""
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, path))
