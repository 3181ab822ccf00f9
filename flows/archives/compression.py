"""Byte streams in and out of plain, .gz and .zst files, as the end of the name says."""

from __future__ import annotations

import gzip
import importlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from flows.errors import ZstandardMissing

_CHUNK = 1 << 18
# A block of 4 bytes may stand for 128 KiB, so little is read at a time: 4 KiB bound the output to 128 MiB.
_ZSTD_CHUNK = 1 << 12


# Told how many bytes of a file, packed as they are, were read further.
Read = Callable[[int], None]


def unwatched(read: int) -> None:
    """Nobody looks."""


class Broken(Exception):
    """A file cannot be read on; who counts its lines says of which file and where."""


def _zstandard(path: Path) -> Any:
    """The optional library; raises ZstandardMissing."""
    try:
        return importlib.import_module("zstandard")
    except ImportError as error:
        raise ZstandardMissing(str(path)) from error


def read_chunks(path: Path, read: Read = unwatched) -> Iterator[bytes]:
    """The decompressed bytes of a file, in pieces; raises Broken, ZstandardMissing, OSError."""
    if path.suffix == ".zst":
        yield from _zstd_chunks(path, read)
    elif path.suffix == ".gz":
        yield from _gzip_chunks(path, read)
    else:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                read(len(chunk))
                yield chunk


def _gzip_chunks(path: Path, read: Read) -> Iterator[bytes]:
    """All members of a gzip file (RFC 1952)."""
    with path.open("rb") as packed, gzip.open(packed, "rb") as file:
        done = 0
        while True:
            try:
                # `read` would lose, at a cut, what it had of the chunk already.
                chunk = file.read1(_CHUNK)
            except EOFError as error:
                raise Broken("the gzip stream is cut off") from error
            except (gzip.BadGzipFile, zlib.error) as error:
                raise Broken(f"not a whole gzip stream: {error}") from error
            read(packed.tell() - done)
            done = packed.tell()
            if not chunk:
                return
            yield chunk


def _zstd_chunks(path: Path, read: Read) -> Iterator[bytes]:
    """All frames of a Zstandard file (RFC 8878); the library's stream reader takes a cut for the end."""
    library = _zstandard(path)
    with path.open("rb") as file:
        frame: Any = None
        while compressed := file.read(_ZSTD_CHUNK):
            read(len(compressed))
            while compressed:
                frame = frame or library.ZstdDecompressor().decompressobj()
                try:
                    chunk: bytes = frame.decompress(compressed)
                except library.ZstdError as error:
                    raise Broken(f"not a whole Zstandard frame: {error}") from error
                if chunk:
                    yield chunk
                compressed = b""
                if frame.eof:
                    compressed, frame = frame.unused_data, None
        if frame is not None:
            raise Broken("the last Zstandard frame is cut off")


def open_for_writing(path: Path, name: Path) -> tuple[IO[bytes], Callable[[], None]]:
    """A stream into `path`, compressed as the final `name` asks, and its closer; raises ZstandardMissing."""
    library = _zstandard(name) if name.suffix == ".zst" else None
    raw = path.open("wb", buffering=_CHUNK)
    stream: IO[bytes] = raw
    if library is not None:
        stream = cast("IO[bytes]", library.ZstdCompressor(level=3).stream_writer(raw, closefd=False))
    elif name.suffix == ".gz":
        # Without name and time of day the same lines give the same bytes.
        stream = cast("IO[bytes]", gzip.GzipFile("", "wb", 6, raw, mtime=0))

    def close() -> None:
        if stream is not raw:
            stream.close()
        raw.close()

    return stream, close
