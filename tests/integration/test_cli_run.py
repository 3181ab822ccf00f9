"""`telltale run` as real processes: one that watches over the others, and leaves none behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from connectors.ledger import Ledger
from flows.scaffold import make_starter
from flows.topics.sqlite import SqliteTopics

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240.0


class Running:
    """A `telltale run` in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TELLTALE_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "run", *arguments],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []

    def await_start(self) -> list[psutil.Process]:
        """Read up to the line that says what runs, and return the children."""
        while line := self.process.stderr.readline():
            self.said.append(line)
            if line.startswith("Running "):
                break
        return psutil.Process(self.process.pid).children()

    def end(self) -> tuple[int, str]:
        """The exit code, and all that was said on standard error."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert out == ""
        return self.process.returncode, "".join(self.said) + err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The starter as `telltale init` makes it."""
    make_starter(tmp_path / "project", lambda: "a secret of this test")
    return tmp_path / "project"


@pytest.fixture
def started(folder: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A run with the arguments of the test, killed with its children if the test leaves it."""
    running = Running(folder, *getattr(request, "param", ("--all",)))
    yield running
    if running.process.poll() is None:
        for child in psutil.Process(running.process.pid).children():
            child.kill()
        running.process.kill()
    running.process.communicate()


def gone(children: list[psutil.Process]) -> bool:
    """Whether all have ended, waiting for them."""
    return not psutil.wait_procs(children, timeout=PATIENCE_S)[1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_stops_everything_cleanly(started, number, code):
    """Ctrl-C and SIGTERM: one word, no traceback, no process left."""
    children = started.await_start()
    assert len(children) == 5
    started.process.send_signal(number)
    left, said = started.end()
    assert left == code
    assert said.splitlines() == [
        "Rule set 1 is in force.",
        "Running devices, customers, identity, look-ups, outbox. Saved files count at once. Ctrl-C stops.",
        "Stopped.",
    ]
    assert gone(children)


def test_a_rule_that_is_saved_counts_at_once(started, folder):
    """While all goes on: the new set is published, and told with the rule that changed."""
    children = started.await_start()
    rule = folder / "rules" / "engine-overheating.yaml"
    rule.write_text(rule.read_text().replace("coolant_c >= 118", "coolant_c >= 117"))
    assert started.process.stderr.readline() == "Rule set 2 is in force:\n"
    change = "severity.critical.when coolant_c >= 118 → coolant_c >= 117"
    assert started.process.stderr.readline() == f"  ~ rule engine-overheating: {change}\n"
    started.process.send_signal(signal.SIGTERM)
    assert started.end()[0] == 0
    assert gone(children)


def test_when_one_dies_all_are_stopped_and_its_name_is_told(started):
    """Exit code 3, and a paragraph that says which and how."""
    children = started.await_start()
    children[1].kill()
    code, said = started.end()
    assert code == 3
    assert "The process 'customers' was killed by signal 9, so all were stopped" in said
    assert gone(children)


def test_children_do_not_outlive_a_parent_that_was_killed(started):
    """Even a kill that nobody can handle leaves no flow running unwatched."""
    children = started.await_start()
    started.process.kill()
    assert gone(children)


def test_a_process_that_cannot_start_says_what_to_do(folder):
    """The error of the child, its exit code, and no traceback: here another holds the outbox's ledger."""
    ledger = Ledger(folder / "state" / "outbox.db")
    try:
        running = Running(folder, "connector", "outbox")
        code, said = running.end()
    finally:
        ledger.close()
    assert code == 2
    assert "The process 'outbox' ended with exit code 2" in said
    assert "is in use: another process runs this connector" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("started", [("--processes", "2")], indirect=True)
def test_the_devices_flow_can_be_divided_among_processes(started, folder):
    """Both processes find each other, and every partition is read."""
    children = started.await_start()
    assert len(children) == 5
    topics = SqliteTopics(folder / "state" / "topics.db")
    until = time.monotonic() + PATIENCE_S
    while len(topics.committed("telltale-devices", "telemetry")) < 4:
        assert time.monotonic() < until
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.process.wait(0.2)
        assert started.process.returncode is None
    started.process.send_signal(signal.SIGTERM)
    code, said = started.end()
    assert code == 0
    assert "Running devices-0, devices-1, customers, identity, look-ups." in said
    assert gone(children)
