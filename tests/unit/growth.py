"""Whether a JSON Schema of messages has only grown: what was readable before must be, and what was there must be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_ABOUT = {"title", "description", "default"}
_KNOWN = {
    "type", "properties", "required", "items", "prefixItems", "additionalProperties", "enum", "const", "anyOf",
    "$ref", "contentEncoding", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "minLength", "maxLength", "pattern",
} | _ABOUT  # fmt: skip
_LEAST = ("minItems", "minimum", "exclusiveMinimum", "minLength")
_MOST = ("maxItems", "maximum", "exclusiveMaximum", "maxLength")


def narrowed(old: Schema, new: Schema) -> list[str]:
    """What the new schema takes away from the old one, each by its path; empty when it only adds."""
    found: list[str] = []
    for name, struct in old["$defs"].items():
        if name not in new["$defs"]:
            found.append(f"{name}: removed")
        else:
            found += _narrower(struct, new["$defs"][name], name)
    return found


def _narrower(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """What of one schema is lost in another."""
    unknown = sorted({*old, *new} - _KNOWN)
    if unknown:
        yield f"{path}: this comparison does not know {', '.join(unknown)}"
        return
    alternatives = new.get("anyOf", [new])
    for each in old.get("anyOf", [old]):
        losses = [list(_lost(each, other, path)) for other in alternatives]
        if all(losses):
            yield from min(losses, key=len)


def _lost(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """What one alternative loses in another."""
    if not set(new) - _ABOUT:
        return
    if not set(old) - _ABOUT:
        yield f"{path}: could be anything"
        return
    if old.get("$ref") != new.get("$ref"):
        yield f"{path}: was {_called(old)}"
        return
    if "$ref" in old:
        return
    yield from _words(old, new, path)
    if _type(old) != _type(new) and (_type(old), _type(new)) != ("integer", "number"):
        yield f"{path}: was {_called(old)}"
        return
    for name in ("pattern", "contentEncoding"):
        if new.get(name) is not None and old.get(name) != new.get(name):
            yield f"{path}: {name} {new[name]}"
    for names, tighter in ((_LEAST, max), (_MOST, min)):
        for name in names:
            if name in new and (name not in old or tighter(old[name], new[name]) != old[name]):
                yield f"{path}: {name} {new[name]}"
    yield from _fields(old, new, path)
    yield from _items(old, new, path)


def _words(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """Members of an enum."""
    before, after = ([*each["enum"]] if "enum" in each else None for each in (old, new))
    if after is not None and before is None:
        yield f"{path}: is one of a list now"
    for word in before or ():
        if after is not None and word not in after:
            yield f"{path}: {word!r} removed"


def _fields(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """Fields of a struct, and values of a mapping."""
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{path}.{name}: removed"
        else:
            yield from _narrower(field, new["properties"][name], f"{path}.{name}")
    for name in new.get("required", []):
        if name not in old.get("required", []):
            yield f"{path}.{name}: newly required"
    before, after = old.get("additionalProperties", {}), new.get("additionalProperties", {})
    if isinstance(before, bool) or isinstance(after, bool):
        if after is False and before is not False:
            yield f"{path}: takes no other fields now"
    else:
        yield from _narrower(before, after, f"{path}.*")


def _items(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """Items of a list, and of a struct that is written as one."""
    yield from _narrower(old.get("items", {}), new.get("items", {}), f"{path}[]")
    before, after = old.get("prefixItems", []), new.get("prefixItems", [])
    for i, item in enumerate(before):
        if i >= len(after):
            yield f"{path}[{i}]: removed"
        else:
            yield from _narrower(item, after[i], f"{path}[{i}]")


def _type(schema: Schema) -> str:
    """The type, which a list of words does not need to say."""
    words = all(isinstance(word, str) for word in schema.get("enum", [0]))
    return schema.get("type", "string" if words else "")


def _called(schema: Schema) -> str:
    return str(schema.get("$ref", schema.get("type", "a word"))).rpartition("/")[2]
