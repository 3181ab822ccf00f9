"""Buckets and their bases under `kill -9`: whatever of both steps was on disk, nobody loses or doubles anything."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bytewax.recovery import init_db_dir

from flows.schema import Event, encode
from flows.topics.names import TopicNames
from flows.topics.sqlite import SqliteTopics

NAMES = TopicNames()
EVENTS, CUSTOMERS = 600, 80


def write_events(folder: Path) -> Counter[str]:
    """Clicks of some customers, a few of whom click most; how many each has made."""
    chance, made = random.Random(5), Counter[str]()
    topics = SqliteTopics(folder / "topics.db")
    topics.create(NAMES.own_topics(4, ("notify",), ("normal",)))
    writer = topics.writer()
    for n in range(EVENTS):
        subject = f"device:veh-{min(chance.randrange(CUSTOMERS), chance.randrange(CUSTOMERS)):03}"
        made[subject] += 1
        event = Event(id=f"e{n}", source="shop", type="click", subject=subject, time="2025-10-09T08:53:20Z")
        writer.write(NAMES.events, encode(event), key=subject.encode())
    writer.close()
    (folder / "recovery").mkdir()
    init_db_dir(folder / "recovery", 2)
    return made


def executions(folder: Path, *points: int) -> list[dict[str, Any]]:
    """Where each execution was killed; the last ends by itself and says what there is."""
    command = [sys.executable, "-m", "tests.flow.bases_process", str(folder), str(EVENTS), *map(str, points)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == len(points), done.stderr
    return lines


@pytest.mark.parametrize("seed", [5])
def test_killed_at_random_moments_the_state_is_that_of_a_run_that_was_never_killed(
    tmp_path: Path, seed: int
) -> None:
    """Kills before, between and after the two steps' snapshots; bases are read back and gone on from."""
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for folder in (calm, killed):
        folder.mkdir()
        made = write_events(folder)
    (unkilled,) = executions(calm, 0)
    chance = random.Random(seed)
    *deaths, end = executions(killed, *(chance.randint(3, 60) for _ in range(6)), 0)
    assert unkilled["counts"] == dict(made)
    assert end["counts"] == dict(made)
    assert end["digest"] == unkilled["digest"]
    assert any("killed" in death for death in deaths)
    assert end["restored"] > 0
    assert max(end["generations"]) > 1
