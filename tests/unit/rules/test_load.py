"""Loading whole configurations: all mistakes of all files at once, each with its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from flows.errors import RulesWrong
from flows.rules.load import compile_documents, load_configuration, load_rules
from flows.settings import Settings
from tests.unit.rules.mistakes import ENDS, HEAD, PROFILE, PURPOSES, STREAMS, TAIL, surroundings

RULE = f"{HEAD}when: {{run: 3, of: coolant_c > 9}}\n{ENDS}{TAIL}"


def project(folder: Path, rules: dict[str, str], **files: str) -> Settings:
    """A folder with a configuration; `files` replaces one of the other files by its name."""
    (folder / "rules").mkdir()
    purposes = PURPOSES.replace("[hot]", "[]")
    for name, text in {"streams": STREAMS, "purposes": purposes, "profile": PROFILE, **files}.items():
        (folder / f"{name}.yaml").write_text(dedent(text), encoding="utf-8")
    for name, text in rules.items():
        (folder / "rules" / name).write_text(dedent(text), encoding="utf-8")
    return Settings(folder=str(folder))


def wrong(settings: Settings) -> list[str]:
    """The lines of the error, without the folder."""
    with pytest.raises(RulesWrong) as error:
        load_configuration(settings)
    return [line.removeprefix(f"{settings.folder}/") for line in str(error.value).splitlines()]


FIVE_MISTAKES = {
    "a-unknown-field.yaml": """\
        rule: a
        stream: vehicle
        when: {run: 3, of: coolant_c > 100}
        ends: {silent: 1h}
        limit: [{per: device, at_most: 1, every: 1h}]
        limits: [{per: rule, at_most: 10, every: 1h}]
        """,
    "b-repeated-key.yaml": """\
        rule: b
        stream: vehicle
        when: {run: 3, of: coolant_c > 100}
        ends: {silent: 1h}
        ends: {silent: 2h}
        limits: [{per: rule, at_most: 10, every: 1h}]
        """,
    "c-split-expression.yaml": """\
        rule: c
        stream: vehicle
        when: {run: 10, of: min(coolant_c, battery_v) >= 3}
        ends: {silent: 1h}
        limits: [{per: rule, at_most: 10, every: 1h}]
        """,
    "d-unbounded.yaml": """\
        rule: d
        stream: vehicle
        when:
          count: 8
          of: coolant_c > 100
        ends: {silent: 1h}
        limits: [{per: rule, at_most: 10, every: 1h}]
        """,
    "e-no-such-column.yaml": """\
        rule: e
        stream: vehicle
        when: {run: 3, of: cooland_c > 100}
        ends: {silent: 1h}
        limits: [{per: rule, at_most: 10, every: 1h}]
        """,
}


def test_five_mistakes_in_five_files_are_five_errors_at_once(tmp_path: Path) -> None:
    """Each has its file, line, column and hint, and no mistake brings another with it."""
    settings = project(tmp_path, FIVE_MISTAKES)
    assert wrong(settings) == [
        "rules/a-unknown-field.yaml:5:1: limit: unknown field 'limit'. Did you mean 'limits'?",
        "rules/b-repeated-key.yaml:5:1: the key 'ends' is repeated (first on line 4). Keep one of them.",
        "rules/c-split-expression.yaml:3:21: when.of: a comma inside braces ends the value, and split it. "
        'Quote the expression: "..."',
        "rules/d-unbounded.yaml:4:10: when.count: a count needs a bound: of how many readings. "
        "Write e.g. `8 of 10`, at most of 64.",
        "rules/e-no-such-column.yaml:3:20: when.of: the stream 'vehicle' has no 'cooland_c'. "
        "Did you mean 'coolant_c'?",
    ]


def test_mistakes_of_all_kinds_of_files_come_together(tmp_path: Path) -> None:
    """Streams, purposes, profile and rules are read in one go, also when one of them is wrong."""
    settings = project(
        tmp_path,
        {"a.yaml": RULE.replace("coolant_c > 9", "coolant_c >")},
        streams=STREAMS.replace("{type: text}", "{type: txt}"),
        purposes="purposes: {service: {lane: slow}}",
        profile="values: {spent: {take: sum, field: amount}}",
    )
    files = [line.split(":")[0] for line in wrong(settings)]
    assert files == ["profile.yaml", "purposes.yaml", "rules/a.yaml", "streams.yaml"]


@pytest.mark.parametrize(
    ("rules", "part"),
    [
        ({"a.yaml": RULE, "b.yaml": RULE}, "rules/b.yaml:1:1: rule: the rule 'r' stands in "),
        ({"a.yaml": ""}, "rules/a.yaml:1:1: the file is empty"),
        ({"a.yaml": "- 1"}, "rules/a.yaml:1:1: a mapping is needed here"),
        ({"a.yaml": "rule: a\n"}, "rules/a.yaml:1:1: the rule watches nothing"),
        ({"a.yaml": RULE.replace("vehicle", "vehicles")}, "Did you mean 'vehicle'?"),
        (
            {"a.yaml": RULE.replace("rule: r", "rule: R!")},
            "rules/a.yaml:1:7: rule: 'R!' cannot be a rule's name",
        ),
        ({"a.yaml": RULE.replace(TAIL, "")}, "a limit per rule is missing"),
        ({"a.yaml": RULE.replace("per: rule", "per: device")}, "a limit per rule is missing"),
        ({"a.yaml": RULE + "x: [1, 2\n"}, "not YAML"),
    ],
)
def test_a_broken_rule_file_is_told_by_its_name(tmp_path: Path, rules: dict[str, str], part: str) -> None:
    """What makes a whole file unusable is said once, where it stands."""
    found = wrong(project(tmp_path, rules))
    assert any(part in line for line in found), found


def test_rules_that_purposes_and_profile_name_must_exist(tmp_path: Path) -> None:
    """A misspelt rule there would silently allow or count nothing."""
    settings = project(
        tmp_path,
        {"a.yaml": RULE.replace("rule: r\n", "rule: hot-engine\n")},
        purposes="purposes: {safety: {rules: [hot-engin]}}",
        profile="values: {n: {alarm: hot-engines, take: count}}",
    )
    assert wrong(settings) == [
        "profile.yaml:1:21: values.n.alarm: there is no rule 'hot-engines'. Did you mean 'hot-engine'?",
        "purposes.yaml:1:29: purposes.safety.rules[0]: there is no rule 'hot-engin'. Did you mean 'hot-engine'?",
    ]


def test_missing_files_are_named(tmp_path: Path) -> None:
    """Streams and rules must be there; purposes and profile may be missing under their default names."""
    found = wrong(Settings(folder=str(tmp_path)))
    assert [line.split(":")[0] for line in found] == ["rules", "streams.yaml"]
    named = wrong(Settings(folder=str(tmp_path), purposes="why.yaml"))
    assert [line.split(":")[0] for line in named] == ["rules", "streams.yaml", "why.yaml"]


def test_a_right_configuration_is_whole(tmp_path: Path) -> None:
    """Rules come by name, whatever their files are called."""
    rules = {"z.yaml": RULE, "y.yaml": RULE.replace("rule: r", "rule: s"), "notes.txt": "no rule"}
    found = load_configuration(project(tmp_path, rules))
    assert [rule.name for rule in found.rules] == ["r", "s"]
    assert found.rules[0].file.endswith("rules/z.yaml")
    assert set(found.streams) == {"vehicle"}
    assert set(found.purposes) == {"safety", "service", "marketing.cart"}
    assert set(found.budgets) == {"news"}
    assert [aggregate.source for aggregate in found.profile] == ["event:order.placed"]
    assert found.rule_set("default").number == 0


def test_plain_documents_compile_to_the_same_rules(tmp_path: Path) -> None:
    """What is published as plain data means what the files meant."""
    found = load_configuration(project(tmp_path, {"z.yaml": RULE}))
    again = compile_documents(found.documents)
    assert [rule.fingerprint for rule in again.rules] == [rule.fingerprint for rule in found.rules]
    assert again.streams == found.streams
    assert again.documents.fingerprint() == found.documents.fingerprint()


def test_mistakes_in_plain_data_have_a_path_but_no_line(tmp_path: Path) -> None:
    """There is no text to point at any more."""
    found = load_configuration(project(tmp_path, {"z.yaml": RULE}))
    plain = {"rule": "r", "stream": "vehicle", "when": {"run": 3, "of": "cool > 1"}, "ends": {"silent": "1h"}}
    documents = msgspec.structs.replace(found.documents, rules={"r.yaml": plain})
    with pytest.raises(RulesWrong) as error:
        compile_documents(documents, "rules/3/")
    lines = str(error.value).splitlines()
    assert lines[0].startswith("rules/3/r.yaml: a limit per rule is missing")
    assert lines[1].startswith("rules/3/r.yaml: when.of: the stream 'vehicle' has no 'cool'")


def test_a_folder_of_rules_can_be_loaded_alone(tmp_path: Path) -> None:
    """Given streams and purposes, and without them the mistakes are raised."""
    around = surroundings()
    (tmp_path / "a.yaml").write_text(RULE, encoding="utf-8")
    assert [rule.name for rule in load_rules(tmp_path, around)] == ["r"]
    with pytest.raises(RulesWrong, match="there is no stream 'vehicle'"):
        load_rules(tmp_path, msgspec.structs.replace(around, streams={}))


def test_the_whole_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    """A comment changes nothing, another action does: then the set must be published again."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "three").mkdir()
    texts = {"one": RULE, "two": "# A comment.\n" + RULE, "three": RULE + "about: x\n"}
    found = [load_configuration(project(tmp_path / name, {"a.yaml": text})) for name, text in texts.items()]
    one, two, three = (configuration.documents.fingerprint() for configuration in found)
    assert one == two
    assert one != three
