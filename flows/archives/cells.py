"""Cells of a CSV column as JSON: whole columns at once where they are as usual, cell by cell where not.

White space around a cell does not count, and an empty one is `null`, which is a missing value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import msgspec

_NUMBERS = msgspec.json.Decoder(list[float])
_NUMBER = re.compile(r"([+-]?)(?=\.?\d)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", re.ASCII)
_NOT_PLAIN = re.compile(r'["\\\x00-\x1f]')
_TRUTHS = {"true": "true", "1": "true", "yes": "true", "false": "false", "0": "false", "no": "false"}


def numbers(cells: Sequence[str]) -> Sequence[str]:
    """A column of numbers; what becomes of a cell does not depend on the others."""
    if _as_json_has_them(cells):
        return [cell or "null" for cell in cells]
    return [number(cell) for cell in cells]


def _as_json_has_them(cells: Sequence[str]) -> bool:
    """Whether all cells that are not empty are numbers as they stand."""
    filled = [cell for cell in cells if cell]
    try:
        return len(_NUMBERS.decode(f"[{','.join(filled)}]")) == len(filled)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False


def texts(cells: Sequence[str]) -> Sequence[str]:
    """A column of texts."""
    bare = [cell.strip() for cell in cells]
    if _NOT_PLAIN.search("".join(bare)) is None:
        return [f'"{cell}"' if cell else "null" for cell in bare]
    return [text(cell) for cell in bare]


def truths(cells: Sequence[str]) -> Sequence[str]:
    """A column of yes and no."""
    return [truth(cell) for cell in cells]


def number(cell: str) -> str:
    """A number as JSON writes it (`+1`, `.5`, `1.` and `007` are numbers too); anything else as a text."""
    if _as_json_has_them([cell]):
        return cell or "null"
    found = _NUMBER.fullmatch(cell.strip())
    if found is None:
        return text(cell)
    sign, whole, fraction, exponent = found.groups()
    shown = ("-" if sign == "-" else "") + (whole or "0")
    return shown + (f".{fraction}" if fraction else "") + (f"e{exponent}" if exponent else "")


def text(cell: str) -> str:
    """A text as JSON writes it; what was no UTF-8 stays so, for the decoder to refuse."""
    bare = cell.strip()
    return json.dumps(bare, ensure_ascii=False) if bare else "null"


def truth(cell: str) -> str:
    """true, 1 or yes, and false, 0 or no, in any case; anything else as a text."""
    return _TRUTHS.get(cell.strip().lower()) or text(cell)
