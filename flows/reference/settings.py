"""Every setting as `settings.md` shows it, from the struct that reads them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from flows.reference.markdown import code, table
from flows.reference.types import described, shown
from flows.settings import Settings


def made() -> str:
    """The settings of the top, then those of each table."""
    parts = [
        _table("", [field for field in _fields(Settings) if not _is_table(field) and field.name != "folder"])
    ]
    for field in _fields(Settings):
        if _is_table(field):
            kind: Any = described(field.type)[0]
            parts += [
                f"### [{field.name}]",
                kind.cls.__doc__.split("\n")[0],
                _table(field.name, _fields(kind.cls)),
            ]
    return "\n\n".join(parts)


def _fields(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    found: Any = inspect.type_info(kind)
    return found.fields


def _is_table(field: inspect.Field) -> bool:
    return isinstance(described(field.type)[0], inspect.StructType)


def _table(name: str, fields: Any) -> str:
    rows = [_row(name, field) for field in fields]
    return table(["setting", "type", "default", "what it is", "environment"], rows)


def _row(table_name: str, field: inspect.Field) -> tuple[str, ...]:
    kind, about = described(field.type)
    variable = "TELLTALE_" + "_".join(part for part in (table_name, field.name) if part).upper()
    return (
        code(field.name),
        shown(kind),
        code(_default(field)),
        about,
        "" if isinstance(kind, inspect.DictType) else code(variable),
    )


def _default(field: inspect.Field) -> str:
    """As it would stand in the file."""
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return f'"{value}"' if isinstance(value, str) else "{}" if value == {} else str(value)
