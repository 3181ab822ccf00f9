"""Durations as people write them: `500ms`, `10s`, `1h30m`, `7d`."""

from __future__ import annotations

import re

_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?(?:(\d{1,6})ms)?\Z")


def parse_duration(text: str) -> int | None:
    """The milliseconds of a duration, its units from large to small (d h m s ms); None if it is not one."""
    match = _DURATION.match(text)
    if match is None or not text:
        return None
    return sum(int(part) * ms for part, ms in zip(match.groups(), _MS.values(), strict=True) if part)


def format_duration(ms: float) -> str:
    """Milliseconds as `1h30m`, at most two units, as a person would say it; 0 is `0s`."""
    left = round(abs(ms))
    parts: list[str] = []
    for unit, size in _MS.items():
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size}{unit}")
            left %= size
        elif parts:
            break
    return ("-" if ms < 0 and parts else "") + ("".join(parts) or "0s")
