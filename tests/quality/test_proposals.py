"""Proposals for real archives, from their beginning alone: all of each archive passes what is proposed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from flows.archives.batches import read_batches
from flows.backtest.stream_check import StreamCheck
from flows.inference.document import write_document
from flows.inference.proposal import Asked, propose
from flows.inference.sample import read_sample
from flows.stream_files import load_streams
from flows.streams import Stream

ENGINES = """unit cycle setting_1 setting_2 setting_3 T2 T24 T30 T50 P2 P15 P30 Nf Nc epr Ps30 phi NRf NRc BPR farB
htBleed Nf_dmd PCNfR_dmd W31 W32"""


def proposed(path: Path, rows: int, folder: Path) -> tuple[Stream, str]:
    """The stream as it is loaded from the text of the proposal, and that text."""
    text = write_document(propose(read_sample(path, rows), Asked()))
    (folder / "streams.yaml").write_text(text, encoding="utf-8")
    (stream,) = load_streams(folder / "streams.yaml").values()
    return stream, text


def checked(path: Path, stream: Stream) -> StreamCheck:
    """What becomes of all of an archive."""
    check = StreamCheck(stream)
    for batch in read_batches(path, stream):
        check.take(batch)
    return check


@pytest.fixture
def series(public_data: Path) -> list[Path]:
    """The seven series of the benchmark."""
    return sorted((public_data / "nab" / "realKnownCause").glob("*.csv"))


def test_seven_real_series_pass_what_is_proposed_of_their_beginning(
    series: list[Path], tmp_path: Path
) -> None:
    """Each is a float or int of one device in UTC; of all rows, also those not looked at, every value is believed."""
    assert len(series) == 7
    for path in series:
        stream, text = proposed(path, 20_000, tmp_path)
        assert (stream.device, stream.time, stream.time_unit, stream.zone) == (
            path.stem,
            "timestamp",
            "rfc3339",
            "UTC",
        )
        assert [(field.name, field.source) for field in stream.fields] == [("measurement", "value")]
        assert "a guess: the times name no zone" in text
        found = checked(path, stream)
        assert (found.counts["dead_letters"], found.devices) == (0, 1)
        assert (
            found.counts["taken"] + found.counts["late"] + found.counts["duplicate"] == found.counts["rows"]
        )


def test_a_step_back_is_seen_as_lateness(series: list[Path], tmp_path: Path) -> None:
    """The series that steps back by 55 minutes is given an hour, and the remark says why."""
    stream, text = proposed(
        next(path for path in series if path.name.startswith("machine")), 20_000, tmp_path
    )
    assert stream.lateness == 3_600_000
    assert "came late, by at most 55m" in text


def test_engines_run_to_failure_pass_what_is_proposed(public_data: Path, tmp_path: Path) -> None:
    """Cycles are a guess at hours, `unit` is the device, and all rows of all engines are taken as believed."""
    with gzip.open(public_data / "cmapss" / "train_FD001.txt.gz", "rt") as file:
        rows = [",".join(line.split()) for line in file]
    path = tmp_path / "engines.csv"
    path.write_text("\n".join([",".join(ENGINES.split()), *rows]))
    stream, text = proposed(path, 2_000, tmp_path)
    assert (stream.key, stream.time, stream.time_unit) == ("unit", "cycle", "h")
    assert "a guess: `cycle` counts from 1" in text
    assert "always 518.67 here, so no range is known" in text
    assert [field.name for field in stream.fields] == ENGINES.split()[2:]
    found = checked(path, stream)
    assert found.counts["taken"] == len(rows) == 20_631
    assert (found.counts["dead_letters"], found.devices) == (0, 100)
