"""Reading `purposes.yaml`: why we may write, and how often."""

from __future__ import annotations

import re
from collections.abc import Collection

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_entries
from flows.rules.model import Budget, Purpose
from flows.stream_files import DASHED_NAME

LANES = ("urgent", "normal", "bulk")
_LATER_OF_PURPOSE = ("sticky", "zone")
_OF_PURPOSE = ("lane", "valid_for", "rules", "consent", "quiet_hours", "budget")
_QUIET = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)\Z")
# What somebody in danger is not asked about.
_NOT_FOR_SAFETY = ("consent", "quiet_hours", "budget")


def read_purposes(document: Located, mistakes: Mistakes) -> dict[str, Purpose]:
    """The purposes of a document `purposes: {safety: {lane: urgent, rules: […]}, service: {}}`."""
    fields = Fields(document, mistakes, ("purposes", "budgets"))
    if not fields.require("purposes"):
        return {}
    at = fields.entries["purposes"]
    below = fields.entries.get("budgets")
    budgets = list(below.value) if below is not None and isinstance(below.value, dict) else []
    entries = read_entries(at, mistakes).items()
    return {name: _purpose(name, below, at, budgets, mistakes) for name, below in entries}


def read_budgets(document: Located, mistakes: Mistakes) -> dict[str, Budget]:
    """The budgets that stand beside the purposes: `budgets: {marketing: {at_most: 2, every: 7d, window: 10m}}`."""
    at = document.value.get("budgets") if isinstance(document.value, dict) else None
    if at is None:
        return {}
    found: dict[str, Budget] = {}
    for name, below in read_entries(at, mistakes).items():
        if not DASHED_NAME.match(name):
            hint = "Use small letters, digits, - _ and dots."
            mistakes.add(at, f"{name!r} cannot be a budget", hint, key=name)
        budget = _budget(name, below, mistakes)
        found |= {} if budget is None else {name: budget}
    return found


def _budget(name: str, at: Located, mistakes: Mistakes) -> Budget | None:
    """One budget."""
    fields = Fields(at, mistakes, ("at_most", "every", "window"))
    complete = fields.require("at_most", "every")
    at_most, every = fields.whole("at_most", 1, 1_000_000), fields.duration("every", 1000, 366 * DAY)
    window = fields.duration("window", 1000, 7 * DAY)
    if every is not None and window is not None and window > every:
        fields.wrong("window", "it waits longer than the budget counts", "Make it shorter than `every`.")
    if not complete or at_most is None or every is None:
        return None
    return Budget(name=name, at_most=at_most, every=every, window=window)


def _purpose(name: str, at: Located, above: Located, budgets: Collection[str], mistakes: Mistakes) -> Purpose:
    """One purpose."""
    if not DASHED_NAME.match(name):
        mistakes.add(
            above, f"{name!r} cannot be a purpose", "Use small letters, digits, - _ and dots.", key=name
        )
    if at.value is None and name != "safety":
        return Purpose(name=name)
    fields = Fields(at, mistakes, _OF_PURPOSE, _LATER_OF_PURPOSE)
    if name == "safety":
        fields.require("rules")
        for field in _NOT_FOR_SAFETY:
            if field in fields.entries:
                fields.wrong(field, f"safety is held back by no {field!r}", "Remove it.")
    budget, consent = fields.text("budget"), fields.text("consent")
    if budget and budget not in budgets:
        hint = (
            did_you_mean(budget, budgets)
            if budgets
            else "Declare it: `budgets: {NAME: {at_most: 2, every: 7d}}`."
        )
        fields.wrong("budget", f"the budget {budget!r} is not declared", hint)
    if consent and not DASHED_NAME.match(consent):
        fields.wrong("consent", f"{consent!r} names no consent", "Use small letters, digits, - _ and dots.")
    return Purpose(
        name=name,
        lane=fields.one_of("lane", LANES, "normal"),
        valid_for=fields.duration("valid_for", 1000, 366 * DAY),
        rules=fields.texts("rules") if fields.has("rules") else None,
        consent=consent or None,
        quiet_hours=_quiet_hours(fields),
        budget=budget or None,
    )


def _quiet_hours(fields: Fields) -> tuple[str, str] | None:
    """Two times of day; the second may lie in the next day."""
    text = fields.text("quiet_hours")
    if not text:
        return None
    found = _QUIET.match(text)
    if found is None or found[1] == found[2]:
        fields.wrong("quiet_hours", "not two times of day", 'Write e.g. "21:00-08:00".')
        return None
    return found[1], found[2]
