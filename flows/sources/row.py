"""A row of a source system as it comes, and its values one by one, each as what it must be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from flows.moments import NoMoment, moment
from flows.schema import Event, Value
from flows.sources.model import Source
from flows.streams import value_at

CHANGED = "record.changed"
DELETED = "record.deleted"
MAX_BYTES = 1 << 20
MAX_TEXT = 1024
MAX_AHEAD = 300_000
_MAX_LIST = 64
_MOST_NUMBER = 1 << 53
_SINCE_EVER = -_MOST_NUMBER
_MENDS = {
    "has no zone": ": declare the source's `zone`",
    "is not an RFC 3339 text": " such as 2026-03-01T08:00:00Z: declare the source's `unit` if it is a number",
}


class RowRefused(ValueError):
    """A row that cannot be taken; `reason` is a dead letter's, `path` where in the row it stands, if anywhere."""

    def __init__(self, reason: str, message: str, path: str = "") -> None:
        self.reason, self.path = reason, path
        super().__init__(message)


class Refusal(msgspec.Struct, frozen=True):
    """A value that costs itself alone: where it stands in its row, and why it was not taken, without repeating it."""

    path: str
    reason: str
    message: str


class SentRow(Event, frozen=True, kw_only=True):
    """A row as it was sent, which may leave its id and its time to what stands in it."""

    subject: str = ""
    time: str = ""

    def __repr__(self) -> str:
        """Without what it says of somebody."""
        return f"SentRow({self.id!r}, {self.source!r}, {self.type!r})"


_decoder = msgspec.json.Decoder(SentRow)


def row_of(value: bytes) -> SentRow:
    """The row of a message of at most 1 MiB; raises RowRefused."""
    if len(value) > MAX_BYTES:
        raise RowRefused("too_big", f"{len(value)} bytes, and at most {MAX_BYTES} are taken")
    try:
        return _decoder.decode(value)
    except RecursionError as error:
        raise RowRefused("too_deep", "nested too deeply") from error
    except msgspec.ValidationError as error:
        raise RowRefused("wrong_type", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RowRefused("not_json", str(error)) from error


class Row:
    """What a row says at paths; what is not there, null or a text of white space alone is None.

    `refused` collects the values that were not taken. `appended` (ms) is when the bus took the row, if it did: nobody
    knows what was said more than MAX_AHEAD after that.
    """

    def __init__(self, data: Mapping[str, Any], source: Source, appended: int | None = None) -> None:
        self._data, self._source, self._appended = data, source, appended
        self.refused: list[Refusal] = []

    def said(self, path: str) -> Any:
        """What stands at a path as it is; None for nothing."""
        found = value_at(self._data, path) if path else None
        return None if isinstance(found, str) and not found.strip() else found

    def refuse(self, path: str, reason: str, message: str) -> None:
        """Note a value that is not taken."""
        self.refused.append(Refusal(path, reason, message))

    def text(self, path: str) -> str | None:
        """A text without white space around it, or a whole number as its digits."""
        found = self.said(path)
        text = None if found is None else name_of(found)
        if found is not None and text is None:
            self.refuse(path, "wrong_type", f"{path} is neither a text nor a whole number")
        return text

    def texts(self, path: str) -> list[str]:
        """The same of a list, whose items that are nothing are left out; of anything else at most one."""
        found = self.said(path)
        if not isinstance(found, list):
            text = self.text(path)
            return [] if text is None else [text]
        items = cast("list[Any]", found)
        if len(items) > _MAX_LIST:
            raise RowRefused(
                "too_big", f"{path} holds {len(items)} values, and at most {_MAX_LIST} are taken"
            )
        texts = [name_of(item) for item in items if item is not None]
        if None in texts:
            self.refuse(path, "wrong_type", f"{path} holds what is neither a text nor a whole number")
        return [text for text in texts if text]

    def value(self, path: str) -> Value:
        """A text, a finite number or a truth."""
        found = self.said(path)
        if isinstance(found, str):
            if len(found) > MAX_TEXT:
                self.refuse(path, "too_big", f"{path} is longer than {MAX_TEXT} characters")
                return None
            return found.strip()
        if found is None or isinstance(found, bool):
            return found
        if isinstance(found, int | float) and _is_usual(found):
            return found
        self.refuse(path, "wrong_type", f"{path} is neither a text nor a number nor true or false")
        return None

    def moment(self, path: str, ever: bool = False) -> int | None:
        """A time of the row in ms; with `ever` one before 1970 or still to come, too. Raises RowRefused."""
        found = self.said(path)
        if found is None:
            return None
        unit = self._source.time_unit
        if unit != "rfc3339" and isinstance(found, str):
            found = _number_in(found)
        try:
            at = moment(found, unit, self._source.zone, _SINCE_EVER if ever else 1)
        except NoMoment as error:
            raise RowRefused("wrong_type", f"{path} {error}{_MENDS.get(str(error), '')}", path) from error
        if not ever:
            self.check_past(at, path)
        return at

    def check_past(self, at: int, path: str) -> None:
        """Raise RowRefused for a time (ms) that is further ahead than a clock that is a little fast."""
        if self._appended is not None and at > self._appended + MAX_AHEAD:
            ahead = (path or "the message's time") + " is over 5 min ahead of when the row came"
            raise RowRefused("future", f"{ahead}: mend that clock, or the source's `zone` or `unit`", path)


def name_of(found: object) -> str | None:
    """A text, or a whole number as its digits; None for what is neither."""
    if isinstance(found, str):
        return found.strip()
    if isinstance(found, bool) or not isinstance(found, int | float) or not _is_usual(found):
        return None
    return str(int(found)) if found == int(found) else None


def _is_usual(number: float) -> bool:
    """Whether a number is finite, and one that every system reads alike."""
    return -_MOST_NUMBER <= number <= _MOST_NUMBER if isinstance(number, int) else math.isfinite(number)


def _number_in(text: str) -> object:
    """The number that a text is, as tables write them; the text itself when it is none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
