"""What is logged, on standard error: by processes as it came or to be read, by a command to be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from flows.cli.show import harmless, paragraph, say

_OWN = ("event", "level", "timestamp")


def hand_on() -> Callable[[str, str], None]:
    """What prints a line of a child on standard error."""
    return _to_terminal if sys.stderr.isatty() else _as_it_came


def log_to_read() -> None:
    """Let what flows' objects log within a command be said: standard output is for results."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, _line], logger_factory=lambda *_: _Said()
    )


class _Said:
    """A logger for structlog that says its lines."""

    @staticmethod
    def msg(line: str) -> None:
        say(line)

    debug = info = warning = error = critical = exception = msg


def _line(_logger: object, _method: str, said: Mapping[str, Any]) -> str:
    return _as_line(said)


def _as_it_came(name: str, line: str) -> None:  # noqa: ARG001 - a JSON line says itself where it is from
    print(line, file=sys.stderr, flush=True)


def _to_terminal(name: str, line: str) -> None:
    if line:
        paragraph(f"{name:<10} {readable(line)}", sys.stderr, below=" " * 11)


def readable(line: str) -> str:
    """A line of JSON as `level: event  name=value`; any other as it is."""
    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return harmless(line)
    return _as_line(said)


def _as_line(said: Mapping[str, Any]) -> str:
    # The paragraph that the process leaves with tells the reason anew.
    left_out = (*_OWN, "reason") if said.get("event") == "step failed" else _OWN
    rest = "".join(f"  {name}={value}" for name, value in said.items() if name not in left_out)
    return harmless(f"{said.get('level', 'info')}: {said.get('event', '')}{rest}")
