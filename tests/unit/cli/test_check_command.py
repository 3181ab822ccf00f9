"""`telltale check` and `telltale schema`: all files against each other, and their forms for editors."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from tests.unit.cli.conftest import without_people


@pytest.mark.usefixtures("project")
def test_a_right_configuration_is_a_table_of_what_was_checked(telltale):
    """A row a file, and nothing to remark on in what people copy from."""
    said = telltale("check")
    assert said.code == 0
    listed = {line.split()[0]: line.split()[1] for line in said.lines}
    assert list(listed) == [
        *("what", "settings", "streams", "events", "rules", "purposes", "profile"),
        *("sources", "identity", "look-ups"),
    ]
    assert listed["rules"] == "rules"
    assert said.err == ""
    rows = [json.loads(line) for line in telltale("check", "-o", "json").lines]
    assert {row["what"] for row in rows} >= {"settings", "streams", "rules"}


def test_every_mistake_of_every_file_is_shown_at_once(telltale, project):
    """A rule, a purpose and the steps are wrong: each is told with its file and line, and it is wrong input."""
    (project / "rules" / "complaint.yaml").write_text("rule: c\nevnt: x\n")
    purposes = project / "purposes.yaml"
    purposes.write_text(purposes.read_text().replace("    lane: normal\n", "    lnae: bulk\n"))
    settings = project / "telltale.toml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith(("steps", "# steps"))]
    settings.write_text("\n".join(['steps = "nowhere.py"', *lines]))
    said = telltale("check")
    assert (said.code, said.out) == (2, "")
    for part in ("rules/complaint.yaml:2:1", "purposes.yaml:", "'lnae'", "nowhere.py"):
        assert part in said.err


def test_what_looks_forgotten_is_remarked_on(telltale, project):
    """Rules without tests, streams and purposes that nobody uses, events that nothing asks for; none is a mistake."""
    streams = project / "streams.yaml"
    text = streams.read_text()
    more = "  bus: {topic: buses, key: id, time: at, fields: {speed: {type: float}}}\n"
    at = text.index("streams:\n") + len("streams:\n")
    streams.write_text(text[:at] + more + text[at:])
    purposes = project / "purposes.yaml"
    purposes.write_text(purposes.read_text().replace("purposes:\n", "purposes:\n  marketing.care: {}\n"))
    rule = project / "rules" / "vehicle-silent.yaml"
    rule.write_text(rule.read_text().partition("tests:")[0])
    said = telltale("check")
    assert said.code == 0
    for line in (
        "Rules without tests: vehicle-silent.",
        "Streams that no rule watches: bus.",
        "Purposes that no action has: marketing.care.",
    ):
        assert line in said.err.splitlines()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("kind", ["rules", "streams", "purposes", "profile", "topics"])
def test_a_schema_is_printed_whole(telltale, kind):
    """It can be piped into a file as it is."""
    said = telltale("schema", kind)
    assert (said.code, said.err) == (0, "")
    Draft202012Validator.check_schema(json.loads(said.out))


def test_a_kind_that_is_none_names_those_there_are(telltale):
    """Wrong input in one line."""
    said = telltale("schema", "rule")
    assert (said.code, said.out) == (2, "")
    assert "'rules'" in said.err


def test_sources_and_identity_are_part_of_the_configuration(telltale, project):
    """A row each; what other files do not know is refused, and sources that nothing joins are remarked on."""
    without_people(project)
    sources = project / "sources.yaml"
    sources.write_text(
        "sources: {crm: {key: id, identifiers: {email: mail}, attributes: {language: lang}}}\n"
    )
    said = telltale("check")
    assert said.code == 0
    assert "Nothing joins two handles of one person: identity.yaml has no `match`." in said.err
    (project / "identity.yaml").write_text("match: [email]\n")
    said = telltale("check", "-o", "json")
    rows = {row["what"]: row for row in map(json.loads, said.lines)}
    assert rows["sources"] == {
        "what": "sources",
        "file": "sources.yaml",
        "holds": "1 source, 2 kinds of identifiers",
    }
    assert rows["identity"] == {"what": "identity", "file": "identity.yaml", "holds": "1 way to match"}
    assert "Nothing joins" not in said.err
    sources.write_text("sources: {crm: {key: id, consent: {marketng: news}}}\n")
    purposes = project / "purposes.yaml"
    purposes.write_text(purposes.read_text().replace("purposes:\n", "purposes:\n  marketing.care: {}\n"))
    (project / "identity.yaml").write_text("match: [emial]\n")
    said = telltale("check")
    assert (said.code, said.out) == (2, "")
    assert "no purpose needs the consent 'marketng'. Did you mean 'marketing'?" in said.err
    assert "identity.yaml:1:9" in said.err
