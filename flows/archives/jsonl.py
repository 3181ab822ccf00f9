"""JSONL archives: one message a line, plain, .gz or .zst by the end of the name, streamed both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from flows.archives.blocks import MAX_LINE_BYTES, whole_lines
from flows.archives.compression import Broken, Read, open_for_writing, unwatched
from flows.errors import ArchiveUnreadable, ArchiveUnwritable

_BLOCK_BYTES = 1 << 18


def read_lines(path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    r"""The lines of an archive without `\n`, empty ones left out; memory is bounded by the longest line.

    Raises ArchiveUnreadable (missing, cut off, corrupt, a line over `max_line_bytes`) and ZstandardMissing.
    """
    return (line for _, line in numbered_lines(path, max_line_bytes))


def numbered_lines(
    path: Path, max_line_bytes: int = MAX_LINE_BYTES, read: Read = unwatched
) -> Iterator[tuple[int, bytes]]:
    """As `read_lines`, each line with its number, from 1; `read` is told how many bytes were read further."""
    lines = 0
    try:
        for block in whole_lines(path, _BLOCK_BYTES, max_line_bytes, read):
            for line in block.removesuffix(b"\n").split(b"\n"):
                lines += 1
                if line:
                    yield lines, line
    except Broken as error:
        raise ArchiveUnreadable(str(path), lines, str(error)) from error


class ArchiveWriter:
    """Writes lines to an archive that takes its name only when it is whole; use it in a `with`.

    Until then it stands beside it as `<name>.part`, which is removed when the `with` ends in an error.
    """

    def __init__(self, path: Path) -> None:
        """Raises ArchiveUnwritable when the folder is not there, and ZstandardMissing."""
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._pending: list[bytes] = []
        self._size = 0
        self.lines = 0
        try:
            self._stream, self._close = open_for_writing(self._part, path)
        except OSError as error:
            raise ArchiveUnwritable(str(path), 0, error.strerror or "cannot be written") from error

    def write(self, line: bytes) -> None:
        r"""Add one line; raises ArchiveUnwritable for one with a `\n` or nothing in it, or a full disk."""
        if b"\n" in line or not line:
            raise ArchiveUnwritable(str(self._path), self.lines, "a line must hold something, and no newline")
        self._pending.append(line)
        self.lines += 1
        self._size += len(line)
        if self._size >= _BLOCK_BYTES:
            self._drain()

    def _drain(self) -> None:
        """Hand what is pending to the stream."""
        if not self._pending:
            return
        self._pending.append(b"")
        try:
            self._stream.write(b"\n".join(self._pending))
        except OSError as error:
            raise ArchiveUnwritable(
                str(self._path), self.lines, error.strerror or "cannot be written"
            ) from error
        self._pending = []
        self._size = 0

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._drain()
            self._close()
            if kind is None:
                self._part.replace(self._path)
        except OSError as refused:
            raise ArchiveUnwritable(
                str(self._path), self.lines, refused.strerror or "cannot be written"
            ) from refused
        finally:
            self._part.unlink(missing_ok=True)
