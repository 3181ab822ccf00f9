"""How things are printed: aligned, plain where nobody looks on, and never what steers a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cli import logs, show
from flows.cli.options import Output


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch):
    """Does something with standard output as a terminal of 40 columns, and returns what it printed."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def shown(act, *arguments) -> str:
        with monkeypatch.context() as patched:
            out = Terminal()
            patched.setattr("sys.stdout", out)
            act(*arguments)
        return out.getvalue()

    return shown


ROWS = [{"name": "a", "long_text": "word " * 20}, {"name": "bcd", "long_text": "x"}]


def test_a_terminal_gets_a_bold_header_and_lines_that_fit(on_terminal):
    """A line that is too long is cut and says so."""
    lines = on_terminal(show.rows, ROWS, Output.table, "").splitlines()
    assert lines[0].startswith("\x1b[1mname  long text")
    assert len(lines[1]) == 40
    assert lines[1].endswith("…")


def test_a_wide_column_leaves_the_last_one_room(on_terminal):
    """Also the end of a row can be read; what is narrow stays whole."""
    row = {"place": "0/1", "said": "s" * 60, "message": "m" * 60}
    _, line = on_terminal(show.rows, [row], Output.table, "").splitlines()
    assert line == "0/1    " + "s" * 23 + "…  " + "m" * 6 + "…"


def test_remarks_are_as_wide_as_their_own_terminal(monkeypatch):
    """Standard output may be piped away meanwhile, and its width is then none."""
    monkeypatch.delenv("COLUMNS", raising=False)
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    with os.fdopen(follower, "w", encoding="utf-8") as terminal, os.fdopen(leader, "rb") as screen:
        show.paragraph("word " * 18, terminal)
        lines = os.read(screen.fileno(), 1000).decode().splitlines()
    assert [len(line) for line in lines] == [49, 39]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_colours_gets_none(on_terminal, monkeypatch, name, value):
    """NO_COLOR and TERM=dumb are heeded."""
    monkeypatch.setenv(name, value)
    out = on_terminal(show.rows, ROWS, Output.table, "")
    assert "…" in out
    assert "\x1b" not in out


def test_what_is_piped_is_whole_and_plain(capsys):
    """Nothing is cut and nothing is coloured."""
    show.rows(ROWS, Output.table, "")
    out = capsys.readouterr().out
    assert ROWS[0]["long_text"].strip() in out
    assert "\x1b" not in out


def test_a_paragraph_is_broken_between_words_on_a_terminal_alone(on_terminal, capsys):
    """Lines that were there stay, and a list stays indented."""
    text = "one two three four five six seven eight nine ten\n  - eleven twelve thirteen fourteen fifteen sixteen"
    assert on_terminal(show.paragraph, text).splitlines() == [
        "one two three four five six seven eight",
        "nine ten",
        "  - eleven twelve thirteen fourteen",
        "  fifteen sixteen",
    ]
    show.say(text)
    assert capsys.readouterr().err == text + "\n"


@given(st.text())
def test_shown_text_is_one_printable_line(text):
    """Whatever a device or customer put into it."""
    shown = show.harmless(text)
    assert len(shown) == len(text)
    assert all(character.isprintable() for character in shown)


def test_a_time_no_calendar_holds_stays_a_number():
    """A device's clock may say anything."""
    assert show.time_of(10**17) == f"{10**17} ms"
    assert show.time_of(1_772_352_140_000) == "2026-03-01 08:02:20"


def test_a_json_log_line_is_made_readable_and_any_other_is_left():
    """For a terminal: level, event, then the rest."""
    line = '{"event": "step failed", "level": "error", "timestamp": "2026", "step": "shards", "part": "vehicle/0"}'
    assert logs.readable(line) == "error: step failed  step=shards  part=vehicle/0"
    assert logs.readable("thread 'main' panicked") == "thread 'main' panicked"
    assert logs.readable("[1]") == "[1]"
