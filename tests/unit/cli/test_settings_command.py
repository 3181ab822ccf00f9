"""`telltale settings show`: every setting, where it comes from, and no secret."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def told(telltale, project):  # noqa: ARG001 - it is stood in
    """What is shown of each setting, as JSON."""

    def run(*arguments):
        said = telltale("settings", "show", "-o", "json", *arguments)
        assert (said.code, said.err) == (0, "")
        return {row.pop("setting"): row for row in map(json.loads, said.lines)}

    return run


def test_each_setting_says_where_it_comes_from(told, monkeypatch):
    """A line of the file, a variable, or the default."""
    monkeypatch.setenv("TELLTALE_TOPICS_PARTITIONS", "8")
    rows = told("--origin")
    assert rows["topics.partitions"] == {"value": 8, "from": "TELLTALE_TOPICS_PARTITIONS"}
    assert rows["topics.prefix"] == {"value": "", "from": "default"}
    assert rows["tenant"]["from"].startswith("telltale.toml:")
    assert "from" not in told()["tenant"]


def test_secrets_stay_hidden(told, project, telltale, monkeypatch):
    """The tenant's key, and options of librdkafka's that hold one; in the table too."""
    monkeypatch.setenv("TELLTALE_TENANT_KEY", "hush")
    with (project / "telltale.toml").open("a") as file:
        file.write('\n[topics.options]\n"sasl.password" = "hush"\n"sasl.username" = "me"\n')
    rows = told()
    assert rows["tenant_key"]["value"] == rows["topics.options.sasl.password"]["value"] == "(hidden)"
    assert rows["topics.options.sasl.username"]["value"] == "me"
    assert "hush" not in telltale("settings", "show", "--origin").out


@pytest.mark.usefixtures("project")
def test_the_table_is_aligned_and_says_what_is_empty(telltale):
    """A header and a line a setting."""
    said = telltale("settings", "show", "--origin")
    assert said.lines[0].split() == ["setting", "value", "from"]
    assert any(line.split() == ["topics.prefix", "(empty)", "default"] for line in said.lines)


def test_without_a_file_it_says_that_there_is_none(telltale, tmp_path, monkeypatch):
    """The defaults are shown all the same."""
    monkeypatch.chdir(tmp_path)
    said = telltale("settings", "show")
    assert said.code == 0
    assert "There is no telltale.toml here" in said.err
