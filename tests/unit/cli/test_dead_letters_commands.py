"""`telltale dead-letters`: what could not be handled, by reason, and its bytes as they came."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.schema import DeadLetter


@pytest.fixture
def letters(bus):
    """Two that are not JSON and one from the future, in one partition."""
    writer = bus.writer()
    for n, (reason, value) in enumerate(
        [("not_json", b"\xff\xfe broken \x1b[31m"), ("future", b'{"at":1}'), ("not_json", b"x" * 500)]
    ):
        letter = DeadLetter(
            topic="telemetry", partition=2, offset=n, reason=reason, message=f"said {n}", value=value
        )
        writer.write("dead-letters", value, headers=letter.headers(), partition=1)
    writer.close()
    return bus


@pytest.mark.usefixtures("letters")
def test_the_list_shows_reason_source_and_a_preview(telltale):
    """One row each, nothing that steers a terminal, and the counts by reason beside it."""
    said = telltale("dead-letters", "list")
    assert said.lines[0].split() == ["place", "at", "reason", "from", "said", "message"]
    assert [line.split()[0] for line in said.lines[1:]] == ["1/0", "1/1", "1/2"]
    assert "telemetry/2/0" in said.lines[1]
    assert "said 0" in said.lines[1]
    assert "\x1b" not in said.out
    assert max(map(len, said.lines)) < 200
    assert said.err == "3 of 3 dead letters shown; by reason: not_json 2, future 1.\n"


def test_what_stood_in_no_partition_is_from_its_topic(telltale, bus):
    """An action that a step could not take was never written."""
    letter = DeadLetter(
        topic="actions.*.*", partition=-1, offset=-1, reason="step_failed", message="no", value=b"{}"
    )
    writer = bus.writer()
    writer.write("dead-letters", b"{}", headers=letter.headers(), partition=1)
    writer.close()
    (row,) = telltale("dead-letters", "list", "-o", "json").lines
    assert json.loads(row)["from"] == "actions.*.*"


@pytest.mark.usefixtures("letters")
def test_the_list_can_be_narrowed_to_a_reason(telltale):
    """And to the newest; a reason that nobody has brings the nearest."""
    rows = [
        json.loads(line) for line in telltale("dead-letters", "list", "-r", "not_json", "-o", "json").lines
    ]
    assert [(row["place"], row["reason"]) for row in rows] == [("1/0", "not_json"), ("1/2", "not_json")]
    assert len(telltale("dead-letters", "list", "-n", "1", "-o", "json").lines) == 1
    wrong = telltale("dead-letters", "list", "--reason", "not-json")
    assert wrong.code == 2
    assert "Did you mean 'not_json'?" in wrong.err


@pytest.mark.usefixtures("bus")
def test_no_dead_letters_is_good_news(telltale):
    """An empty list says why it is empty."""
    said = telltale("dead-letters", "list")
    assert (said.code, said.out) == (0, "")
    assert "No message was refused" in said.err


@pytest.mark.usefixtures("letters")
@pytest.mark.usefixtures("letters")
def test_show_prints_the_original_bytes_and_nothing_else_on_standard_output():
    """So that they can be piped into a file; where they came from and why stands on standard error."""
    shown = subprocess.run(
        [sys.executable, "-m", "flows.cli", "dead-letters", "show", "1/0"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert shown.stdout == b"\xff\xfe broken \x1b[31m"
    assert b"exception.class.name: not_json" in shown.stderr
    assert b"offset: 0" in shown.stderr


@pytest.mark.parametrize(
    ("place", "needle"), [("7", "is no place"), ("a/b", "is no place"), ("1/99", "'1/99'"), ("9/0", "'9/0'")]
)
@pytest.mark.usefixtures("letters")
def test_a_place_that_is_none_is_refused(telltale, place, needle):
    """Exit code 2, and where to find the right one."""
    said = telltale("dead-letters", "show", place)
    assert (said.code, said.out) == (2, "")
    assert needle in said.err
