"""The outbox folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.folder import Folder
from flows.errors import OutboxUnwritable
from tests.unit.connectors.examples import an_action


def test_a_file_lies_under_its_kind_with_date_and_id(tmp_path: Path) -> None:
    """The path is made of the action alone, so that a repeat meets the same file."""
    folder = Folder(tmp_path)
    assert not folder.has(an_action())
    reference = folder.put(an_action(), "text\n")
    folder.settle()
    assert reference == "notify/2026-01-01-000000000000000000000001.txt"
    assert (tmp_path / reference).read_text() == "text\n"
    assert folder.has(an_action())


def test_a_repeat_replaces_the_file_whole(tmp_path: Path) -> None:
    """The same action written again is still one file."""
    folder = Folder(tmp_path)
    for text in ("a long first text\n", "short\n"):
        folder.put(an_action(), text)
    assert [path.read_text() for path in tmp_path.rglob("*.txt")] == ["short\n"]
    assert not list(tmp_path.rglob("*.part"))


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    """A part file of a dead process does not stay, and does not count as sent."""
    (tmp_path / "notify").mkdir()
    half = tmp_path / "notify" / ".2026-01-01-000000000000000000000001.txt.part"
    half.write_text("hal")
    assert not Folder(tmp_path).has(an_action())
    assert not half.exists()


def test_a_time_that_no_calendar_holds_has_a_place_too(tmp_path: Path) -> None:
    """An event time beyond the calendar neither stops the connector nor loses the action."""
    assert Folder(tmp_path).put(an_action(at=1 << 70), "text\n").startswith("notify/undated-")


def test_a_folder_that_cannot_be_written_says_which_and_how_to_mend(tmp_path: Path) -> None:
    """A file where the folder should be is an error that names the setting."""
    (tmp_path / "outbox").write_text("")
    with pytest.raises(OutboxUnwritable, match=r"outbox\.folder"):
        Folder(tmp_path / "outbox")
    folder = Folder(tmp_path / "other")
    (tmp_path / "other" / "notify").write_text("")
    with pytest.raises(OutboxUnwritable, match="notify"):
        folder.put(an_action(), "text\n")
