"""Archives in blocks of whole lines: what both kinds of archive are cut from, and where a broken one ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flows.archives.compression import Broken, Read, read_chunks, unwatched

MAX_LINE_BYTES = 16 * 1024 * 1024
_UTF8_MARK = b"\xef\xbb\xbf"
# What a file begins with when it is not the text that its name promises.
_NO_TEXT = {
    b"\x1f\x8b": "it is compressed with gzip, which its name does not say with .gz",
    b"\x28\xb5\x2f\xfd": "it is compressed with Zstandard, which its name does not say with .zst",
    b"\xff\xfe": "it is UTF-16, not UTF-8",
    b"\xfe\xff": "it is UTF-16, not UTF-8",
}


def whole_lines(
    path: Path, block_bytes: int, max_line_bytes: int = MAX_LINE_BYTES, read: Read = unwatched
) -> Iterator[bytes]:
    r"""The text of an archive in blocks of about `block_bytes` that end with `\n`, the last perhaps without.

    All whole lines are handed out before anything is raised: Broken (missing, cut off, corrupt, not text, a line
    over `max_line_bytes`) and ZstandardMissing. A byte order mark is left away. `read` is told how many bytes of the
    file, packed or not, were read further.
    """
    parts: list[bytes] = []
    size = tail = 0
    try:
        for chunk in _text(path, read):
            good = _before_too_long(tail, chunk, max_line_bytes)
            if good is not None:
                parts.append(chunk[:good])
                size, tail = size + good, 0 if good else tail
                raise Broken(f"it is longer than {max_line_bytes} bytes")
            cut = chunk.rfind(b"\n") + 1
            tail = len(chunk) - cut if cut else tail + len(chunk)
            parts.append(chunk)
            size += len(chunk)
            if size >= block_bytes and tail < size:
                block = b"".join(parts)
                parts, size = [block[len(block) - tail :]], tail
                yield block[: len(block) - tail]
    except Broken:
        if tail < size:
            yield b"".join(parts)[: size - tail]
        raise
    if size:
        yield b"".join(parts)


def _before_too_long(begun: int, chunk: bytes, most: int) -> int | None:
    """How much of a chunk stands before its first line that is too long; None when all fit.

    `begun` is what the chunks before already hold of its first line.
    """
    if begun + len(chunk) <= most:
        return None
    at = 0
    for line in chunk.split(b"\n"):
        if begun + len(line) > most:
            return at
        begun, at = 0, at + len(line) + 1
    return None


def _text(path: Path, read: Read) -> Iterator[bytes]:
    """The chunks of a file from the first character on; raises Broken, ZstandardMissing."""
    first = True
    try:
        for chunk in read_chunks(path, read):
            if first:
                for begin, what in _NO_TEXT.items():
                    if chunk.startswith(begin):
                        raise Broken(what)
            yield chunk.removeprefix(_UTF8_MARK) if first else chunk
            first = False
    except OSError as error:
        raise Broken(error.strerror or "it cannot be read") from error
