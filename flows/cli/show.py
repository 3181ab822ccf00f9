"""Printing: aligned tables on a terminal, plain lines elsewhere, JSON on demand; nothing that steers a terminal."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO, cast

from flows.cli.options import Output
from flows.schema import Value, encode

Row = Mapping[str, Any]
# So much of a table's last column can be read on a terminal, as long as another is wider.
_LAST = 24
_USUAL_COLUMNS = 80


def harmless(text: str) -> str:
    """One line whose characters are all printable: what is shown comes from outside."""
    return "".join(c if c.isprintable() else "?" for c in text.replace("\n", " "))


def time_of(at: int) -> str:
    """A time (ms) as UTC to the second; what no calendar holds stays a number."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"


def value_of(value: Value) -> str:
    """One value as a person reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def say(text: str) -> None:
    """A remark on standard error, so that standard output holds results alone."""
    paragraph(text, sys.stderr)


def paragraph(text: str, out: TextIO | None = None, below: str = "") -> None:
    """Text whose lines a terminal does not break within words; elsewhere as it is.

    `below` stands before what goes on in a next line, else as many spaces as before the first.
    """
    stream = out or sys.stdout
    width = _width(stream)
    for line in text.split("\n"):
        shown = (
            line if width is None else textwrap.fill(line, width, subsequent_indent=below or _indent(line))
        )
        print(shown, file=stream, flush=True)


def title(text: str) -> None:
    """A heading."""
    print(_bold(text))


def rows(found: Sequence[Row], output: Output, empty: str) -> None:
    """Print rows that have the same fields; when there are none, say on standard error why."""
    if not found:
        say(empty)
    elif output is Output.json:
        for row in found:
            print(encode(row).decode())
    else:
        table(list(found[0]), [[_cell(value) for value in row.values()] for row in found])


def table(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Columns under their names, numbers to the right; on a terminal a line is cut to what fits."""
    every = [[header.replace("_", " ") for header in headers], *cells]
    sizes = _narrowed([max(len(row[i]) for row in every) for i in range(len(headers))], _width(sys.stdout))
    numbers = [all(row[i].replace("-", "").isdigit() for row in cells) for i in range(len(headers))]
    for place, row in enumerate(every):
        aligned = [
            _shortened(cell, size).rjust(size) if number else _shortened(cell, size).ljust(size)
            for cell, size, number in zip(row, sizes, numbers, strict=True)
        ]
        shown = cut("  ".join(aligned).rstrip(), sys.stdout)
        print(_bold(shown) if place == 0 else shown)


def _narrowed(sizes: list[int], width: int | None) -> list[int]:
    """The widths of columns; where they do not fit, the widest leaves the last one room to be read."""
    if width is None or len(sizes) < 2:
        return sizes
    widest = max(range(len(sizes) - 1), key=lambda i: sizes[i])
    missing = sum(sizes[:-1]) + 2 * (len(sizes) - 1) + min(sizes[-1], _LAST) - width
    if missing > 0 and sizes[widest] > _LAST:
        sizes[widest] = max(_LAST, sizes[widest] - missing)
    return sizes


def _shortened(cell: str, size: int) -> str:
    return cell if len(cell) <= size else cell[: size - 1] + "…"


def cut(line: str, stream: TextIO) -> str:
    """A line that fits a terminal; elsewhere it is left whole."""
    width = _width(stream)
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


def counted(number: int, noun: str) -> str:
    """`1 topic`, `3 topics`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def pairs(found: Iterable[tuple[str, str]], indent: str = "") -> None:
    """Two columns without a header; what is empty is left out, and what is long goes on below itself."""
    listed = [(name, value) for name, value in found if value]
    size = max((len(name) for name, _ in listed), default=0)
    width = _width(sys.stdout)
    for name, value in listed:
        line = f"{indent}{name:<{size}}  {value}"
        below = " " * (len(indent) + size + 2)
        print(line if width is None else textwrap.fill(line, width, subsequent_indent=below))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(_cell(each) for each in cast("Sequence[Any]", value))
    return harmless(value if isinstance(value, str) else value_of(value))


def _width(stream: TextIO) -> int | None:
    """The terminal's columns; None where nothing is to be cut."""
    return max(20, _columns(stream)) if stream.isatty() else None


def _columns(stream: TextIO) -> int:
    """As COLUMNS says, else as this very terminal: standard output may be a pipe where remarks are read."""
    said = os.environ.get("COLUMNS", "")
    if said.isdigit() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


def _indent(line: str) -> str:
    """The spaces that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def _bold(text: str) -> str:
    """Text that stands out, where the terminal may be given colours."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return text if plain else f"\x1b[1m{text}\x1b[0m"
