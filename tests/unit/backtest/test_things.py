"""Attributes of devices from a file: three forms that say the same, and what is wrong with its place."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flows.backtest.things import read_things
from flows.errors import ArchiveUnreadable, ThingsWrong

FORMS = {
    "plain.jsonl": '{"device": "a", "hot_c": 105, "model": "m1"}\n{"device": 7, "old": true}\n',
    "keyed.jsonl": '{"key": "a", "value": {"hot_c": 105, "model": "m1"}}\n{"key": "7", "value": {"old": true}}\n',
    "table.csv": "device,hot_c,model,old\na,105,m1,\n7,,,true\n",
}
WRONG = {
    "broken.jsonl": ('{"device": "a"}\n{"device"', r"broken.jsonl:2: is not a JSON object"),
    "nameless.jsonl": ('{"hot_c": 1}\n', r"nameless.jsonl:1: names no 'device'"),
    "headless.csv": ("thing,hot_c\na,1\n", r"headless.csv:1: has no column 'device'"),
    "blank.jsonl": ('\n \r\n{"device": "a"}\n\n{"device": ""}\n', r"blank.jsonl:5: names no 'device'"),
    "ragged.csv": ("device,hot_c\na,1\nb\n", r"ragged.csv:3: has not as many cells as the header"),
    "empty.csv": ("device,hot_c\n,1\n", r"empty.csv:2: names no 'device'"),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(tmp_path: Path, name: str) -> None:
    """JSON objects with the device among the attributes, as a key beside them, or rows of a table."""
    path = tmp_path / name
    path.write_text(FORMS[name])
    found = [(m.key, msgspec.json.decode(m.value or b"")) for m in read_things(path)]
    assert found == [(b"a", {"hot_c": 105, "model": "m1"}), (b"7", {"old": True})]


@pytest.mark.parametrize("name", WRONG)
def test_wrong(tmp_path: Path, name: str) -> None:
    """What cannot be read is one paragraph with file and line, and an example of what can."""
    text, said = WRONG[name]
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ThingsWrong, match=said + ".*hot_c"):
        read_things(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is said by its name."""
    with pytest.raises(ArchiveUnreadable, match=r"none\.jsonl"):
        read_things(tmp_path / "none.jsonl")
    with pytest.raises(ThingsWrong, match=r"none.csv: No such file"):
        read_things(tmp_path / "none.csv")
