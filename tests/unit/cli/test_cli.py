"""What holds for every command: exit codes, errors as one paragraph, names that are nearly right, plain output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main
from flows.cli.topics import GROUPS
from flows.customers.flow import GROUP as CUSTOMERS_GROUP
from flows.devices.flow import GROUP as DEVICES_GROUP

ROOT = Path(__file__).parents[3]
HEAVY = ("numba", "bytewax", "confluent_kafka", "sqlalchemy")


def test_the_version_is_that_of_the_distribution(telltale):
    """`--version` prints one line."""
    assert re.fullmatch(r"telltale \d+\.\d+\.\d+\n", telltale("--version").out)


def test_without_a_command_the_commands_are_listed(telltale):
    """All groups stand in the help, which is plain text."""
    said = telltale("--help")
    for name in ("demo", "run", "rules", "simulate", "why", "topics", "dead-letters"):
        assert re.search(rf"^  {name} ", said.out, re.MULTILINE), name
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("topcs",), "Did you mean 'topics'?"),
        (("rules", "chek"), "Did you mean 'check'?"),
        (("topics", "tail", "alrms"), "Did you mean 'alarms'?"),
        (("topics", "lag", "--group", "telltale-device"), "Did you mean 'telltale-devices'?"),
        (("rules", "test", "--rule", "engine-overheat"), "Did you mean 'engine-overheating'?"),
        (("run", "devises"), "Did you mean 'devices'?"),
        (("run", "connector", "outbx"), "Did you mean 'outbox'?"),
    ],
)
@pytest.mark.usefixtures("bus")
def test_a_name_that_is_nearly_right_brings_the_right_one(telltale, arguments, hint):
    """A slip of the finger is exit code 2 and a hint on standard error."""
    said = telltale(*arguments)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("topics", "list"), "There are no topics yet"),
        (("why", "x"), "There are no topics yet"),
        (("dead-letters", "list"), "There are no topics yet"),
        (("rules", "check", "-c", "nowhere.toml"), "no settings file nowhere.toml"),
        (("why",), "Either an ID, --customer or --device is needed"),
        (("run", "devices", "--all"), "--all runs every part"),
        (("run", "connector"), "Which connector is meant must be said. Name one: outbox."),
        (("run", "devices", "outbox"), "takes no name"),
        (("simulate", "--duration", "soon"), "is not a duration"),
        (("simulate", "--pace", "0"), "pace"),
        (("simulate", "--folder", "a", "--pace", "2"), "An archive has no pace"),
        (("simulate", "--folder", "a", "--duration", "1m"), "cannot be planned so"),
    ],
)
@pytest.mark.usefixtures("project")
def test_wrong_input_is_one_plain_paragraph_and_exit_code_two(telltale, arguments, needle):
    """No traceback, nothing on standard output, and the mend stands in it."""
    said = telltale(*arguments)
    assert (said.code, said.out) == (2, "")
    assert needle in said.err
    assert len(said.err.splitlines()) == 1


def test_a_flow_without_topics_or_rules_is_refused_before_it_starts(telltale, project):
    """Loading the kernels only to say so would take its time."""
    nothing = telltale("run", "devices")
    assert (nothing.code, "There are no topics yet" in nothing.err) == (2, True)
    assert telltale("topics", "create").code == 0
    unpublished = telltale("run", "customers")
    assert (unpublished.code, "telltale rules publish" in unpublished.err) == (2, True)
    assert not (project / "state" / "customers").exists()


@pytest.mark.usefixtures("project")
def test_a_bus_that_does_not_answer_is_exit_code_three(telltale, monkeypatch):
    """A Kafka nobody serves is unreachable, and the setting to look at is named."""
    monkeypatch.setenv("TELLTALE_TOPICS_BUS", "kafka")
    monkeypatch.setenv("TELLTALE_TOPICS_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    said = telltale("topics", "list")
    assert (said.code, said.out) == (3, "")
    assert "No Kafka broker answers at 127.0.0.1:1" in said.err
    assert "bootstrap_servers" in said.err


@pytest.mark.usefixtures("project")
def test_a_wrong_setting_in_the_environment_is_named(telltale, monkeypatch):
    """The variable stands in the error."""
    monkeypatch.setenv("TELLTALE_TOPICS_PORT", "1")
    said = telltale("rules", "check")
    assert said.code == 2
    assert "TELLTALE_TOPICS_PORT" in said.err


def test_the_settings_may_be_named_by_their_folder_or_by_the_environment(telltale, project, monkeypatch):
    """`-c DIR`, `-c FILE` and TELLTALE_CONFIG mean the same."""
    monkeypatch.chdir(project.parent)
    good = telltale("rules", "check", "-c", project)
    assert good.code == 0
    assert telltale("rules", "check", "-c", project / "telltale.toml") == good
    monkeypatch.setenv("TELLTALE_CONFIG", str(project))
    assert telltale("rules", "check") == good


def test_commands_do_not_load_what_is_slow_before_they_need_it():
    """The command line is there, with all its commands, without kernels, Bytewax and Kafka's client."""
    asked = f"import sys, flows.cli.app; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_a_terminal_that_lacks_a_sign_gets_a_question_mark(project):
    """In a locale of ASCII alone nothing stops in the middle."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "flows.cli", "rules", "show", "engine-overheating", "-c", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "coolant_c ? device.hot_c" in done.stdout


def test_ctrl_c_while_the_command_line_is_loaded_is_no_traceback(monkeypatch):
    """It leaves with the code of an interrupt, as it does later on."""

    class Interrupted:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "flows.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "flows.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted, *sys.meta_path])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 130


def test_the_groups_of_the_lag_are_those_of_the_flows():
    """They are written down a second time, so that asking for the lag loads no flow."""
    assert {DEVICES_GROUP, CUSTOMERS_GROUP} < set(GROUPS)
