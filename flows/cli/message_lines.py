"""One line a message: aligned columns that say what matters of it, or JSON with all of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from flows.cli.show import cut, harmless, time_of
from flows.schema import Action, Alarm, Decision, Outcome, encode
from flows.topics.names import TopicNames
from flows.topics.port import Message

_WIDEST = 40
_ERRORS = "__connect.errors."

Cells = Sequence[str]


class _Enveloped(msgspec.Struct, frozen=True):
    """An action or an outcome in its CloudEvents envelope."""

    data: msgspec.Raw


class Lines:
    """Prints the messages of one topic; columns widen as they need to, so that what follows stays aligned."""

    def __init__(self, names: TopicNames, topic: str, as_json: bool) -> None:
        self._as_json = as_json
        self._cells = _cells_of(names, topic)
        self._widths: list[int] = []

    def print(self, found: Iterable[Message]) -> int:
        """Print each and return how many there were; those of a list are aligned with each other from the first."""
        if isinstance(found, list) and not self._as_json:
            for message in found:
                self._widen(self._told(message))
        count = 0
        for message in found:
            print(self._json(message) if self._as_json else self._line(message), flush=True)
            count += 1
        return count

    def _json(self, message: Message) -> str:
        """The place and the time of arrival (ms) beside key and value, which is JSON if it can be."""
        shown = {
            "partition": message.partition,
            "offset": message.offset,
            "appended": message.appended,
            "key": None if message.key is None else message.key.decode(errors="replace"),
            "value": _as_json(message.value),
        }
        return encode(shown).decode()

    def _line(self, message: Message) -> str:
        cells = self._told(message)
        self._widen(cells)
        aligned = [cell.ljust(width) for cell, width in zip(cells[:-1], self._widths, strict=False)]
        return cut("  ".join([*aligned, cells[-1]]).rstrip(), sys.stdout)

    def _told(self, message: Message) -> list[str]:
        """The cells of a message, printable; of one that is not of its topic's kind, key and value."""
        try:
            cells = self._cells(message)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            cells = _plain(message)
        return [harmless(cell) for cell in cells]

    def _widen(self, cells: Cells) -> None:
        """Make room for all cells but the last."""
        self._widths += [0] * (len(cells) - 1 - len(self._widths))
        for place, cell in enumerate(cells[:-1]):
            self._widths[place] = max(self._widths[place], min(_WIDEST, len(cell)))


def _as_json(value: bytes | None) -> object:
    """A value as it is when it is JSON, else as text."""
    if value is None:
        return None
    try:
        msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return value.decode(errors="replace")
    return msgspec.Raw(value.replace(b"\n", b" "))


def _cells_of(names: TopicNames, topic: str) -> Callable[[Message], Cells]:
    """How the messages of a topic are told."""
    if topic.startswith(names.prefix + "actions."):
        return _action
    return {
        names.alarms: _alarm,
        names.decisions: _decision,
        names.outcomes: _outcome,
        names.dead_letters: _dead_letter,
    }.get(topic, _plain)


def _plain(message: Message) -> Cells:
    """When it came, its key and its value."""
    key = "" if message.key is None else message.key.decode(errors="replace")
    value = "(removed)" if message.value is None else message.value.decode(errors="replace")
    return time_of(message.appended), key, value


def _alarm(message: Message) -> Cells:
    alarm = msgspec.json.decode(message.value or b"", type=Alarm)
    what = alarm.transition if alarm.severity is None else f"{alarm.transition}: {alarm.severity}"
    marks = [word for word, holds in (("stale", alarm.stale), ("dry run", alarm.dry_run)) if holds]
    said = alarm.explanation or alarm.reason or ""
    return time_of(alarm.at), what, alarm.device, alarm.rule, _joined(*marks, said)


def _decision(message: Message) -> Cells:
    decision = msgspec.json.decode(message.value or b"", type=Decision)
    what = _joined(decision.rule, decision.transition or "", by=" ")
    done = [planned.action.name for planned in decision.actions if planned.status in ("published", "dry_run")]
    said = _joined(", ".join(done), decision.reason or "")
    return time_of(decision.at), decision.verdict.replace("_", " "), decision.customer, what, said


def _action(message: Message) -> Cells:
    data = msgspec.json.decode(message.value or b"", type=_Enveloped).data
    action = msgspec.json.decode(data, type=Action)
    what = _joined(action.rule, action.transition or "", by=" ")
    to = action.customer if action.to is None else f"{action.to} {action.customer}"
    return time_of(action.at), action.name, to, what, _parameters(action.parameters) or action.explanation


def _outcome(message: Message) -> Cells:
    data = msgspec.json.decode(message.value or b"", type=_Enveloped).data
    outcome = msgspec.json.decode(data, type=Outcome)
    said = _joined(outcome.connector, outcome.reason or "", outcome.reference or "")
    return time_of(outcome.at), outcome.status, outcome.kind, outcome.customer, said


def _dead_letter(message: Message) -> Cells:
    headers = {name: value.decode(errors="replace") for name, value in message.headers}
    said = [headers.get(f"{_ERRORS}{name}", "") for name in ("topic", "partition", "offset")]
    value = (message.value or b"").decode(errors="replace")
    return time_of(message.appended), headers.get(f"{_ERRORS}exception.class.name", ""), "/".join(said), value


def _parameters(parameters: dict[str, Any]) -> str:
    """The texts of an action, such as its subject."""
    return _joined(*(text for text in parameters.values() if isinstance(text, str)))


def _joined(*parts: str, by: str = ", ") -> str:
    """What there is of the parts."""
    return by.join(part for part in parts if part)
