"""What child processes log, handed on: as it came to a collector, as a line to read on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec

from flows.cli.show import harmless, paragraph

_OWN = ("event", "level", "timestamp")


def hand_on() -> Callable[[str, str], None]:
    """What prints a line of a child on standard error."""
    return _to_terminal if sys.stderr.isatty() else _as_it_came


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
    # The paragraph that the process leaves with tells the reason anew.
    left_out = (*_OWN, "reason") if said.get("event") == "step failed" else _OWN
    rest = "".join(f"  {name}={value}" for name, value in said.items() if name not in left_out)
    return harmless(f"{said.get('level', 'info')}: {said.get('event', '')}{rest}")
