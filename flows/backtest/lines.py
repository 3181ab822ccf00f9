"""Alarms of a backtest as JSON, one a line."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from flows.backtest.difference import Differing, How, Side
from flows.schema import Alarm, Evidence, Transition, encode


class AlarmLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alarm as `telltale backtest --json` prints it.

    `at` and `opened_at` are ms since the epoch, `time` is `at` as RFC 3339 (None beyond the year 9999), `line` that
    of the archive whose reading caused it. With another rule set beside it, `side` says whose alarm it is, and
    `difference` in what it differs.
    """

    side: Side | msgspec.UnsetType = msgspec.UNSET
    difference: How | msgspec.UnsetType = msgspec.UNSET
    device: str
    rule: str
    transition: Transition
    severity: str | None
    at: int
    time: str | None
    episode: str
    number: int
    opened_at: int
    line: int | None = None
    reason: str | None = None
    dry_run: bool = False
    explanation: str = ""
    evidence: Evidence


def json_line(alarm: Alarm, differing: Differing | None = None) -> str:
    """One alarm as one line of JSON."""
    line = AlarmLine(
        side=differing.side if differing else msgspec.UNSET,
        difference=differing.how if differing else msgspec.UNSET,
        device=alarm.device,
        rule=alarm.rule,
        transition=alarm.transition,
        severity=alarm.severity,
        at=alarm.at,
        time=rfc3339(alarm.at),
        episode=alarm.episode,
        number=alarm.number,
        opened_at=alarm.opened_at,
        line=alarm.offset,
        reason=alarm.reason,
        dry_run=alarm.dry_run,
        explanation=alarm.explanation,
        evidence=alarm.evidence,
    )
    return encode(line).decode()


def rfc3339(at: int) -> str | None:
    """A time in ms as RFC 3339, UTC; None for what no calendar holds."""
    try:
        return (
            datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
    except (ValueError, OverflowError, OSError):
        return None
