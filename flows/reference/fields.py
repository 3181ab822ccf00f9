"""The fields of the YAML files as the pages show them, from their JSON Schemas."""

from __future__ import annotations

from typing import Any, cast

from flows.reference.markdown import code, table
from flows.rules.json_schema import KINDS, schema_of

Schema = dict[str, Any]

# What schemas add to each description of these, and the pages say once.
_DURATION = " A duration, e.g. 500ms, 10s, 1h30m, 7d."
_CONDITION = " For example `coolant_c >= device.hot_c`."
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
}


def made(kind: str, *path: str) -> str:
    """The fields of one mapping of a file; `path` leads to it, `*` is any entry of a list or of named things."""
    schema: Schema = schema_of(next(each for each in KINDS if each == kind))
    for step in path:
        schema = _below(schema, step)
    required = set(schema.get("required", ()))
    rows = (
        (code(name) + (" *" if name in required else ""), _type(below), _about(below))
        for name, below in cast("dict[str, Schema]", schema["properties"]).items()
    )
    return table(["field", "value", "what it says"], rows)


def _below(schema: Schema, step: str) -> Schema:
    """What stands at a step; of several forms the one that has a field of this name. Raises KeyError."""
    if step == "*":
        return schema["items"] if "items" in schema else schema["additionalProperties"]
    if step in schema.get("properties", {}):
        return schema["properties"][step]
    if "anyOf" in schema:
        return next(form for form in schema["anyOf"] if step in form.get("properties", {}))
    return schema[step]


def _about(schema: Schema) -> str:
    said = cast("str", schema.get("description", ""))
    return said.removesuffix(_DURATION).removesuffix(_CONDITION)


def _type(schema: Schema) -> str:  # noqa: PLR0911 - one return a kind of value
    """What a value may be, in a few words."""
    said = cast("str", schema.get("description", ""))
    if said.endswith(_DURATION):
        return "duration"
    if said.endswith(_CONDITION):
        return "condition"
    if "enum" in schema:
        return ", ".join(code(str(each)) for each in schema["enum"])
    if "const" in schema:
        return code(str(schema["const"]).lower())
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(form) for form in schema["anyOf"]))
    kinds = schema.get("type", "")
    if isinstance(kinds, list):
        several = cast("list[str]", kinds)
        return " or ".join(_TYPES[each] for each in several if each != "null")
    named = schema.get("additionalProperties")
    if kinds == "object" and isinstance(named, dict):
        return "mapping by name"
    if kinds == "integer" and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return _TYPES.get(kinds, "list or mapping")
