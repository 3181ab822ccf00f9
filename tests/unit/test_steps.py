"""A file of steps is loaded, or refused in one paragraph with its line and what to do."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from flows.errors import StepsUnreadable
from flows.settings import Settings
from flows.steps import NO_STEPS, Steps, load_steps


def load(folder: Path, text: str) -> Steps:
    """The steps of a file with this text."""
    (folder / "steps.py").write_text(text, encoding="utf-8")
    return load_steps(Settings(folder=str(folder), steps="steps.py"))


def test_without_a_file_there_are_no_steps() -> None:
    """An empty setting is none."""
    assert load_steps(Settings()) is NO_STEPS
    assert NO_STEPS.defined() == ()


def test_any_of_the_points_and_other_names_may_be_defined(tmp_path: Path) -> None:
    """What is not named like a point is the team's own."""
    text = "def helper(a, b): ...\ndef actions(stream): return stream\ndef readings(columns, scale=2): ...\n"
    assert load(tmp_path, text).defined() == ("readings", "actions")


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    """They lie in its folder."""
    (tmp_path / "neighbour_of_steps.py").write_text("def same(stream): return stream\n")
    assert load(tmp_path, "from neighbour_of_steps import same as alarms\n").defined() == ("alarms",)


def test_two_files_of_steps_have_each_their_own_neighbours_of_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a backtest against an older folder, in any order and again; a package counts as well as a module."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    text = (
        "import twin_of_steps\nfrom twin_package.inner import SIDE\n"
        "def alarms(stream): return twin_of_steps.SIDE + SIDE\n"
    )
    found: list[Steps] = []
    for side in "abab":
        inner = tmp_path / side / "twin_package"
        inner.mkdir(parents=True, exist_ok=True)
        (inner / "__init__.py").write_text("")
        (inner / "inner.py").write_text(f"SIDE = {side!r}\n")
        (tmp_path / side / "twin_of_steps.py").write_text(f"SIDE = {side!r}\n")
        found.append(load(tmp_path / side, text))
    assert [steps.alarms(None) for steps in found if steps.alarms] == ["aa", "bb", "aa", "bb"]
    assert sum(path == str(tmp_path / "a") for path in sys.path) == 1


def test_of_a_folder_only_the_named_file_and_what_it_imports_is_run(tmp_path: Path) -> None:
    """Whatever else lies there, also under the name of something installed."""
    (tmp_path / "msgspec.py").write_text("raise RuntimeError('run')\n")
    (tmp_path / "other_steps.py").write_text("raise RuntimeError('run')\n")
    assert load(tmp_path, "import msgspec\ndef alarms(stream): return stream\n").defined() == ("alarms",)


def test_state_of_its_own_classes_can_be_read_again(tmp_path: Path) -> None:
    """The recovery store pickles them by a name that is there whatever the file is called."""
    text = "class Seen:\n    count = 3\ndef alarms(stream): return stream\nalarms.seen = Seen()\n"
    steps = load(tmp_path, text)
    seen = pickle.dumps(vars(steps.alarms)["seen"])
    load(tmp_path, text)
    assert pickle.loads(seen).count == 3  # noqa: S301


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("x = 1\ndef alarms(stream:\n    return stream\n", 2, "it is no Python"),
        ("\nimport nothing_of_that_name\n", 2, "No module named 'nothing_of_that_name'"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "it raises ZeroDivisionError when it is imported"),
        ("import sys\nsys.exit(1)\n", 2, "it raises SystemExit"),
        ("def alarm(stream): ...\n", None, "it defines no step"),
        ("\nactions = 3\n", 2, "`actions` is no function"),
        ("class actions:\n    def __init__(self, stream): ...\n", 1, "`actions` is no function"),
        ("\n\ndef events(): ...\n", 3, "`events` must take a stream and nothing else"),
        ("def events(a, b): ...\n", 1, "`events` must take a stream and nothing else"),
        ("def readings(): ...\n", 1, "`readings` must take columns and nothing else"),
        ("async def events(stream): ...\n", 1, "must return and neither yield nor await"),
        ("def events(stream):\n    yield stream\n", 1, "must return and neither yield nor await"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int | None, what: str
) -> None:
    """One plain paragraph: file, line, what is wrong, how to mend it."""
    with pytest.raises(StepsUnreadable) as raised:
        load(tmp_path, text)
    assert (raised.value.file, raised.value.line) == (str(tmp_path / "steps.py"), line)
    assert what in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_mistake_in_a_neighbour_is_told_by_its_own_line(tmp_path: Path) -> None:
    """Not by the import that led there."""
    (tmp_path / "wrong_neighbour_of_steps.py").write_text("a = 1\nb = a.upper()\n")
    with pytest.raises(StepsUnreadable, match="AttributeError") as raised:
        load(tmp_path, "import wrong_neighbour_of_steps\n")
    assert (Path(raised.value.file).name, raised.value.line) == ("wrong_neighbour_of_steps.py", 2)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the setting that names it."""
    with pytest.raises(StepsUnreadable, match=r"no such Python file.*`steps` in the settings"):
        load_steps(Settings(folder=str(tmp_path), steps="stepz.py"))
