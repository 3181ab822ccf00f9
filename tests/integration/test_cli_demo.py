"""`telltale demo` as `make demo` runs it, in a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A whole demonstration in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", "demo", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TELLTALE_TENANT": "somebody-else"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.slow
def test_the_demonstration_shows_the_whole_loop_and_ends_well(tmp_path):
    """Plain lines while it runs; then all that was planted came, what was done, and why and why not, and who is who."""
    shown = demo(tmp_path, "--seconds", "8")
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout[-3000:] + shown.stderr
    assert "\x1b" not in shown.stdout
    assert re.search(r"^alarm  veh-\d+  engine-overheating  raised: warning  10 readings", shown.stdout, re.M)
    assert re.search(r"^done   open_case  accepted  Engine overheating on veh-\d+$", shown.stdout, re.M)
    assert re.search(r"^All \d+ planted alarms came, nothing else did", shown.stdout, re.M)
    people_are_shown(shown.stdout)
    for heading in (
        "planted ",
        "alarms ",
        "actions ",
        "dead letters ",
        "Why something was done",
        "Why something was not",
    ):
        assert re.search(rf"^{heading}", shown.stdout, re.M), heading
    assert list((tmp_path / "demo" / "outbox").glob("open_case/*.txt"))
    look = subprocess.run(
        [sys.executable, "-m", "flows.cli", "topics", "list", "-c", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "decisions" in look.stdout


def people_are_shown(said: str) -> None:
    """Two merges and a split with reasons, what they change, and a reminder that rests; then all is as planned."""
    assert re.search(r"^merge  web-\w+ is p\d+@example.com  page.viewed names both$", said, re.M)
    assert re.search(r"^merge  S-\d+ is C-\d+  the same phone and birth date in shop and crm$", said, re.M)
    assert re.search(
        r"^split  C-\d+ is not S-\d+  email:office.* is shared: it stands beside 4 accounts", said, re.M
    )
    assert re.search(r"^rests  notify  .*quiet: marketing.cart rests because of complaint-quiet$", said, re.M)
    assert len(re.findall(r"^done   notify  accepted  cart-waiting \(S-\d+\)$", said, re.M)) == 1
    assert re.search(r"so the complaint of C-\d+ is that of a good customer, and somebody calls", said)
    assert re.search(
        r"^Everybody is who they are; what was due to each was done, and nothing else", said, re.M
    )
    assert len(re.findall(r"^  telltale identity why(?:-not)? \S+ \S+ -c ", said, re.M)) == 3


def test_a_folder_that_is_not_the_demonstrations_is_left_alone(tmp_path):
    """Exit code 2, and what is in it stays."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine").touch()
    shown = demo(tmp_path)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "--folder" in shown.stderr
    assert (tmp_path / "demo" / "mine").exists()
