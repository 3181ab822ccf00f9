"""Ten thousand customer profiles of a bank (EVI): every row becomes a record, and no two people one token."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from flows.documents import Mistakes, read_text
from flows.sources.exports import exported
from flows.sources.mapping import Mapper
from flows.sources.matching import read_identity
from flows.sources.model import SourceRecord
from flows.sources.read import read_sources
from flows.sources.row import RowRefused
from tests.command import Telltale

SOURCES = """\
sources:
  bank:
    key: scenario_id
    identifiers: {email: email}
    attributes:
      sex: sex
      name: {from: name, personal: true}
      birth_date: {from: dob, personal: true}
      postcode: {from: postcode, personal: true}
"""
IDENTITY = "match: [email, [name, birth_date, postcode]]\n"
ROWS = 10_000


@pytest.fixture(scope="module")
def profiles(public_data: Path) -> Path:
    """The table as its source publishes it."""
    return public_data / "evi" / "records.en.csv"


@pytest.fixture(scope="module")
def records(profiles: Path) -> list[SourceRecord]:
    """What all rows become, of which none may be refused, in whole or in part."""
    mistakes = Mistakes()
    documents = [read_text(text, "f", mistakes) for text in (SOURCES, IDENTITY)]
    assert documents[0] is not None
    assert documents[1] is not None
    sources = read_sources(documents[0], mistakes)
    mapper = Mapper(sources, read_identity(documents[1], sources, (), mistakes), b"a tenant's key")
    assert mistakes.found == []
    found: list[SourceRecord] = []
    for one in exported(profiles, "bank", "2025-10-09T08:53:20Z"):
        assert not isinstance(one.row, RowRefused)
        mapped = mapper.mapped(one.row)
        assert mapped.refused == ()
        found.append(mapped.record)
    return found


def test_every_row_becomes_a_record_of_what_it_says(profiles: Path, records: list[SourceRecord]) -> None:
    """Against the table read by hand: the values, one by one."""
    with profiles.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(records) == ROWS
    for row, record in zip(rows, records, strict=True):
        assert [one.value for one in record.identifiers] == [row["scenario_id"], row["email"].lower()]
        said = {name: one.value for name, one in {**record.attributes, **record.personal}.items()}
        expected = {
            "sex": row["sex"],
            "name": row["name"],
            "birth_date": row["dob"],
            "postcode": row["postcode"],
        }
        assert said == expected


def test_no_two_people_share_a_token(records: list[SourceRecord]) -> None:
    """All rows and addresses differ, and so do all tokens; what matches together is as rare as the three are."""
    assert len({one.handle for one in records}) == ROWS
    assert len({one.identifiers[1].token for one in records}) == ROWS
    together = {
        (one.personal["name"].value, one.personal["birth_date"].value, one.personal["postcode"].value)
        for one in records
    }
    assert len({one.composites for one in records}) == len(together)


def test_the_command_says_the_same(telltale: Telltale, profiles: Path, tmp_path: Path) -> None:
    """Every row is taken, and nothing of any is refused."""
    for name, text in (("telltale.toml", ""), ("sources.yaml", SOURCES), ("identity.yaml", IDENTITY)):
        (tmp_path / name).write_text(text)
    (tmp_path / "streams.yaml").write_text("streams: {}\n")
    said = telltale("sources", "check", profiles, "-c", tmp_path, "-o", "json")
    assert said.code == 0
    found = [json.loads(line) for line in said.lines]
    assert len(found) == ROWS
    assert all(row["taken"] and row["refused"] == [] for row in found)
