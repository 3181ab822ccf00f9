"""`telltale init`: what it makes is green at once."""

import json
import os
import re

import jsonschema
import pytest
from ruamel.yaml import YAML

from flows.identity.seals import MasterKey
from flows.settings import load_settings
from tests.unit.cli.conftest import STARTER

NUMBERS = "at,pump,flow\n" + "".join(
    f"{1_700_000_000 + i * 60},p{i % 3},{50 + i * 7 % 11}\n" for i in range(200)
)
WORDS = "at,pump,state\n" + "".join(
    f"{1_700_000_000 + i * 60},p{i % 3},{'bad' if i % 50 == 0 else 'good'}\n" for i in range(200)
)
NOTES = "at,pump,ok,note\n" + "".join(f"{1_700_000_000 + i},p{i % 3},true,n{i}\n" for i in range(60))
NARROW = "at,pump,metric,value\n" + "".join(
    f"{1_700_000_000 + i},p{i % 3},{('flow', 'heat')[i % 2]},{i * 7 % 11}\n" for i in range(200)
)
ODD = "".join(
    json.dumps({"at": 1_700_000_000 + i, "pump": f"p{i % 3}", "state": [9] if i == 7 else "on"[i % 50 > 0 :]})
    + "\n"
    for i in range(200)
)
NOTHING = "at,pump\n" + "".join(f"{1_700_000_000 + i},p{i % 3}\n" for i in range(60))
CONSTANT = "hour,height\n" + "".join(f"{i},-5.5\n" for i in range(1, 60))


def green(telltale, folder):
    """The configuration loads, its rules' tests pass, and each file is as the schema it names says."""
    assert telltale("rules", "check", "--config", folder).code == 0
    said = telltale("rules", "test", "--config", folder)
    assert said.code == 0, said.out
    for file in folder.rglob("*.yaml"):
        first, _, rest = file.read_text(encoding="utf-8").partition("\n")
        named = file.parent / first.removeprefix("# yaml-language-server: $schema=")
        jsonschema.validate(YAML(typ="safe").load(rest), json.loads(named.read_text()))
    assert {"state/", "outbox/"} <= set((folder / ".gitignore").read_text().splitlines())
    return said


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A folder in which one stands, without settings from the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TELLTALE_CONFIG", raising=False)
    return tmp_path


def test_the_starter_is_green_and_the_commands_to_go_on_with_are_said(telltale, empty):
    """Its rules load and pass; three commands come next."""
    said = telltale("init", "fleet")
    assert said.code == 0
    assert [line.split()[:2] for line in said.lines[1:]] == [
        ["telltale", "rules"], ["telltale", "run"], ["telltale", "simulate"],
    ]  # fmt: skip
    assert "passed" in green(telltale, empty / "fleet").out


def test_each_configuration_has_secrets_of_its_own(telltale, empty):
    """Four that nobody can guess, each another, in the places that the settings show."""
    (empty / "a.csv").write_text(NUMBERS)
    assert telltale("init", "one").code == telltale("init", "two", "--from", "a.csv").code == 0
    assert "key = " not in re.sub("^#.*", "", (STARTER / "telltale.toml").read_text(), flags=re.MULTILINE)
    found = [load_settings(empty / name / "telltale.toml", {}) for name in ("one", "two")]
    keys = {key for each in found for key in (each.tenant_key, each.identity.vault_key)}
    assert len(keys) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)
    for key in keys:
        MasterKey(key, os.urandom)


@pytest.mark.parametrize("text", [NUMBERS, WORDS, NOTES, NARROW, CONSTANT])
def test_a_strangers_archive_gets_a_rule_that_passes_its_test(telltale, empty, text):
    """Numbers, words, texts, one measurement a row, what never changes: all green, and the archive is taken whole."""
    (empty / "a.csv").write_text(text)
    assert telltale("init", "mine", "--from", "a.csv").code == 0
    assert "passed" in green(telltale, empty / "mine").out
    assert telltale("streams", "check", "--config", "mine", "a.csv").code == 0


def test_the_first_rule_can_be_removed(telltale, empty):
    """Nothing else depends on it, and `telltale check` remarks on nothing but what is missing then."""
    (empty / "a.csv").write_text(NUMBERS)
    assert telltale("init", "mine", "--from", "a.csv").code == 0
    assert telltale("check", "--config", "mine").err == ""
    for rule in (empty / "mine" / "rules").iterdir():
        rule.unlink()
    said = telltale("check", "--config", "mine")
    assert (said.code, said.err) == (0, "Streams that no rule watches: a.\n")


def test_a_value_that_is_none_of_its_words_leaves_the_rule_whole(telltale, empty):
    """The rule is on the word that was seen least; what is no word at all is refused."""
    (empty / "a.jsonl").write_text(ODD)
    assert telltale("init", "mine", "--from", "a.jsonl").code == 0
    green(telltale, empty / "mine")
    assert 'state == "on"' in (empty / "mine" / "rules" / "state-first.yaml").read_text()


def test_an_archive_without_measurements_gets_a_rule_on_silence(telltale, empty):
    """Nothing but devices and times is enough to begin with."""
    (empty / "a.csv").write_text(NOTHING)
    assert telltale("init", "mine", "--from", "a.csv").code == 0
    green(telltale, empty / "mine")
    assert "absence" in (empty / "mine" / "rules" / "silent-first.yaml").read_text()


def test_a_folder_that_holds_something_is_left_alone(telltale, empty):
    """A folder with a file in it, and a file, are refused; an empty folder is taken, also the one stood in."""
    (empty / "full").mkdir()
    (empty / "full" / "a").touch()
    for name, why in [("full", "it is not empty"), ("full/a", "it is a file")]:
        said = telltale("init", name)
        assert said.code == 2
        assert f"{name} cannot take a new configuration: {why}" in said.err
    assert [file.name for file in (empty / "full").iterdir()] == ["a"]


def test_where_one_stands_needs_no_config(telltale, empty, monkeypatch):
    """In the folder itself the commands need no --config."""
    (empty / "here").mkdir()
    monkeypatch.chdir(empty / "here")
    said = telltale("init", ".")
    assert said.code == 0
    assert "--config" not in said.out


def test_an_archive_that_cannot_be_told_leaves_no_folder(telltale, empty):
    """The error of the archive comes first, and nothing is made."""
    (empty / "a.csv").write_text("a,b\n1,2\n")
    said = telltale("init", "mine", "--from", "a.csv")
    assert said.code == 2
    assert not (empty / "mine").exists()
