"""Types as a reader of the pages reads them."""

from __future__ import annotations

from typing import Any

from msgspec import inspect

from flows.schema import Value

_PLAIN: dict[type, str] = {
    inspect.StrType: "text",
    inspect.BoolType: "true or false",
    inspect.BytesType: "bytes",
    inspect.AnyType: "anything",
    inspect.NoneType: "nothing",
}
_VALUE = inspect.type_info(Value)


def described(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """A type without what is said of it, and what is said of it."""
    if isinstance(kind, inspect.Metadata):
        below, about = described(kind.type)
        metadata: Any = kind
        said: dict[str, str] = metadata.extra_json_schema or {}
        return below, said.get("description", about)
    return kind, ""


def shown(kind: inspect.Type) -> str:  # noqa: PLR0911 - one return a kind of type
    """A type in a few words."""
    kind = described(kind)[0]
    match kind:
        case inspect.UnionType():
            if kind == _VALUE:
                return "a value"
            return shown(next(each for each in kind.types if not isinstance(each, inspect.NoneType)))
        case inspect.IntType():
            return "whole number" + _bounds(kind)
        case inspect.FloatType():
            return "number" + _bounds(kind)
        case inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in kind.values)
        case inspect.StructType():
            return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case inspect.VarTupleType() | inspect.ListType():
            return f"list of {shown(kind.item_type)}"
        case inspect.DictType():
            return f"{shown(kind.value_type)} by name"
        case _:
            return _PLAIN[type(kind)]


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    """What a number may be."""
    if kind.gt is not None:
        return f" above {kind.gt:g}"
    if kind.ge is not None:
        return f" from {kind.ge:g}" + ("" if kind.le is None else f" to {kind.le:g}")
    return ""
