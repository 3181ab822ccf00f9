"""What tests read out of a Markdown document: fenced blocks under their headings, tables, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

_LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
_CODE = re.compile(r"`([^`]+)`")
_MADE = re.compile(r"^<!-- made: .*?^<!-- end -->$", re.MULTILINE | re.DOTALL)


class Block(msgspec.Struct, frozen=True):
    """A fenced block: the heading it stands under, its language, its lines."""

    heading: str
    language: str
    lines: tuple[str, ...]


def blocks(document: Path, *, made: bool = True) -> Iterator[Block]:
    """All fenced blocks, in order; those of parts that are `made` of the code can be left out."""
    text = document.read_text(encoding="utf-8")
    heading, language, inside = "", "", None
    for line in (text if made else _MADE.sub("", text)).splitlines():
        if inside is None and line.startswith("```"):
            language, inside = line.removeprefix("```"), []
        elif inside is None and line.startswith("#"):
            heading = line.lstrip("# ")
        elif inside is not None and line == "```":
            yield Block(heading, language, tuple(inside))
            inside = None
        elif inside is not None:
            inside.append(line)


def links(document: Path) -> list[str]:
    """Where the document's links lead, without what is outside of this repository."""
    return [link for link in _LINK.findall(document.read_text(encoding="utf-8")) if "://" not in link]


def rows(document: Path, heading: str) -> list[list[list[str]]]:
    """The table under a heading: for each row, for each cell, what stands in it as `code`."""
    section = re.split(r"^#+ ", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[_CODE.findall(cell) for cell in line.strip("|").split("|")] for line in lines]


def prose(document: Path) -> str:
    """The text without fenced blocks and without code."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return _CODE.sub("", text)


def anchors(document: Path) -> set[str]:
    """What links can lead to: the headings, as GitHub names them."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
