"""The page about steps and the starter's steps by their word: what is shown there is loaded, attached and tested."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.ids import action_id
from flows.schema import Action, Check, Decision, Event
from flows.settings import Settings, load_settings
from flows.steps import POINTS, Steps, load_steps
from flows.steps_testing import run_step
from tests.docs.markdown import blocks, rows

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "flows" / "reference" / "steps.md"
STARTER = ROOT / "flows" / "starter"


def shown(name: str) -> str:
    """All that the page shows of a file."""
    found = [b for b in blocks(PAGE) if b.language == "python" and b.lines[0] == f"# {name}"]
    return "\n\n\n".join("\n".join(block.lines) for block in found) + "\n"


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    """The page's steps, named by the page's setting."""
    (setting,) = (block for block in blocks(PAGE) if block.language == "toml")
    (tmp_path / "telltale.toml").write_text("\n".join(setting.lines))
    (tmp_path / "steps.py").write_text(shown("steps.py"))
    return load_steps(load_settings(tmp_path / "telltale.toml", {}))


def test_the_page_shows_a_step_for_each_point(steps: Steps) -> None:
    """Each is in its table too, and in its picture."""
    assert steps.defined() == POINTS
    assert [row[0][0] for row in rows(PAGE, "Where steps are attached")] == list(POINTS)
    (picture,) = (block for block in blocks(PAGE) if block.language == "mermaid")
    assert all(f"{{{{{point}}}}}" in "\n".join(picture.lines) for point in POINTS)


def test_the_languages_of_the_page_are_those_that_tests_read() -> None:
    """So that no block is shown that nothing runs; YAML is read with that of all pages."""
    python = [block.lines[0] for block in blocks(PAGE) if block.language == "python"]
    assert set(python) == {"# steps.py", "# test_steps.py"}
    assert {block.language for block in blocks(PAGE)} == {"toml", "mermaid", "yaml", "python", "console"}


def test_the_tests_that_the_page_shows_pass(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    """They import the page's steps."""
    assert steps.file is not None
    monkeypatch.syspath_prepend(str(steps.file.parent))
    monkeypatch.delitem(sys.modules, "steps", raising=False)
    names: dict[str, Any] = {}
    exec(compile(shown("test_steps.py"), "test_steps.py", "exec"), names)  # noqa: S102 - it is our own page
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()
    monkeypatch.delitem(sys.modules, "steps", raising=False)


def test_the_other_steps_of_the_page_do_what_they_say(steps: Steps) -> None:
    """A test event is left out, a refusal says why, a case has its link."""
    assert steps.events is not None
    assert steps.decisions is not None
    assert steps.actions is not None
    real = Event(id="1", source="shop", type="t", subject="crm:1", time="2025-10-09T08:53:20Z")
    tested = msgspec.structs.replace(real, source="shop/test")
    assert run_step(steps.events, [real, tested]) == [real]
    decision = Decision(
        id="d", number=1, tenant="t", customer="c", rule="r", rule_set=1, trigger="alarm", at=1, decided_at=1,
        verdict="refused", explanation="Hot.", checks=(Check(kind="guard", text="age > 3", result=False),),
    )  # fmt: skip
    assert run_step(steps.decisions, [decision])[0].explanation == "Hot. Not so: age > 3."
    action = Action(
        id=action_id("d", "open_case"), name="open_case", kind="open_case", lane="normal", tenant="t", customer="c",
        rule="r", rule_set=1, decision="d", device="veh-7", at=1, valid_until=2,
    )  # fmt: skip
    assert run_step(steps.actions, [action])[0].parameters == {"card": "https://fleet.example/veh-7"}


def test_the_starters_steps_pass_their_own_tests(tmp_path: Path) -> None:
    """By the page's command, in a copy as a user makes it."""
    (command,) = (block.lines for block in blocks(PAGE) if block.language == "console")
    assert command == ("python -m pytest my-fleet",)
    shutil.copytree(STARTER, tmp_path / "my-fleet", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, *command[0].split()[1:]], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_starter_loads_its_steps_once_they_are_named() -> None:
    """Without the comment sign the line of its settings is right; with it nothing is paid for."""
    text = (STARTER / "telltale.toml").read_text()
    assert '\n# steps = "steps.py" ' in text
    assert load_settings(STARTER / "telltale.toml", {}).steps == ""
    assert load_steps(Settings(folder=str(STARTER), steps="steps.py")).defined() == ("readings", "actions")
