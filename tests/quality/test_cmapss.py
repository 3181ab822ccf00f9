"""Turbofan engines run to failure (NASA C-MAPSS FD001): worn ones are found in time, sound ones left alone."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests.command import Telltale

CONFIG = Path(__file__).parent / "cmapss"
# The columns in their order, by the names of the paper's table 2; three settings stand behind unit and cycle.
COLUMNS = [
    "unit", "cycle", "altitude", "mach", "tra", "T2", "T24", "T30", "T50", "P2", "P15", "P30", "Nf", "Nc", "epr",
    "Ps30", "phi", "NRf", "NRc", "BPR", "farB", "htBleed", "Nf_dmd", "PCNfR_dmd", "W31", "W32",
]  # fmt: skip
HOUR_MS = 3_600_000
EARLIEST, LATEST = 125, 10
ENGINES = 97


@pytest.fixture
def archive(public_data: Path, tmp_path: Path) -> Path:
    """The engines as CSV with a header."""
    path = tmp_path / "FD001.csv"
    with gzip.open(public_data / "cmapss" / "train_FD001.txt.gz", "rt") as source, path.open("w") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        writer.writerows(line.split() for line in source)
    return path


def lives(archive: Path) -> dict[str, int]:
    """The last cycle of each engine."""
    found: dict[str, int] = {}
    with archive.open() as file:
        for row in csv.DictReader(file):
            found[row["unit"]] = max(found.get(row["unit"], 0), int(row["cycle"]))
    return found


def test_worn_engines_are_raised_in_time_and_none_is_raised_early(telltale: Telltale, archive: Path) -> None:
    """Of 100 engines at least 97 are raised 125 to 10 cycles before their end, and at least 97 not before that."""
    said = telltale("backtest", "--config", CONFIG, "--stream", "cmapss", archive, "--json")
    assert said.code == 0, said.err
    left: dict[str, list[int]] = defaultdict(list)
    end = lives(archive)
    for line in said.lines:
        alarm = json.loads(line)
        if alarm["transition"] == "raised":
            left[alarm["device"]].append(end[alarm["device"]] - alarm["at"] // HOUR_MS)
    assert len(end) == 100
    in_time = sum(any(LATEST <= cycles <= EARLIEST for cycles in left[unit]) for unit in end)
    not_early = sum(all(cycles <= EARLIEST for cycles in left[unit]) for unit in end)
    assert in_time >= ENGINES
    assert not_early >= ENGINES


def test_an_engine_is_raised_once_for_it_does_not_heal(telltale: Telltale, archive: Path) -> None:
    """Nearly every engine has one episode up to its end: noise neither clears nor repeats it."""
    said = telltale("backtest", "--config", CONFIG, "--stream", "cmapss", archive, "--json")
    raised = [alarm["device"] for alarm in map(json.loads, said.lines) if alarm["transition"] == "raised"]
    assert len(raised) - len(set(raised)) <= 3


def test_half_of_the_engines_say_the_same_of_the_other_half(telltale: Telltale, archive: Path) -> None:
    """The levels are not those of some engines: each half alone, odd and even, is found as well as the whole."""
    said = telltale("backtest", "--config", CONFIG, "--stream", "cmapss", archive, "--json")
    end = lives(archive)
    first: dict[str, int] = {}
    for alarm in map(json.loads, said.lines):
        first.setdefault(alarm["device"], end[alarm["device"]] - alarm["at"] // HOUR_MS)
    for parity in (0, 1):
        half = [unit for unit in end if int(unit) % 2 == parity]
        assert sum(LATEST <= first.get(unit, -1) <= EARLIEST for unit in half) >= 0.97 * len(half)


def test_the_rules_own_tests_pass_in_cycles(telltale: Telltale) -> None:
    """A stream whose time counts hours, and whose device is a number on the wire, is tested like any other."""
    said = telltale("rules", "test", "--config", CONFIG)
    assert (said.code, said.err) == (0, "")
