"""JSONL archives: what is written is read again, and what is broken is said."""

import gzip
import random
import sys
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from flows.archives.jsonl import ArchiveWriter, read_lines
from flows.errors import ArchiveUnreadable, ArchiveUnwritable, ZstandardMissing

NAMES = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"]
# What a file of another kind would begin with is left out: it is refused, or a byte order mark.
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
LINE = st.binary(min_size=1, max_size=50).filter(
    lambda line: b"\n" not in line and not line.startswith(MARKS)
)
LINES = st.lists(LINE, max_size=200)


def written(path, lines):
    with ArchiveWriter(path) as writer:
        for line in lines:
            writer.write(line)
    return path


@pytest.mark.parametrize("name", NAMES)
@given(lines=LINES)
def test_what_is_written_is_read_again(tmp_path_factory, name, lines):
    """Any lines without a newline, whatever bytes, come back in order from each kind of file."""
    path = written(tmp_path_factory.mktemp("archive") / name, lines)
    assert list(read_lines(path)) == lines


@pytest.mark.parametrize("name", NAMES)
def test_a_line_may_be_longer_than_any_chunk(tmp_path, name):
    """Lines of a megabyte between short ones are joined from the pieces in which they are read."""
    lines = [b"short", b"x" * 1_200_000, b"y", b"z" * 700_000]
    assert list(read_lines(written(tmp_path / name, lines))) == lines


@pytest.mark.parametrize("name", NAMES)
def test_reading_and_writing_need_little_memory(tmp_path, name):
    """9 MB pass through both ways while less than 5 MB are held."""
    path = tmp_path / name
    source = random.Random(1)
    tracemalloc.start()
    written(path, (source.randbytes(500).hex().encode() for _ in range(9_000)))
    assert sum(1 for _ in read_lines(path)) == 9_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_last_line_without_newline_and_empty_lines(tmp_path):
    """The last line counts without its newline, empty lines do not count, a carriage return stays."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\n\ntwo\r\nthree")
    assert list(read_lines(path)) == [b"one", b"two\r", b"three"]


def test_frames_and_members_one_after_the_other_are_one_archive(tmp_path):
    """Compressed files that were concatenated are read to their end."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\nd\n"))
    (tmp_path / "a.zst").write_bytes(zstandard.compress(b"a\nb") + zstandard.compress(b"c\nd\n"))
    for name in ("a.gz", "a.zst"):
        assert list(read_lines(tmp_path / name)) == [b"a", b"bc", b"d"]


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_cut_file_is_said_and_not_taken_for_whole(tmp_path, name):
    """A file cut anywhere raises, with its name and after how many good lines, never ends quietly."""
    whole = written(tmp_path / name, [b"%d" % (i * 7919) for i in range(50_000)]).read_bytes()
    for part in (0.01, 0.3, 0.9, 0.9999):
        (tmp_path / name).write_bytes(whole[: int(len(whole) * part)])
        good = []
        with pytest.raises(ArchiveUnreadable, match=f"{name}.*cut off") as raised:
            good.extend(read_lines(tmp_path / name))
        assert raised.value.line <= 50_000
        assert good == [b"%d" % (i * 7919) for i in range(len(good))]


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_corrupt_file_is_said(tmp_path, name):
    """Bytes that are no archive, and a byte flipped inside one, both raise."""
    whole = bytearray(written(tmp_path / name, [b"%d" % (i * 7919) for i in range(50_000)]).read_bytes())
    (tmp_path / name).write_bytes(b"this is no archive")
    with pytest.raises(ArchiveUnreadable, match="not a whole"):
        list(read_lines(tmp_path / name))
    whole[:4] = b"\0\0\0\0"
    (tmp_path / name).write_bytes(whole)
    with pytest.raises(ArchiveUnreadable):
        list(read_lines(tmp_path / name))


def test_a_missing_file_and_an_endless_line_are_said(tmp_path):
    """No file, a folder, and a line beyond the bound each raise one plain error."""
    with pytest.raises(ArchiveUnreadable, match="No such file"):
        list(read_lines(tmp_path / "none.jsonl"))
    with pytest.raises(ArchiveUnreadable, match="directory"):
        list(read_lines(tmp_path))
    path = written(tmp_path / "long.jsonl", [b"ok", b"x" * 1001, b"ok"])
    with pytest.raises(ArchiveUnreadable, match=r"long.jsonl:2: .* What stands before that line is good"):
        list(read_lines(path, max_line_bytes=1000))
    endless = written(tmp_path / "endless.jsonl", [b"x" * 3_000_000])
    with pytest.raises(ArchiveUnreadable, match="longer than 1000000 bytes"):
        list(read_lines(endless, max_line_bytes=1_000_000))


def test_an_archive_takes_its_name_only_when_it_is_whole(tmp_path):
    """An error while writing leaves neither the archive nor its part, and an older archive as it was."""
    path = written(tmp_path / "a.jsonl", [b"old"])
    with pytest.raises(ArchiveUnwritable):
        written(path, [b"new", b"a line\nof two"])
    assert list(read_lines(path)) == [b"old"]
    assert [one.name for one in tmp_path.iterdir()] == ["a.jsonl"]


def test_what_cannot_be_written_is_refused(tmp_path):
    """A line with a newline, an empty one, and a folder that is not there."""
    for line in (b"a\nb", b""):
        with pytest.raises(ArchiveUnwritable, match="newline"), ArchiveWriter(tmp_path / "a.jsonl") as writer:
            writer.write(line)
    with pytest.raises(ArchiveUnwritable, match="No such file"):
        ArchiveWriter(tmp_path / "none" / "a.jsonl")


def test_without_zstandard_the_mend_is_said(tmp_path, monkeypatch):
    """Where the optional library is missing, reading and writing .zst name what to install; plain files work."""
    path = written(tmp_path / "a.zst", [b"x"])
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(ZstandardMissing, match=r"telltale-flows\[archives\]"):
        list(read_lines(path))
    with pytest.raises(ZstandardMissing):
        ArchiveWriter(tmp_path / "b.zst")
    assert not (tmp_path / "b.zst.part").exists()
    assert list(read_lines(written(tmp_path / "a.jsonl", [b"y"]))) == [b"y"]
