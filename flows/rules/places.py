"""Where the tests of a rule stand in its file, for what a failure prints."""

from __future__ import annotations

from pathlib import Path

import msgspec

from flows.documents import Located, Mistakes, read_file


class CaseLines(msgspec.Struct, frozen=True):
    """The line of a case and of each of its expectations; 0 when the file does not say."""

    case: int = 0
    expect: tuple[int, ...] = ()

    def of(self, place: int) -> int:
        """The line of one expectation, else that of the case."""
        return self.expect[place] if place < len(self.expect) else self.case


def lines_of(file: str) -> dict[str, CaseLines]:
    """The lines of a rule's tests by their names; none when the file is not there any more."""
    document = read_file(Path(file), file, Mistakes())
    found: dict[str, CaseLines] = {}
    for at in _items(document, "tests"):
        name = _below(at, "name")
        if name is not None:
            expect = tuple(expected.line for expected in _items(at, "expect"))
            found[str(name.value)] = CaseLines(at.line, expect)
    return found


def _below(at: Located | None, name: str) -> Located | None:
    return at.value.get(name) if at is not None and isinstance(at.value, dict) else None


def _items(at: Located | None, name: str) -> list[Located]:
    below = _below(at, name)
    return below.value if below is not None and isinstance(below.value, list) else []
