"""What other systems say in a backtest: answers from a file, else that they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from flows.archives.jsonl import numbered_lines
from flows.errors import AnswersWrong
from flows.schema import Answer, LookUp, Value


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the file."""

    source: Annotated[str, msgspec.Meta(min_length=1)]
    key: Value
    values: dict[str, Value]


class Answers:
    """Answers by system and key, all in memory, for all time; `answered` and `unknown` count what was asked for."""

    def __init__(self, known: Mapping[tuple[str, str], dict[str, Value]] | None = None) -> None:
        self._known = known or {}
        self.answered = self.unknown = 0

    def to(self, asked: LookUp, now: int) -> Answer:
        """The answer to a question at event time `now` (ms)."""
        found = self._known.get((asked.source, str(asked.key)))
        if found is None:
            self.unknown += 1
            return Answer(
                id=asked.id, customer=asked.customer, status="unknown", reason="no answer given", at=now
            )
        self.answered += 1
        return Answer(id=asked.id, customer=asked.customer, status="answered", values=found, at=now)

    def again(self) -> Answers:
        """The same answers, not yet asked for."""
        return Answers(self._known)


def read_answers(path: Path) -> Answers:
    """The answers of a file of `{"source", "key", "values"}`, one a line; of two to one question the later counts.

    Raises AnswersWrong, ArchiveUnreadable, ZstandardMissing.
    """
    known: dict[tuple[str, str], dict[str, Value]] = {}
    decoder = msgspec.json.Decoder(_Line)
    for line, raw in numbered_lines(path):
        if raw.isspace():
            continue
        try:
            found = decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AnswersWrong(str(path), line, f"is no answer ({error})") from error
        known[found.source, str(found.key)] = found.values
    return Answers(known)
