"""`telltale rules`: findings, test results, publishing and listing."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tests.unit.cli.conftest import without_people

BROKEN = """\
rule: broken
stream: vehicle
when: {run: 3, of: coolant >= 105}
colour: red
ends: {silent: 1h}
limits: [{per: rule, at_most: 1, every: 1h}]
"""
WRONG_TEST = """\
rule: hot
stream: vehicle
when: {run: 3, of: coolant_c >= 105}
ends: {silent: 1h}
do: {raised: [{task: {queue: fleet, subject: hot}}]}
limits: [{per: rule, at_most: 1, every: 1h}]
tests:
  - name: right
    readings: {coolant_c: "106x2"}
    expect: [{at: 20s, raised: true, do: [task]}]
  - name: too early
    readings: {coolant_c: "106x2"}
    expect: [{at: 10s, raised: true}]
  - name: too much hoped for
    readings: {coolant_c: "106x1"}
    expect: [{at: 10s, raised: true}]
  - name: not expected
    readings: {coolant_c: "106x2"}
    expect: []
"""


def test_a_good_configuration_is_told_in_one_line(telltale, project):
    """What was found is counted."""
    rules = len(list((project / "rules").glob("*.yaml")))
    said = telltale("rules", "check")
    assert said.code == 0
    assert said.out.startswith(f"All good: {rules} rules, 1 stream, ")
    assert said.err == ""


def test_every_mistake_is_shown_with_its_place(telltale, project):
    """Findings are wrong input: exit code 2, one line each with file, line and column."""
    (project / "rules" / "broken.yaml").write_text(BROKEN)
    said = telltale("rules", "check")
    assert (said.code, said.out) == (2, "")
    assert [line.split(": ")[0] for line in said.err.splitlines()] == [
        "rules/broken.yaml:3:20",
        "rules/broken.yaml:4:1",
    ]


@pytest.mark.usefixtures("project")
def test_the_starters_tests_pass(telltale):
    """The count is told, with --verbose also each."""
    said = telltale("rules", "test")
    assert said.code == 0
    assert said.out.endswith(" tests passed.\n")
    shown = telltale("rules", "test", "--verbose", "--rule", "vehicle-silent")
    assert [line.split("  ")[0] for line in shown.lines[:-1]] == ["passed", "passed"]
    assert shown.lines[-1] == "2 tests passed."


def test_failing_tests_show_place_and_both_sides_and_leave_with_one(telltale, project):
    """File and line, what was expected and what came instead."""
    (project / "rules" / "hot.yaml").write_text(WRONG_TEST)
    said = telltale("rules", "test", "--rule", "hot")
    assert said.code == 1
    told = [
        line
        for line in said.lines
        if line.lstrip().startswith(("FAILED", "expected  ", "at ", "got   ", "3 of"))
    ]
    assert [line for line in told if "▲" not in line] == [
        "FAILED  rules/hot.yaml:11  too early",
        "    expected  10s raised: true",
        "              at rules/hot.yaml:13",
        "    got       20s raised: true, do: [task]",
        "FAILED  rules/hot.yaml:14  too much hoped for",
        "    expected  10s raised: true",
        "              at rules/hot.yaml:16",
        "    got       nothing",
        "FAILED  rules/hot.yaml:17  not expected",
        "    got       20s raised: true, do: [task]",
        "    expected  nothing",
        "3 of 4 tests failed.",
    ]


def test_a_failing_test_draws_its_series(telltale, project):
    """The line of the field over time, and where the two sides stand; no line is wider than a terminal."""
    (project / "rules" / "hot.yaml").write_text(WRONG_TEST)
    lines = telltale("rules", "test", "hot").lines
    assert any("coolant_c °C; ┈┈ 105" in line for line in lines)
    assert max(len(line) for line in lines) <= 80
    expected, got = (
        next(line for line in lines if line.strip().startswith(f"{side}  ") and "▲" in line)
        for side in ("expected", "got")
    )
    assert expected.index("▲") < got.index("▲")


@pytest.mark.usefixtures("project")
def test_rules_are_named_by_name_or_file(telltale):
    """In any mixture, each once; a name that is none is told with the nearest."""
    said = telltale(
        "rules", "test", "vehicle-silent", "rules/vehicle-silent.yaml", "rules/complaint.yaml", "-v"
    )
    assert {line.split(":")[0].split("/")[-1] for line in said.lines[:-1]} == {
        "vehicle-silent.yaml",
        "complaint.yaml",
    }
    assert said.lines[-1] == "6 tests passed."
    said = telltale("rules", "test", "vehicle-slient")
    assert (said.code, said.out) == (2, "")
    assert said.err == "There is no rule 'vehicle-slient'. Did you mean 'vehicle-silent'?\n"


def test_a_folder_of_rules_may_be_named_to_test(telltale, project, tmp_path):
    """Its rules are tested with the streams and purposes of the settings; two folders are one too many."""
    folder = tmp_path / "others"
    folder.mkdir()
    without_people(project)
    (project / "purposes.yaml").write_text("purposes: {service: {}}\n")
    (project / "profile.yaml").write_text("values: {orders: {event: order.placed, take: count}}\n")
    (folder / "hot.yaml").write_text(WRONG_TEST)
    assert telltale("rules", "test", folder).lines[-1] == "3 of 4 tests failed."
    assert telltale("rules", "test", folder, "hot").lines[-1] == "3 of 4 tests failed."
    said = telltale("rules", "test", folder, project / "rules")
    assert (said.code, said.out) == (2, "")
    assert "Two folders of rules are named" in said.err


def test_results_are_written_as_junit_xml(telltale, project):
    """Beside what is printed; a file that cannot be written is told in one line."""
    (project / "rules" / "hot.yaml").write_text(WRONG_TEST)
    said = telltale("rules", "test", "hot", "--junit", "results.xml")
    assert said.code == 1
    suites = ElementTree.parse(project / "results.xml").getroot()  # noqa: S314
    assert (suites.get("tests"), suites.get("failures")) == ("4", "3")
    said = telltale("rules", "test", "hot", "--junit", "nowhere/results.xml")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("nowhere/results.xml cannot be written: No such file or directory.")


def test_where_there_is_only_ascii_the_picture_is_of_stars(telltale, project, monkeypatch):
    """A terminal that knows no more gets no question marks in its place."""
    (project / "rules" / "hot.yaml").write_text(
        WRONG_TEST.replace("coolant_c: ", "speed_kmh: ").replace("coolant_c", "speed_kmh")
    )
    monkeypatch.setattr("flows.cli.rules_test._coding", lambda: "ascii")
    lines = telltale("rules", "test", "hot").lines
    assert all(line.isascii() and "?" not in line for line in lines)
    assert any("*" in line for line in lines)


def test_rules_without_tests_are_named(telltale, project):
    """They are no failure, but nobody should think they were tested."""
    (project / "rules" / "hot.yaml").write_text(WRONG_TEST.partition("tests:")[0])
    said = telltale("rules", "test", "--rule", "hot")
    assert (said.code, said.out) == (0, "0 tests passed.\n")
    assert said.err == "Without tests: hot.\n"


def test_another_folder_of_rules_may_be_named(telltale, project, tmp_path):
    """With the streams and purposes of the settings."""
    folder = tmp_path / "others"
    folder.mkdir()
    without_people(project)
    (project / "purposes.yaml").write_text("purposes: {service: {}}\n")
    (project / "profile.yaml").write_text("values: {orders: {event: order.placed, take: count}}\n")
    (folder / "hot.yaml").write_text(WRONG_TEST)
    said = telltale("rules", "list", folder)
    assert said.code == 0
    assert [line.split()[0] for line in said.lines] == ["rule", "hot"]


def test_an_empty_folder_of_rules_says_so(telltale, project):
    """An empty result has its reason, on standard error."""
    for file in (project / "rules").iterdir():
        file.unlink()
    without_people(project)
    (project / "purposes.yaml").write_text("purposes: {service: {}}\n")
    (project / "profile.yaml").write_text("values: {orders: {event: order.placed, take: count}}\n")
    said = telltale("rules", "list")
    assert (said.code, said.out, said.err) == (0, "", "There are no rules in rules.\n")


@pytest.mark.usefixtures("project")
def test_publishing_counts_up_only_when_something_changed(telltale, project):
    """The same files twice are one set; a changed rule is the next, and what changed is shown first."""
    first = telltale("rules", "publish")
    assert "+ rule vehicle-silent" in first.lines
    assert first.lines[-1] == "Rule set 1 is in force."
    assert first.err == "No rule set is in force yet.\n"
    assert telltale("rules", "publish").out == "Nothing changed: rule set 1 is in force.\n"
    file = project / "rules" / "vehicle-silent.yaml"
    file.write_text(file.read_text().replace("ends: {silent: 30d}", "ends: {silent: 20d}"))
    said = telltale("rules", "publish", "--yes")
    assert said.lines == ["~ rule vehicle-silent: ends.silent 30d → 20d", "Rule set 2 is in force."]


def test_a_dry_run_publishes_nothing_and_makes_no_bus(telltale, project):
    """It shows what would change, and leaves everything as it was."""
    said = telltale("rules", "publish", "--dry-run")
    assert said.code == 0
    assert "+ rule complaint" in said.lines
    assert said.err.endswith("Nothing was published.\n")
    assert not (project / "state").exists()


@pytest.mark.usefixtures("project")
def test_a_file_renamed_is_a_new_set_that_changes_nothing_else(telltale, project):
    """Its rule is the same, and that is said."""
    telltale("rules", "publish")
    (project / "rules" / "complaint.yaml").rename(project / "rules" / "a-complaint.yaml")
    said = telltale("rules", "publish")
    assert said.lines[0] == "~ only the names of files or the order of declarations"


@pytest.mark.usefixtures("project")
def test_a_rule_is_shown_in_plain_words(telltale):
    """By its name or its file."""
    for named in ("vehicle-silent", "rules/vehicle-silent.yaml"):
        said = telltale("rules", "show", named)
        assert said.code == 0
        assert said.lines[0] == "vehicle-silent  (rules/vehicle-silent.yaml)"
        assert "Raised when nothing is heard for 10m of a device that was heard before." in said.lines
    said = telltale("rules", "show", "vehicle-slient")
    assert (said.code, said.err) == (2, "There is no rule 'vehicle-slient'. Did you mean 'vehicle-silent'?\n")


def test_the_published_set_is_listed_whatever_the_files_say_now(telltale, project):
    """What is in force is read from the topic."""
    telltale("rules", "publish")
    (project / "rules" / "vehicle-silent.yaml").unlink()
    listed = [
        json.loads(line)["rule"] for line in telltale("rules", "list", "--published", "-o", "json").lines
    ]
    assert "vehicle-silent" in listed
    assert "vehicle-silent" not in telltale("rules", "list").out


@pytest.mark.usefixtures("bus")
def test_nothing_published_says_how_to_publish(telltale):
    """The command stands in the error."""
    said = telltale("rules", "list", "--published")
    assert said.code == 2
    assert "telltale rules publish" in said.err
