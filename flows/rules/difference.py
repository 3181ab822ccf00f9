"""What differs between two rule sets: rules added, removed and changed, and all that they refer to likewise.

It compares what the files say as plain data, without comments, layout and the order of the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import msgspec

from flows.rules.load import Documents

How = Literal["added", "removed", "changed"]
_SIGNS: dict[How, str] = {"added": "+", "removed": "-", "changed": "~"}
_SHORT = 40
# (document, field, what one entry below it is called)
_NAMED = (
    ("streams", "streams", "stream"),
    ("streams", "events", "event"),
    ("purposes", "purposes", "purpose"),
    ("purposes", "budgets", "budget"),
    ("profile", "values", "value"),
    ("profile", "streams", "stream aggregate"),
    ("profile", "places", "place"),
    ("look_ups", "look_ups", "look-up"),
    ("sources", "sources", "source"),
    ("identity", "kinds", "kind of identifier"),
)
# (document, field) of what has no entries with names of their own
_WHOLE = (("profile", "position"), ("sources", "reconcile"), ("identity", "match"))


class Changed(msgspec.Struct, frozen=True):
    """One thing that differs: what kind of thing it is, its name, and of a changed one each part that differs."""

    kind: str
    name: str
    how: How
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line: `~ rule engine-overheating: when.run 10 → 12, tests`."""
        parts = f": {', '.join(self.parts)}" if self.parts else ""
        return f"{_SIGNS[self.how]} {self.kind} {self.name}{parts}"


def difference(old: Documents, new: Documents) -> tuple[Changed, ...]:
    """What a change from one set of documents to another does, rules first, by name."""
    found = [*_between("rule", _by_name(old.rules), _by_name(new.rules))]
    for document, field, kind in _NAMED:
        found += _between(kind, _below(getattr(old, document), field), _below(getattr(new, document), field))
    for document, field in _WHOLE:
        parts = ({field: each[field]} if field in each else {} for each in _both(old, new, document))
        found += _between(document, *parts)
    return tuple(found)


def changes(old: Documents, new: Documents) -> list[str]:
    """The lines that tell what a change does from one set of documents to another that does not say the same."""
    found = [str(each) for each in difference(old, new)]
    return found or ["~ only the names of files or the order of declarations"]


def _both(old: Documents, new: Documents, document: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A document of each set."""
    return getattr(old, document), getattr(new, document)


def _by_name(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Rules by their names: a file that is called otherwise holds the same rule."""
    return {str(plain.get("rule", file)): plain for file, plain in rules.items()}


def _below(document: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The entries under a field of a document, if it has them."""
    return document.get(field) or {}


def _between(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Changed]:
    """What differs between two mappings of things by name."""
    for name in sorted({*old, *new}):
        if name not in old:
            yield Changed(kind, name, "added")
        elif name not in new:
            yield Changed(kind, name, "removed")
        elif not _same(old[name], new[name]):
            yield Changed(kind, name, "changed", tuple(_parts(old[name], new[name])))


def _parts(old: object, new: object, path: str = "") -> Iterator[str]:
    """The parts that differ, each by its path, with both values where they are short; of lists only that they do."""
    before, after = _mapping(old), _mapping(new)
    if before is not None and after is not None:
        yield from _of_mappings(before, after, path)
        return
    yield f"{path} {_told(old)} → {_told(new)}".strip() if _short(old) and _short(new) else path


def _of_mappings(old: Mapping[str, object], new: Mapping[str, object], path: str) -> Iterator[str]:
    """The parts of two mappings that differ, and whether they only stand in another order."""
    for name in dict.fromkeys((*old, *new)):
        below = f"{path}.{name}" if path else name
        if name not in new:
            yield f"{below} removed"
        elif name not in old:
            yield f"{below} added"
        elif not _same(old[name], new[name]):
            yield from _parts(old[name], new[name], below)
    if list(old) != list(new) and old.keys() == new.keys():
        yield f"the order of {path or 'its fields'}"


def _mapping(part: object) -> dict[str, object] | None:
    return cast("dict[str, object]", part) if isinstance(part, dict) else None


def _same(old: object, new: object) -> bool:
    """Whether two parts say the same, in the same order: that of severities has a meaning."""
    return msgspec.json.encode(old) == msgspec.json.encode(new)


def _short(part: object) -> bool:
    return part is None or (isinstance(part, str | int | float) and len(str(part)) <= _SHORT)


def _told(part: object) -> str:
    if isinstance(part, bool):
        return "true" if part else "false"
    return "nothing" if part is None else str(part)
