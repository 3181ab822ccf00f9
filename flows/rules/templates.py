"""Texts with holes, `{name}` or `{name:.1f}`, as in `explain` and in the parameters of actions.

A hole is a known name and a width, a precision and a letter at most: no attributes, no indexes, no calls.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from string import Formatter

from flows.documents import Located, Mistakes
from flows.durations import format_duration
from flows.fields import did_you_mean
from flows.schema import Value

MAX_TEXT = 2000
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,3}\Z")
_FORMAT = re.compile(r"(?:[-+])?\d{0,2},?(?:\.\d)?[dfeg%]?\Z")
_MISSING = "unknown"


def holes(text: str) -> list[tuple[str, str]]:
    """The names and formats of a text's holes; raises ValueError for a text that is no template."""
    found: list[tuple[str, str]] = []
    for _, name, form, conversion in Formatter().parse(text):
        if name is None:
            continue
        if conversion is not None or not _NAME.match(name) or not _FORMAT.match(form or ""):
            raise ValueError(f"{{{name}}} cannot be filled")
        found.append((name, form or ""))
    return found


def read_template(
    at: Located, known: Mapping[str, object], prefixes: tuple[str, ...], mistakes: Mistakes
) -> set[str]:
    """The names a text asks for; unknown ones are noted. `prefixes` begin names known only when they come."""
    text = at.value if isinstance(at.value, str) else ""
    if len(text) > MAX_TEXT:
        mistakes.add(at, f"longer than {MAX_TEXT} characters", "Shorten it.")
        return set()
    try:
        names = {name for name, _ in holes(text)}
    except ValueError as error:
        hint = "Write {name} or {name:.1f}, and {{ for a brace."
        mistakes.add(at, f"not a text that can be filled in ({error})", hint)
        return set()
    for name in sorted(names):
        if name not in known and not name.startswith(prefixes or ("\0",)):
            mistakes.add(at, f"{{{name}}} is not known here", did_you_mean(name, known.keys()))
    return names


def fill(text: str, values: Mapping[str, Value]) -> str:
    """The text with its holes filled; a missing value is `unknown`.

    `duration` is made of `duration_ms`; a format is applied to numbers alone. Raises ValueError for a text
    that is no template, which the loader has ruled out.
    """
    parts: list[str] = []
    for literal, name, form, _ in Formatter().parse(text):
        parts.append(literal)
        if name is not None:
            parts.append(_shown(name, form or "", values))
    return "".join(parts)


def _shown(name: str, form: str, values: Mapping[str, Value]) -> str:
    """One value as text."""
    value = values.get(name)
    if value is None and name == "duration":
        ms = values.get("duration_ms")
        return _MISSING if ms is None or isinstance(ms, str) else format_duration(ms)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if form:
        return format(round(value) if form.endswith("d") else value, form)
    return str(int(value)) if value == int(value) else f"{value:.10g}"
