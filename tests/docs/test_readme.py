"""README.md by its word: each command in it is typed into a terminal, in order, and does what the text says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import msgspec
import pytest

from flows.rules.load import load_configuration
from flows.settings import Settings, load_settings
from tests.docs.markdown import blocks, links, rows
from tests.docs.terminal import Terminal
from tests.docs.test_five_minutes import HEADING as FIVE_MINUTES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MAKE, EMBEDDED, WHO, KAFKA = "See it", "A fleet, step by step", "Who it is", "On your Kafka"
# What each command has to say; a command that is not here has no test, which is a failure.
SAYS = {
    ". .venv/bin/activate": "",
    "telltale init my-fleet": "my-fleet",
    "cd my-fleet": "",
    "telltale check": "14 rules",
    "telltale rules test": r"\b\d+ tests passed",
    "telltale simulate --vehicles 200 --people 100 --duration 30m": (
        r"messages of 200 vehicles written to the topic \S*telemetry.* 100 people"
    ),
    "telltale topics lag": "telltale-outbox",
    "telltale topics tail alarms -n 3": "(.*(raised|escalated|cleared).* veh-){3}",
    "ls outbox/notify": r"\.txt",
    "telltale dead-letters list -n 5": "5 of .* dead letters shown; by reason: future",
    "telltale why --customer c-7d7e925c7522": "raised: acted: open_case, notify.* escalated: not done: too late",
    "telltale identity why shop:S-00037 crm:C-00037": r"Both are customer:\w+, by 2 pieces.*phone, birth_date",
    "telltale identity show crm:C-00037": r"customer:\w+ identifiers .*crm:\w+ +C….*shop:\w+ +S….*consents",
    "telltale profile show crm:C-00037": r"lifetime_value +\d+.*complaints +1 .*rests.*marketing",
    "telltale identity why-not crm:C-00057 shop:S-00039": "it is shared: it stands beside 4 accounts",
    "telltale identity split shop:S-00037 --from crm:C-00037 --reason 'mother and son'": "Judged: 1 pair",
    "telltale identity why-not shop:S-00037 crm:C-00037": "split: .*mother and son",
    "rm -rf state outbox": "",
    "export TELLTALE_TOPICS_BUS=kafka": "",
    "export TELLTALE_TOPICS_BOOTSTRAP_SERVERS=localhost:9092": "",
    "telltale topics create": "telemetry .*topics created",
}
RUNS = {
    "telltale run --all": "Running devices, customers, identity, look-ups, outbox",
    "telltale run --all --processes 2": "Running devices-0, devices-1, customers, identity, look-ups, outbox",
}
# At this the reader looks until nothing is behind.
UNTIL_HANDLED = "telltale topics lag"
# What identity has said the customers flow reads a little later: what is known is asked for so often at most.
TRIES = 60


def commands(heading: str) -> list[list[str]]:
    """The lines of each console block under a heading."""
    return [
        list(block.lines)
        for block in blocks(README)
        if block.heading == heading and block.language == "console"
    ]


def make_dry(target: str) -> list[str]:
    """What `make` would run for a target, without running it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a reader has after `make demo`: the environment and the starter."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    shutil.copytree(ROOT / "flows" / "starter", tmp_path / "flows" / "starter")
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """The environment of a reader who has set nothing of Telltale's."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("TELLTALE_")}, **more}


def type_all(terminal: Terminal, lines: list[str], **instead: str) -> str:
    """Type each line, with the reader's own addresses; each says what it should, and the last one's words return."""
    said = ""
    for line in lines:
        typed = line
        for written, mine in instead.items():
            typed = typed.replace(written, mine)
        if line in RUNS:
            said = terminal.start(typed, "Ctrl-C stops.")
            continue
        code, said = terminal.type(typed)
        while line == UNTIL_HANDLED and not (code or nothing_behind(said)):
            code, said = terminal.type(typed)
        for _ in range(TRIES if " identity " in line or " profile " in line else 0):
            if code == 0 and re.search(SAYS[line], said):
                break
            code, said = terminal.type(typed)
        assert code == 0, f"{typed}\n{said}"
        assert line in SAYS, f"{line!r} has no test: say in SAYS what it prints"
        assert re.search(SAYS[line], said), f"{typed}\n{said}"
    return said


def nothing_behind(said: str) -> bool:
    """Whether `topics lag` lists every group, and each has handled all."""
    listed = re.findall(r"telltale-(\w+) +\S+ +\d+ +(\d+)", said)
    every = {group for group, _ in listed} == {"devices", "customers", "identity", "outbox"}
    return every and all(behind == "0" for _, behind in listed)


def test_every_console_block_is_followed_somewhere_here() -> None:
    """No command stands under a heading that neither the tests below nor test_five_minutes read."""
    headings = {block.heading for block in blocks(README) if block.language == "console"}
    assert headings == {MAKE, EMBEDDED, WHO, KAFKA, FIVE_MINUTES}


def test_both_make_targets_run_what_the_text_says() -> None:
    """`make demo` ends in `telltale demo`, which test_cli_demo runs; `make test` ends in pytest, which runs this."""
    assert commands(MAKE) == [["make demo"], ["make test"]]
    assert make_dry("demo")[-1].endswith("/telltale demo")
    command, *options = make_dry("test")[-1].split()
    assert command.endswith("/pytest")
    assert "tests" not in " ".join(options)  # but all of it


@pytest.mark.slow
def test_your_own_step_by_step(copy: Path) -> None:
    """As pasted into two terminals, from the rules' own tests to why something was not done; Ctrl-C ends it."""
    first_steps, run, *second = commands(EMBEDDED)
    with Terminal(copy, environment()) as terminal, Terminal(copy, environment()) as other:
        type_all(terminal, first_steps)
        assert RUNS[run[0]] in type_all(terminal, run)
        for lines in [*second, *commands(WHO)]:
            type_all(other, lines)
        code, said = terminal.interrupt()
    assert code == 130
    assert said.endswith("Stopped.")
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.kafka
def test_on_your_kafka(copy: Path, kafka_servers: str) -> None:
    """The same folder on a real broker, behind a prefix of its own; the fleet of the embedded bus is handled there."""
    mine = environment(TELLTALE_TOPICS_PREFIX=f"r{uuid.uuid4().hex[:8]}.")
    first_steps, _, fleet, *_ = commands(EMBEDDED)
    (lines,) = commands(KAFKA)
    exports = [line for line in lines if line.startswith("export ")]
    with Terminal(copy, mine) as terminal, Terminal(copy, mine) as other:
        type_all(terminal, first_steps)
        assert RUNS[lines[-1]] in type_all(terminal, lines, **{"localhost:9092": kafka_servers})
        type_all(other, [*exports, *fleet], **{"localhost:9092": kafka_servers})
        code, said = terminal.interrupt()
    assert code == 130
    assert said.endswith("Stopped.")


def test_the_rule_shown_is_the_starters(copy: Path) -> None:
    """It loads beside the starter's streams, purposes and profile, and looks for what the whole one does."""
    (shown,) = (block for block in blocks(README) if block.language == "yaml" and block.heading == "A rule")
    starter = copy / "flows" / "starter"
    settings = load_settings(starter / "telltale.toml", {})
    whole = {rule.name: rule for rule in load_configuration(settings).rules}
    (starter / "rules" / "engine-overheating.yaml").write_text("\n".join(shown.lines), encoding="utf-8")
    short = {rule.name: rule for rule in load_configuration(settings).rules}
    assert short.keys() == whole.keys()
    for field in ("patterns", "severities", "clear", "ends_silent"):
        mine = getattr(short["engine-overheating"], field)
        assert mine == getattr(whole["engine-overheating"], field)
        assert mine


def test_the_table_of_settings_is_complete() -> None:
    """Each setting stands in the row of its table, and nothing that is none."""
    top = set(Settings.__struct_fields__) - {"folder"}
    defaults = Settings()
    tables = {
        name: getattr(defaults, name) for name in top if isinstance(getattr(defaults, name), msgspec.Struct)
    }
    wanted = {name: set(table.__struct_fields__) for name, table in tables.items()}
    wanted["(top)"] = top - tables.keys()
    listed = {name[0] if name else "(top)": set(settings) for name, settings in rows(README, "Settings")}
    assert listed == wanted


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "flows/rules/PATTERNS.md"]
)
def test_links_lead_somewhere(document: str) -> None:
    """Each link within the repository is to what is there."""
    file = ROOT / document
    assert [link for link in links(file) if not (file.parent / link).exists()] == []
