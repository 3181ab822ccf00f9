"""Documents whose every value knows its line and column, read from YAML 1.2 or made from plain data.

YAML is read event by event into mappings, lists and plain values only: tags, anchors and aliases are refused,
and so are repeated keys, more than 1 MiB, more than 32 levels. Every mistake goes to a `Mistakes`, so that
all of all files are shown at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode

from flows.errors import Finding, RulesWrong

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
Scalar = str | int | float | bool | None
Plain = Any

_NUMBER_TAGS = ("bool", "int", "float", "null")
_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_SPLIT_HINT = 'Quote the expression: "..."'


class Located(msgspec.Struct, frozen=True):
    """A value and where it stands: `line` and `column` from 1 (0 unknown), `path` like `when.any[0].of`.

    `keys` are the places of a mapping's keys; `inset` is how many characters after `column` the text of a
    one-line scalar begins, -1 for other values.
    """

    value: Scalar | dict[str, Located] | list[Located]
    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    keys: dict[str, tuple[int, int]] = {}
    inset: int = -1

    def plain(self) -> Plain:
        """The value as plain data, without places."""
        if isinstance(self.value, dict):
            return {key: below.plain() for key, below in self.value.items()}
        if isinstance(self.value, list):
            return [below.plain() for below in self.value]
        return self.value


class Mistakes:
    """Collects findings over all files."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def add(self, at: Located, message: str, hint: str, *, key: str | None = None, offset: int = 0) -> None:
        """Note a mistake at a value, at one of its keys, or `offset` characters into a one-line text."""
        line, column, path = at.line, at.column, at.path
        if key is not None:
            line, column = at.keys.get(key, (line, column))
            path = f"{path}.{key}" if path else key
        elif at.inset >= 0:
            column += offset + (at.inset if offset else 0)
        self.found.append(Finding(at.file, line, column, path, message, hint))

    def raise_any(self) -> None:
        """Raises RulesWrong when there are findings."""
        if self.found:
            raise RulesWrong(self.found)


def locate(plain: Plain, file: str, path: str = "") -> Located:
    """Plain data as a document without lines and columns."""
    if isinstance(plain, dict):
        entries = cast("dict[Any, Any]", plain).items()
        below = {str(k): locate(v, file, f"{path}.{k}" if path else str(k)) for k, v in entries}
        return Located(below, file, path=path)
    if isinstance(plain, list | tuple):
        each = enumerate(cast("list[Any]", plain))
        return Located([locate(v, file, f"{path}[{i}]") for i, v in each], file, path=path)
    return Located(plain, file, path=path)


def read_file(path: Path, file: str, mistakes: Mistakes) -> Located | None:
    """The document of a file, shown as `file`; None, with a finding, when it cannot be read at all."""
    whole = Located(None, file, 1, 1)
    try:
        with path.open("rb") as source:
            raw = source.read(MAX_BYTES + 1)
        return read_text(raw.decode("utf-8-sig"), file, mistakes)
    except OSError as error:
        mistakes.add(whole, f"cannot be read ({error.strerror})", "Check that the file exists.")
    except UnicodeDecodeError:
        mistakes.add(whole, "not UTF-8 text", "Save the file as UTF-8.")
    return None


def read_text(text: str, file: str, mistakes: Mistakes) -> Located | None:
    """The document of a YAML text; None, with a finding, when it is not YAML."""
    if len(text) > MAX_BYTES:
        mistakes.add(Located(None, file, 1, 1), "larger than 1 MiB", "Split it into several files.")
        return None
    yaml: Any = YAML(typ="safe", pure=True)
    try:
        return _Builder(yaml, file, mistakes).document(iter(yaml.parse(text)))
    except MarkedYAMLError as error:
        wrong: Any = error
        mark = wrong.problem_mark or wrong.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        inside = "flow" in str(wrong.context)
        hint = "Quote the expression or text." if inside else "Check indentation, and quote texts with `: `."
        at = Located(None, file, line, column)
        mistakes.add(at, f"not YAML: {wrong.problem or wrong.context}", hint)
    except YAMLError as error:
        at = Located(None, file, 1, 1)
        mistakes.add(at, f"not YAML: {str(error).splitlines()[0]}", "Remove the character.")
    except _Refused as refused:
        mistakes.found.append(refused.finding)
    return None


def _kind(event: Any) -> str:
    """The kind of an event of the YAML parser, whose classes carry no types."""
    return type(event).__name__


class _Refused(Exception):
    """Stops reading a file that holds what is not allowed at all."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding


class _Builder:
    """Builds located values from the events of ruamel.yaml's parser."""

    def __init__(self, yaml: Any, file: str, mistakes: Mistakes) -> None:
        self.yaml = yaml
        self.file = file
        self.mistakes = mistakes

    def document(self, stream: Iterator[Any]) -> Located | None:
        """The only document of a stream."""
        found: Located | None = None
        for event in stream:
            if _kind(event) != "DocumentStartEvent":
                continue
            if found is not None:
                self.refuse(event, "a second document", "Write one document a file.")
            found = self.value(next(stream), stream, "", 1)
        if found is None:
            self.mistakes.add(
                Located(None, self.file, 1, 1), "the file is empty", "Write a document, or delete it."
            )
        return found

    def refuse(self, event: Any, message: str, hint: str) -> None:
        """Stop at an event."""
        mark = event.start_mark
        raise _Refused(Finding(self.file, mark.line + 1, mark.column + 1, "", message, hint))

    def value(self, event: Any, stream: Iterator[Any], path: str, depth: int) -> Located:
        """The value that begins with an event."""
        if _kind(event) == "AliasEvent" or event.anchor is not None:
            self.refuse(event, "anchors and aliases are not read", "Write the value out.")
        if event.tag is not None:
            self.refuse(event, f"the tag {event.tag} is not read", "Leave it away, and quote texts.")
        if depth > MAX_DEPTH:
            self.refuse(event, f"nested deeper than {MAX_DEPTH}", "Write it flatter.")
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if _kind(event) == "MappingStartEvent":
            return self.mapping(event, stream, path, depth)
        if _kind(event) == "SequenceStartEvent":
            items: list[Located] = []
            while _kind(below := next(stream)) != "SequenceEndEvent":
                items.append(self.value(below, stream, f"{path}[{len(items)}]", depth + 1))
            return Located(items, self.file, line, column, path)
        inset = -1 if event.end_mark.line != event.start_mark.line else (1 if event.style else 0)
        return Located(self.scalar(event), self.file, line, column, path, {}, inset)

    def mapping(self, event: Any, stream: Iterator[Any], path: str, depth: int) -> Located:
        """A mapping; of a repeated key the first value stays."""
        found = Located({}, self.file, event.start_mark.line + 1, event.start_mark.column + 1, path, {})
        values = cast("dict[str, Located]", found.value)
        splits = _Splits(self.mistakes) if event.flow_style else None
        while _kind(key_event := next(stream)) != "MappingEndEvent":
            key = self.value(key_event, stream, path, depth + 1)
            if _kind(key_event) != "ScalarEvent":
                self.refuse(key_event, "a key must be a text", "Quote what stands in braces or brackets.")
            name = str(key_event.value)
            event = next(stream)
            below = self.value(event, stream, f"{path}.{name}" if path else name, depth + 1)
            if splits is not None and splits.joins(name, event, values):
                continue
            if name in values:
                first = found.keys[name][0]
                self.mistakes.add(
                    key, f"the key {name!r} is repeated (first on line {first})", "Keep one of them."
                )
                continue
            values[name] = below
            found.keys[name] = (key.line, key.column)
        return found

    def scalar(self, event: Any) -> Scalar:
        """A plain value; what YAML would read as a date or a merge stays text."""
        text = str(event.value)
        if not event.implicit[0] or len(text) > 40:
            return text
        tag = str(self.yaml.resolver.resolve(ScalarNode, text, (True, False))).rpartition(":")[2]
        if tag not in _NUMBER_TAGS:
            return text
        value: Any = self.yaml.constructor.construct_object(ScalarNode(f"tag:yaml.org,2002:{tag}", text))
        if isinstance(value, float) and not math.isfinite(value):
            return text
        return value


class _Splits:
    """Recognises a comma that YAML took for the end of an entry inside braces: `{of: min(a, b) >= 3}`."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.mistakes = mistakes
        self.last = ""
        self.reported = False

    def joins(self, name: str, event: Any, values: dict[str, Located]) -> bool:
        """Whether the key is the rest of the text before it; then says so once, and mends that text."""
        empty = _kind(event) == "ScalarEvent" and event.value == "" and not event.style
        before = values.get(self.last)
        if empty and before is not None and isinstance(before.value, str) and before.inset == 0:
            open_left = before.value.count("(") > before.value.count(")")
            if open_left or not _NAME.match(name):
                if not self.reported:
                    hint = _SPLIT_HINT if open_left else 'Quote the text: "..."'
                    self.mistakes.add(before, "a comma inside braces ends the value, and split it", hint)
                self.reported = True
                values[self.last] = msgspec.structs.replace(before, value=f"{before.value}, {name}")
                return True
        self.last, self.reported = name, False
        return False
