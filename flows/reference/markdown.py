"""The pieces of Markdown that made parts consist of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

# What stands in backticks, which Markdown leaves alone.
_CODE = re.compile(r"(`[^`]*`)")
_LINE = 112


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell or begin a tag is escaped, a line break becomes a space."""
    return "\n".join([_row(headers), _row(["---"] * len(headers)), *(_row(row) for row in rows)])


def code(text: str) -> str:
    """Inline code; nothing of nothing."""
    return f"`{text}`" if text else ""


def block(language: str, text: str) -> str:
    """A fenced block."""
    return f"```{language}\n{text.rstrip()}\n```"


def _row(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in map(_cell, cells)) + "|"


def _cell(text: str) -> str:
    parts = _CODE.split(" ".join(text.replace("|", r"\|").split()))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def json_block(value: object) -> str:
    """JSON as a fenced block; what fits into a line stands in one."""
    return block("json", _json(value, 0))


def _json(value: Any, indent: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if indent + len(flat) <= _LINE or not isinstance(value, dict | list):
        return flat
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value).items()
        below = [f"{json.dumps(name)}: {_json(each, indent + 2)}" for name, each in named]
    else:
        below = [_json(each, indent + 2) for each in cast("list[Any]", value)]
    begin, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
    inside = f",\n{' ' * (indent + 2)}".join(below)
    return f"{begin}\n{' ' * (indent + 2)}{inside}\n{' ' * indent}{end}"
