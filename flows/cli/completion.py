"""What the shell may complete: names of topics, rules and streams, as far as they are cheap to know.

A completion says nothing and breaks nothing: where the names cannot be told, there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flows.errors import TelltaleError
from flows.settings import Settings

_RULE = re.compile(r"^rule: *[\"']?([A-Za-z0-9_.-]+)", re.MULTILINE)
_MOST_BYTES = 1 << 16


def topic_names(incomplete: str) -> list[str]:
    """Of the embedded bus, which is quick to ask."""
    from flows.topics.open import open_topics

    settings = _settings()
    if (
        settings is None
        or settings.topics.bus != "sqlite"
        or not settings.path(settings.topics.path).exists()
    ):
        return []
    try:
        return _beginning(incomplete, open_topics(settings).list())
    except TelltaleError:
        return []


def rule_names(incomplete: str) -> list[str]:
    """Of the files in the folder of the rules, however wrong the rest of them is."""
    settings = _settings()
    if settings is None:
        return []
    found: list[str] = []
    try:
        for file in sorted(settings.path(settings.rules).glob("*.y*ml")):
            with file.open(encoding="utf-8", errors="replace") as text:
                found += _RULE.findall(text.read(_MOST_BYTES))
    except OSError:
        return []
    return _beginning(incomplete, found)


def stream_names(incomplete: str) -> list[str]:
    """Of streams.yaml, if it can be read."""
    from flows.stream_files import load_streams

    settings = _settings()
    if settings is None:
        return []
    try:
        return _beginning(incomplete, load_streams(settings.path(settings.streams)))
    except TelltaleError:
        return []


def _settings() -> Settings | None:
    """The settings of the environment or of this folder."""
    from flows.cli.options import settings_of

    try:
        return settings_of(None)
    except TelltaleError:
        return None


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


def group_names(incomplete: str) -> list[str]:
    """The consumer groups."""
    from flows.cli.topics import GROUPS

    return _beginning(incomplete, GROUPS)
