"""The first five minutes of a data team, by the README's word: a stranger's CSV becomes a rule in force.

What the README tells to type is typed into two terminals, in order, and what it tells to save is saved; each command
has to say what the text promises.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import Block, blocks
from tests.docs.terminal import Terminal

README = Path(__file__).parents[2] / "README.md"
HEADING = "A first rule of your own in five minutes"
RUN = "telltale run --all"
BACKTEST = "telltale backtest ../pumps.csv"
# What each command has to say, in the order of the text; one that is not here is a failure.
SAYS = {
    ". .venv/bin/activate": "",
    "awk": "",
    "telltale init my-pumps --from pumps.csv": "my-pumps holds the stream 'pumps' and one rule",
    "cd my-pumps": "",
    "telltale streams check ../pumps.csv": r"864\b.* taken",
    "rm rules/*": "",
    "telltale check": "1 stream, 2 fields.* 1 rule, 1 test",
    "telltale rules test": r"\b[12] tests? passed",
    "telltale rules show bearing-hot": "3 readings in a row.* bearing_c",
    BACKTEST: r"bearing-hot +\d+ .* 3 +\d+ +pump-",
    "cp -r . ../before": "",
    f"{BACKTEST} --against ../before": "only before",
    "telltale rules publish --yes": "[Rr]ule set 2 is in force",
    "telltale topics send pumps ../pumps.csv": "864 messages",
    "telltale topics lag": "telltale-outbox",
    "cat outbox/task/*": "Look at the bearing of pump-3",
    "telltale why --device pump-3 --rule bearing-hot": r"Raised at .* bearing_c rose by [0-9.]+ \(it needs 3\)",
    "telltale why --device pump-2 --rule bearing-hot": r"Not raised by .*: \d+ of 10; rise -?[0-9.]+ of 3",
}


def statements(block: Block) -> Iterator[str]:
    """What is typed at once: lines up to where every quote is closed."""
    open_lines = ""
    for line in block.lines:
        open_lines += line
        try:
            shlex.split(open_lines)
        except ValueError:
            open_lines += "\n"
            continue
        yield open_lines
        open_lines = ""


def promised(typed: str) -> str:
    """What a command has to say."""
    key = "awk" if typed.startswith("awk ") else typed
    assert key in SAYS, f"{typed!r} has no test: say in SAYS what it prints"
    return SAYS[key]


def type_it(terminal: Terminal, typed: str) -> str:
    """Type one command, again until nothing is behind if it asks for that, and return what it said."""
    expected = promised(typed)
    while True:
        code, said = terminal.type(typed)
        assert code == 0, f"{typed}\n{said}"
        behind = re.findall(r"telltale-\w+ +\S+ +\d+ +(\d+)", said)
        if typed != "telltale topics lag" or (behind and not any(map(int, behind))):
            break
    assert re.search(expected, said), f"{typed}\n{said}"
    return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new folder, with the environment that `make demo` leaves behind and nothing else."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.mark.slow
def test_a_strangers_csv_becomes_a_rule_in_force_that_explains_itself(folder: Path) -> None:
    """Inferred, written, tested, backtested against its first version, published, and asked why and why not."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TELLTALE_")}
    told: dict[str, str] = {}
    with Terminal(folder, environment) as first, Terminal(folder, environment) as second:
        typing = first
        for block in (block for block in blocks(README) if block.heading == HEADING):
            if block.language == "yaml":
                place = block.lines[0].removeprefix("# ")
                (folder / "my-pumps" / place).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
                continue
            for typed in statements(block):
                if typed == RUN:
                    assert "Running devices, customers, outbox" in first.start(typed, "Ctrl-C stops.")
                    typing = second
                    for line in ("cd my-pumps", ". ../.venv/bin/activate"):
                        assert second.type(line)[0] == 0
                else:
                    told[typed] = type_it(typing, typed)
        code, said = first.interrupt()
    assert (code, said.endswith("Stopped.")) == (130, True), said
    assert set(told) == {*(set(SAYS) - {"awk"}), next(typed for typed in told if typed.startswith("awk "))}
