"""telltale.toml and the environment: what counts, where it comes from, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import SettingsWrong
from flows.settings import Settings, find_settings, load_settings

FILE = """\
tenant = "acme"
topics.bus = "sqlite"

[devices]
# of state
epoch_s = 2

[metrics]
port = 9100
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file to be written."""
    path = tmp_path / "telltale.toml"
    path.write_text(FILE)
    return path


def mistakes(file: Path, text: str, **environment: str) -> list[str]:
    """What is said of a file, without its folder."""
    file.write_text(text)
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(file, environment)
    return str(wrong.value).replace(f"{file.parent}/", "").splitlines()


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(file):
    """And each says where it is from."""
    found = find_settings(file, {"TELLTALE_METRICS_PORT": "9200", "TELLTALE_TENANT_KEY": "k", "OTHER": "x"})
    settings = found.settings
    assert (settings.tenant, settings.devices.epoch_s, settings.metrics.port) == ("acme", 2.0, 9200)
    assert settings.path("x") == file.parent / "x"
    assert found.origins == {
        "tenant": f"{file}:1",
        "tenant_key": "TELLTALE_TENANT_KEY",
        "topics.bus": f"{file}:2",
        "devices.epoch_s": f"{file}:6",
        "metrics.port": "TELLTALE_METRICS_PORT",
    }


def test_without_a_file_the_defaults_hold(tmp_path):
    """A file that is absent sets nothing."""
    found = find_settings(tmp_path / "none.toml", {})
    assert found.settings == Settings(folder=str(tmp_path))
    assert found.origins == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tennant = 'a'", "telltale.toml:1:1: tennant: no such setting. Did you mean 'tenant'?"),
        ("bus = 'kafka'", "telltale.toml:1:1: bus: no such setting. It belongs below [topics]."),
        (
            "[topics]\ntenant='a'",
            "telltale.toml:2:1: topics.tenant: no such setting. It belongs above all tables.",
        ),
        (
            "\n[topics]\n  partitons=3",
            "telltale.toml:3:3: topics.partitons: no such setting. Did you mean 'partitions'?",
        ),
        (
            "topics.partitions = 0",
            "telltale.toml:1:1: topics.partitions: 0 cannot be used. Write a whole number >= 1.",
        ),
        (
            "topics = {bus = 'kafk'}",
            "telltale.toml:1:1: topics.bus: 'kafk' cannot be used. Did you mean 'kafka'?",
        ),
        ("topics = 3", "telltale.toml:1:1: topics: this is a table. Write [topics], and its settings below."),
        (
            "devices.epoch_s = true",
            "telltale.toml:1:1: devices.epoch_s: true cannot be used. Write a number.",
        ),
        (
            "tenant_key = 123",
            "telltale.toml:1:1: tenant_key: 'this' cannot be used. Write a text in quotes.",
        ),
        (
            "topics.options = 'x'",
            "telltale.toml:1:1: topics.options: 'x' cannot be used. Write a table of names with texts.",
        ),
        (
            "tenant = 'a'\nx = [",
            "telltale.toml: not TOML: Invalid value. Something at its end is not closed.",
        ),
        (
            "tenant = 'a'\nx y",
            "telltale.toml:2:3: not TOML: Expected '=' after a key in a key/value pair. "
            "Mend this line, or the one before.",
        ),
        (
            "topics.bus = 'kafka'",
            "telltale.toml:1: the bus is kafka, but topics.bootstrap_servers is empty. "
            "Set it, or TELLTALE_TOPICS_BOOTSTRAP_SERVERS, to host:port of a broker.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_mend(file, text, said):
    """One line: file, line, column, path, what is wrong, what to do."""
    assert mistakes(file, text) == [said.replace("'this'", "this")]


def test_all_mistakes_come_at_once(file):
    """Those of the file and those of the environment."""
    said = mistakes(
        file, "tennant = 1\n[metrics]\nport = 70000", TELLTALE_TOPICS_PART="3", TELLTALE_METRICS_PORT="none"
    )
    assert [line.split(". ")[0] for line in said] == [
        "telltale.toml:1:1: tennant: no such setting",
        "telltale.toml:3:1: metrics.port: 70000 cannot be used",
        "environment variable TELLTALE_METRICS_PORT: 'none' cannot be used",
        "environment variable TELLTALE_TOPICS_PART: no such setting",
    ]


def test_librdkafkas_options_may_be_numbers_and_yes_or_no(file):
    """They are handed on as the texts that librdkafka wants."""
    file.write_text("[topics.options]\n'socket.timeout.ms' = 5000\n'enable.ssl' = true\nx = 'y'\n")
    options = load_settings(file, {}).topics.options
    assert options == {"socket.timeout.ms": "5000", "enable.ssl": "true", "x": "y"}


def test_a_file_that_is_no_text_is_refused(file):
    """Its name stands in the error."""
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsWrong, match="cannot be read"):
        load_settings(file, {})
