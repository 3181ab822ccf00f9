"""Seven real series of the Numenta Anomaly Benchmark, read as they are: their clocks jump, repeat and step back."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.command import Telltale

CONFIG = Path(__file__).parent / "nab"
SERIES = {
    "ambient-temperature": "ambient_temperature_system_failure.csv",
    "cluster-cpu": "cpu_utilization_asg_misconfiguration.csv",
    "server-latency": "ec2_request_latency_system_failure.csv",
    "machine-temperature": "machine_temperature_system_failure.csv",
    "taxi-passengers": "nyc_taxi.csv",
    "key-hold": "rogue_agent_key_hold.csv",
    "key-updown": "rogue_agent_key_updown.csv",
}


def ms(text: str) -> int:
    """A time of the benchmark."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def counted(path: Path) -> Counter[str]:
    """What becomes of each row by the device's own clock, the obvious way."""
    counts: Counter[str] = Counter()
    clock = -1
    with path.open() as file:
        for row in csv.DictReader(file):
            at = ms(row["timestamp"])
            counts["taken" if at > clock else "duplicate" if at == clock else "late"] += 1
            clock = max(clock, at)
    return counts


@pytest.mark.parametrize("stream", SERIES)
def test_a_stream_a_series_is_enough_to_read_the_file_as_it_is(
    telltale: Telltale, public_data: Path, stream: str
) -> None:
    """Every row is taken, late or a duplicate as its clock says; none is refused."""
    path = public_data / "nab" / "realKnownCause" / SERIES[stream]
    said = telltale("streams", "check", "--config", CONFIG, "--stream", stream, path, "-o", "json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    expected = counted(path)
    assert {name: found[name] for name in ("taken", "late", "duplicate")} == {
        name: expected[name] for name in ("taken", "late", "duplicate")
    }
    assert (found["refused"], found["dead_letters"], found["devices"]) == (0, 0, 1)


def test_the_clocks_that_make_it_hard_are_in_the_files(public_data: Path) -> None:
    """What the counts above are worth: one file steps back by 55 minutes, another repeats eleven times."""
    folder = public_data / "nab" / "realKnownCause"
    assert counted(folder / SERIES["machine-temperature"]) == {"taken": 22683, "late": 11, "duplicate": 1}
    assert counted(folder / SERIES["server-latency"]) == {"taken": 4021, "duplicate": 11}


def test_a_machine_that_fails_is_raised_within_its_labelled_windows(
    telltale: Telltale, public_data: Path
) -> None:
    """Both shutdowns of the machine are raised within their labelled windows, and nothing is outside of one."""
    path = public_data / "nab" / "realKnownCause" / SERIES["machine-temperature"]
    said = telltale("backtest", "--config", CONFIG, "--stream", "machine-temperature", path, "--json")
    labels = json.loads((public_data / "nab" / "labels.json").read_text())
    windows = labels["windows"][f"realKnownCause/{path.name}"]
    raised = [a["at"] for a in map(json.loads, said.lines) if a["transition"] == "raised"]
    hit = [{i for i, (low, high) in enumerate(windows) if ms(low) <= at <= ms(high)} for at in raised]
    assert all(hit)
    assert set.union(*hit) == {1, 3}
