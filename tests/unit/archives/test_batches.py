"""Archives as raw batches: every message, under its line number, however the file and the batches are cut."""

import gzip
import json
import tracemalloc

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from flows.archives import batches, compression
from flows.archives import csv as archives_csv
from flows.archives.batches import NEVER_APPENDED, read_batches
from flows.errors import ArchiveUnreadable
from flows.streams import Field, Stream

STREAM = Stream(
    name="s", topic="t", key="device", time="at", fields=(Field(name="a", type="float"), Field(name="b", type="text"))
)  # fmt: skip
WRITE = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}
# White space alone, carriage returns, and anything else that a line may hold; no mark of another kind of file.
PIECES = st.lists(
    st.sampled_from([b"", b" ", b"\r", b"\t \r", b"{}", b'{"a": 1}\r', b" x", b"[1]"]), max_size=60
)


def messages(batch):
    """The messages of a batch with their line numbers."""
    starts = [0, *batch.ends.tolist()[:-1]]
    return [
        (line, batch.data[begin:end].strip())
        for line, begin, end in zip(batch.offsets.tolist(), starts, batch.ends.tolist(), strict=True)
    ]


def read(path, readings=16_384, stream=STREAM):
    """All messages of an archive with their line numbers."""
    return [found for batch in read_batches(path, stream, readings) for found in messages(batch)]


def until_the_error(path):
    """What a broken archive gives before it raises, and what it raises."""
    found = []
    try:
        for batch in read_batches(path, STREAM):
            found += messages(batch)
    except ArchiveUnreadable as error:
        return found, error
    pytest.fail("nothing was raised")


@given(
    lines=PIECES,
    ending=st.sampled_from([b"", b"\n"]),
    readings=st.integers(1, 20),
    chunk=st.integers(1, 30),
    block=st.integers(1, 50),
    suffix=st.sampled_from(list(WRITE)),
)
def test_every_line_that_is_not_blank_comes_under_its_number(
    tmp_path_factory, lines, ending, readings, chunk, block, suffix
):
    """However chunks, blocks and batches are cut, messages and line numbers are those of the obvious split."""
    raw = b"\n".join(lines) + ending
    path = tmp_path_factory.mktemp("archive") / f"a.jsonl{suffix}"
    path.write_bytes(WRITE[suffix](raw))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compression, "_CHUNK", chunk)
        patched.setattr(batches, "_BLOCK_BYTES", block)
        found = list(read_batches(path, STREAM, readings))
    expected = [(i, line.strip()) for i, line in enumerate(raw.split(b"\n"), 1) if line.strip()]
    assert [one for batch in found for one in messages(batch)] == expected
    assert all(0 < len(batch.ends) <= readings for batch in found)
    assert all(len(batch.data) == batch.ends[-1] for batch in found)


def test_a_batch_says_where_it_is_from(tmp_path):
    """The topic is the file as named; nothing in an archive has an append time."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n\n{"a":2}')
    (batch,) = read_batches(path, STREAM)
    assert (batch.topic, batch.partition, batch.at_end) == (str(path), 0, False)
    assert batch.offsets.tolist() == [1, 3]
    assert batch.appended.tolist() == [NEVER_APPENDED] * 2


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.csv.gz", "a.csv.zst"])
@pytest.mark.parametrize("part", [0.3, 0.9, 0.9999])
def test_what_stands_before_a_cut_is_read(tmp_path, name, part):
    """A cut file gives its whole messages, then an error that names the line and does not call the file whole."""
    rows = [f'{{"device":"d","at":{i * 7919}}}' for i in range(40_000)]
    if ".csv" in name:
        rows = ["device,at,a,b", *(f"d,{i * 7919},,{i * 31 % 977}" for i in range(40_000))]
    whole = WRITE["." + name.rpartition(".")[2]]("\n".join(rows).encode())
    (tmp_path / name).write_bytes(whole[: int(len(whole) * part)])
    found, error = until_the_error(tmp_path / name)
    assert "cut off. What stands before that line is good" in str(error)
    assert found[-1][0] == error.line > 40_000 * (part - 0.2)
    assert [json.loads(value)["at"] for _, value in found] == [i * 7919 for i in range(len(found))]


def test_a_line_beyond_all_measure_is_said_after_what_stands_before_it(tmp_path, monkeypatch):
    """An endless line ends the reading with its number; the lines before it are handed out."""
    monkeypatch.setattr(batches.whole_lines, "__defaults__", (1000, compression.unwatched))
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{}\n\n[]\n" + b"x" * 1001 + b"\n{}\n")
    found, error = until_the_error(path)
    assert "a.jsonl:4: it is longer than 1000 bytes" in str(error)
    assert found == [(1, b"{}"), (3, b"[]")]


@pytest.mark.parametrize(
    ("begin", "what"),
    [(b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "Zstandard"), ("{}".encode("utf-16"), "UTF-16, not UTF-8")],
)  # fmt: skip
def test_a_file_of_another_kind_than_its_name_says_is_refused(tmp_path, begin, what):
    """Compressed bytes under a plain name, and UTF-16, are said instead of read as garbage."""
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).write_bytes(begin)
        with pytest.raises(ArchiveUnreadable, match=what):
            read(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_the_first_message(tmp_path):
    """What Windows writes before UTF-8 is left away."""
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf{}\n")
    assert read(tmp_path / "a.jsonl") == [(1, b"{}")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.csv.gz", "a.csv.zst"])
def test_who_watches_is_told_each_byte_of_the_file(tmp_path, name):
    """For a bar: what is told adds up to the size of the file, packed as it is."""
    rows = ["device,at,a,b", *(f"d,{i * 7919},,x" for i in range(30_000))]
    suffix = "" if name.endswith(("jsonl", "csv")) else "." + name.rpartition(".")[2]
    (tmp_path / name).write_bytes(WRITE[suffix]("\n".join(rows).encode()))
    told = []
    for _ in read_batches(tmp_path / name, STREAM, read=told.append):
        pass
    assert sum(told) == (tmp_path / name).stat().st_size


def test_a_missing_file_is_said(tmp_path):
    """No file raises one plain error for both kinds."""
    for name in ("a.jsonl", "a.csv"):
        with pytest.raises(ArchiveUnreadable, match="No such file"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_an_archive_may_be_bigger_than_memory(tmp_path, name, monkeypatch):
    """What is held depends on the size of a block alone, not on the file, whatever batch is asked for."""
    monkeypatch.setattr(batches, "_BLOCK_BYTES", 1 << 17)
    monkeypatch.setattr(archives_csv, "_BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr(archives_csv, "_MOST_BYTES", 1 << 17)
    monkeypatch.setattr(archives_csv, "_STEP", 16)
    wide = "x" * 400
    row = f'{{"device":"d","at":1,"b":"{wide}"}}\n' if name == "a.jsonl" else f"d,1,2,{wide}\n"
    (tmp_path / name).write_text(("" if name == "a.jsonl" else "device,at,a,b\n") + row * 20_000)
    tracemalloc.start()
    assert sum(len(batch.ends) for batch in read_batches(tmp_path / name, STREAM, 1 << 30)) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000


def test_no_object_a_line_is_made_of_jsonl(tmp_path):
    """A batch is one block of bytes: its values are decoded where they stand."""
    (tmp_path / "a.jsonl").write_bytes(b'{"a":1}\n{"a":2}\n')
    (batch,) = read_batches(tmp_path / "a.jsonl", STREAM)
    assert batch.data == b'{"a":1}\n{"a":2}\n'
    assert [msgspec.json.decode(value)["a"] for _, value in messages(batch)] == [1, 2]
