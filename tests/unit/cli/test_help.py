"""Help, shell completion, and what is said to arguments that make no sense: the same of every command."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer.main

from flows.cli.app import app


def commands(group, *path: str) -> Iterator[tuple[str, ...]]:
    """The path of each command that does something."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


EVERY = list(commands(typer.main.get_command(app)))
GROUPS = sorted({path[:-1] for path in EVERY})


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_each_help_ends_with_an_example_of_its_command(telltale, path):
    """Something to type, not wrapped, that begins as the command does."""
    said = telltale(*path, "--help")
    assert said.code == 0
    assert re.search(rf"\btelltale {' '.join(path)}\b", said.lines[-1]), said.out
    assert said.lines[-1].startswith("    ")


@pytest.mark.parametrize("group", GROUPS, ids=lambda path: " ".join(("telltale", *path)))
def test_each_command_fits_into_one_line_of_its_group(telltale, group, monkeypatch):
    """Nothing is cut off where commands are listed."""
    monkeypatch.setenv("COLUMNS", "80")
    listed = telltale(*group, "--help").out.split("Commands:\n")[1].splitlines()
    assert listed
    assert [line for line in listed if line.endswith("...")] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("topcs",), "No such command 'topcs'. Did you mean 'topics'? See `telltale --help`."),
        (("topics", "lst"), "No such command 'lst'. Did you mean 'list'? See `telltale topics --help`."),
        (
            ("topics", "tail", "alarms", "--form", "x"),
            "There is no option '--form'. Did you mean '--from'? See `telltale topics tail --help`.",
        ),
        (("run", "--quiet"), "There is no option '--quiet'. See `telltale run --help`."),
        (("topics", "tail"), "Missing argument 'TOPIC'. See `telltale topics tail --help`."),
        (
            ("schema",),
            "Missing argument 'KIND'. Choose from: rules, streams, purposes, profile, look_ups, sources, identity, "
            "topics. See `telltale schema --help`.",
        ),
        (
            ("schema", "topcs"),
            "Invalid value for 'KIND': there is no 'topcs'. Did you mean 'topics'? See `telltale schema --help`.",
        ),
        (
            ("topics", "list", "-o", "yaml"),
            "Invalid value for '--output' / '-o': there is no 'yaml'. Known are json, table. "
            "See `telltale topics list --help`.",
        ),
        (("topics", "list", "x"), "Got unexpected extra argument(s) (x). See `telltale topics list --help`."),
    ],
)
def test_arguments_that_make_no_sense_bring_one_line(telltale, arguments, said):
    """With the nearest that does, where help stands, and exit code 2."""
    wrong = telltale(*arguments)
    assert (wrong.code, wrong.out, wrong.err) == (2, "", f"{said}\n")


def test_without_a_command_the_help_is_shown(telltale):
    """Of a group too."""
    for group in ((), ("topics",)):
        said = telltale(*group)
        assert said.code == 2
        assert "Commands:" in said.out + said.err


@pytest.fixture
def completed(telltale, monkeypatch):
    """What bash is offered at the end of a line."""

    def run(line: str) -> list[str]:
        monkeypatch.setenv("_TELLTALE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        return telltale().lines

    return run


@pytest.mark.usefixtures("bus")
def test_bash_completes_commands_and_the_names_of_topics(completed):
    """Of the settings of the folder one stands in."""
    assert completed("telltale dead") == ["dead-letters"]
    assert completed("telltale topics ta") == ["tail"]
    assert completed("telltale topics tail al") == ["alarms"]
    assert "telemetry" in completed("telltale topics send te")
    assert completed("telltale topics lag --group telltale-o") == ["telltale-outbox"]
    assert completed("telltale backtest --rule engine") == ["engine-overheating"]
    assert completed("telltale backtest --stream v") == ["vehicle"]


def test_where_names_cannot_be_told_none_are_offered(completed, project):
    """No bus yet, or settings that are wrong: nothing is said."""
    assert completed("telltale topics tail al") == [""]
    (project / "telltale.toml").write_text("nonsense")
    assert completed("telltale topics tail al") == [""]
    assert not (project / "state").exists()


def test_the_script_for_bash_is_shown(telltale):
    """To be put where the shell reads it."""
    said = telltale("--show-completion", "bash")
    assert said.code == 0
    assert "complete -o default -F _telltale_completion telltale" in said.out
