"""`telltale sources check`: what rows become, and what was refused with its line and reason."""

from __future__ import annotations

import gzip
import json

import pytest

SOURCES = """\
sources:
  crm:
    key: id
    identifiers: {email: mail, phone: {from: phone, country: DE}}
    roles: [{role: owner, device: vin, since: since}]
    zone: UTC
    attributes: {language: lang, name: {from: name, personal: true}}
    consent: {service: newsletter}
  shop: {key: id, time: at, identifiers: {email: email}}
"""
TABLE = """\
id;mail;phone;vin;since;lang;name;newsletter
31;Ann@Example.org;030 1234567;veh-17;2024-01-01;de;Ann A;yes
32;bob;030 7654321;;;;;no
33;eve@example.org;call me;;;;;
;nobody@example.org;;;;;;
34;short
"""


@pytest.fixture
def declared(project):
    """The starter with two sources."""
    (project / "sources.yaml").write_text(SOURCES)
    (project / "identity.yaml").write_text("match: [email, [phone, name]]\n")
    (project / "crm.csv").write_text(TABLE)
    return project


@pytest.mark.usefixtures("declared")
def test_a_table_of_rows_and_what_was_refused(telltale):
    """Values in their one spelling, then each reason with its count and first places, then the counts."""
    said = telltale("sources", "check", "--source", "crm", "crm.csv")
    assert said.code == 1
    assert said.err == ""
    first = next(line for line in said.lines if line.startswith("   2  "))
    for part in (
        "crm:31, email:ann@example.org, phone:+49301234567",
        "owner of device:veh-17 since 2024-01-01",
        "language=de, name=Ann A",
        "service: yes",
    ):
        assert part in first
    assert "1 × bad_identifier: the e-mail address is none: An email address must have an @-sign" in said.out
    assert "  crm.csv:3: bob" in said.out
    assert "  crm.csv:4: call me" in said.out
    assert "1 × missing_field: id is missing, and no subject is named instead\n  crm.csv:5\n" in said.out
    assert "1 × wrong_type: 2 cells where the header has 8\n  crm.csv:6\n" in said.out
    counts = dict(line.rsplit(maxsplit=1) for line in said.lines[-4:])
    assert counts == {"rows": "5", "taken": "3", "refused": "2", "values refused": "2"}


@pytest.mark.usefixtures("declared")
def test_each_row_is_an_object_of_json(telltale):
    """With what it becomes, which matches it can take part in, and what was refused, where and with which value."""
    said = telltale("sources", "check", "-s", "crm", "crm.csv", "-o", "json")
    assert said.code == 1
    found = [json.loads(line) for line in said.lines]
    assert [(row["line"], row["taken"]) for row in found] == [
        (2, True),
        (3, True),
        (4, True),
        (5, False),
        (6, False),
    ]
    ann = found[0]
    assert (ann["source"], ann["deleted"], ann["refused"]) == ("crm", False, [])
    assert ann["identifiers"][1] == {"kind": "email", "value": "ann@example.org"}
    assert ann["personal"]["name"]["value"] == "Ann A"
    assert ann["matches"] == ["phone+name"]
    assert found[2]["refused"] == [
        {
            "path": "phone",
            "reason": "bad_identifier",
            "message": "the phone number is none",
            "value": "call me",
        }
    ]


def test_cloudevents_say_which_source_they_are_of(telltale, declared):
    """Changed and deleted rows of several sources in one file, packed; a source that is not there is refused."""
    time = "2025-10-09T08:53:20Z"
    events = [
        {"source": "crm", "type": "record.changed", "time": time, "data": {"id": 31, "mail": "a@x.org"}},
        {"source": "shop", "type": "record.changed", "data": {"id": "s-1", "at": time, "email": "a@x.org"}},
        {"source": "crm", "type": "record.deleted", "subject": "31", "time": time},
        {"source": "shpo", "type": "record.changed", "data": {"id": "s-1"}},
    ]
    lines = [json.dumps({"specversion": "1.0", "id": str(n), **event}) for n, event in enumerate(events)]
    (declared / "rows.jsonl.gz").write_bytes(gzip.compress("\n".join([*lines, "{", "{}"]).encode()))
    said = telltale("sources", "check", "rows.jsonl.gz", "-o", "json")
    assert said.code == 1
    found = [json.loads(line) for line in said.lines]
    assert [(row.get("source"), row.get("deleted")) for row in found[:3]] == [
        ("crm", False),
        ("shop", False),
        ("crm", True),
    ]
    assert [row["refused"][0]["reason"] for row in found[3:]] == [
        "unknown_source",
        "not_json",
        "unknown_source",
    ]
    assert "Did you mean 'shop'?" in found[3]["refused"][0]["message"]
    assert "name it with --source" in found[5]["refused"][0]["message"]


def test_rows_that_are_right_exit_with_0(telltale, declared):
    """The table is cut to the first rows, and standard error says how to see all."""
    rows = "".join(json.dumps({"id": n, "mail": f"a{n}@x.org"}) + "\n" for n in range(5))
    (declared / "rows.jsonl").write_text(rows)
    said = telltale("sources", "check", "-s", "crm", "rows.jsonl", "-n", "2")
    assert said.code == 0
    assert said.err == "3 more rows: see all with -n 5.\n"
    assert sum("email:a" in line for line in said.lines) == 2
    (declared / "none.jsonl").write_text("")
    said = telltale("sources", "check", "-s", "crm", "none.jsonl")
    assert (said.code, said.out, said.err) == (0, "", "There is not one row in it.\n")


def test_wrong_input_is_one_paragraph(telltale, declared):
    """A source, a file and a declaration that are not there or wrong; the exit code is 2."""
    for arguments, part in [
        (("-s", "cmr", "crm.csv"), "There is no source 'cmr'. Did you mean 'crm'?"),
        (("nowhere.jsonl",), "nowhere.jsonl: No such file or directory."),
    ]:
        said = telltale("sources", "check", *arguments)
        assert (said.code, said.out) == (2, "")
        assert part in said.err
    (declared / "identity.yaml").write_text("match: [emial]\n")
    said = telltale("sources", "check", "crm.csv")
    assert (said.code, said.out) == (2, "")
    assert "identity.yaml:1:9" in said.err
    assert "Did you mean 'email'?" in said.err
    (declared / "identity.yaml").unlink()
    (declared / "sources.yaml").unlink()
    said = telltale("sources", "check", "crm.csv")
    assert (said.code, said.out) == (2, "")
    assert "No source is declared. Write a sources.yaml beside telltale.toml." in said.err


def test_a_column_that_is_named_twice_is_refused(telltale, declared):
    """Which of the two is meant nobody can say."""
    (declared / "twice.csv").write_text("id,mail,id\n1,a@b.de,2\n")
    said = telltale("sources", "check", "--source", "crm", "twice.csv")
    assert said.code == 2
    assert "names the column 'id' twice" in " ".join(said.err.split())
