"""Reading `limits:`, how often a rule may act, and `share:` and `hold_out:`, for how many customers it does."""

from __future__ import annotations

import re
from typing import Any, cast

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, read_items
from flows.rules.model import Limit

MAX_LIMITS = 16
PER = ("device", "customer", "rule")
SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%\Z")


def read_limits(at: Located, mistakes: Mistakes) -> tuple[Limit, ...]:
    """`[{per: rule, at_most: 10000, every: 1h}]`; one per rule is mandatory."""
    found: list[Limit] = []
    whole = True
    for item in read_items(at, mistakes, MAX_LIMITS):
        fields = Fields(item, mistakes, ("per", "at_most", "every"))
        complete = fields.require("per", "at_most", "every")
        per = fields.one_of("per", PER, "rule" if complete else "")
        at_most, every = fields.whole("at_most", 1, 1_000_000_000), fields.duration("every", 1000, 366 * DAY)
        if not complete or at_most is None or every is None:
            whole = False
            continue
        found.append(Limit(per=cast("Any", per), at_most=at_most, every=every))
    if whole and all(limit.per != "rule" for limit in found):
        hint = "Add e.g. `{per: rule, at_most: 10000, every: 1h}`."
        mistakes.add(at, "a limit per rule is missing, so nothing bounds the rule", hint)
    return tuple(found)


def read_share(fields: Fields, name: str, default: float, *, all_of_it: bool) -> float:
    """A part of 1, written `1 %` or 0.01; all of it only where that makes sense, nothing of it only where not."""
    at = fields.get(name)
    if at is None:
        return default
    value = at.value
    if isinstance(value, str):
        percent = SHARE.match(value)
        value = float(percent[1]) / 100 if percent else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        fields.wrong(name, f"{at.plain()!r} is no share", "Write it as `5 %` or as 0.05.")
        return default
    if not (0 < value <= 1 if all_of_it else 0 <= value < 1):
        fields.wrong(name, "out of bounds", "Write it as `5 %` or as 0.05, between nothing and all.")
        return default
    return float(value)
