"""What commands print, run in a folder of their own: the starter's files, and beside them readings of a small fleet.

`changed` in it is a copy of those files in which one rule waits for six readings instead of ten, `town` the same fleet
with people beside it, `pumps.csv` a table of another kind with a broken cell, and `pumps` a folder with what
`telltale streams infer` proposes for it.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.cli.app import app
from flows.reference.markdown import block
from flows.simulator.archive import write_archive
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.plan import Plan

_STARTER = Path(__file__).parents[1] / "starter"
_START = 1_772_352_000_000  # 2026-03-01T08:00:00Z
_MINUTE = 60_000


def made(*words: str) -> str:
    """A command and what it prints on standard output; raises what it raises."""
    line = " ".join(words)
    return f"{block('console', line)}\n\n{block('text', _said(Path(_folder().name), line))}"


def _said(folder: Path, line: str) -> str:
    """What a command prints when it is typed in a folder."""
    with chdir(folder), redirect_stdout(StringIO()) as printed:
        app(shlex.split(line)[1:], prog_name="telltale", standalone_mode=False)
    return printed.getvalue()


@cache
def _folder() -> TemporaryDirectory[str]:
    """The folder, for as long as this process lives."""
    folder = TemporaryDirectory(prefix="telltale-")
    root = Path(folder.name)
    for copy in (root, root / "changed"):
        shutil.copytree(_STARTER, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("changed"))
    rule = root / "changed" / "rules" / "engine-overheating.yaml"
    rule.write_text(rule.read_text(encoding="utf-8").replace("run: 10 ", "run: 6 "), encoding="utf-8")
    write_archive(Plan(start=_START, vehicles=40, seed=1, duration=30 * _MINUTE), root / "fleet")
    people = PeoplePlan(start=_START, people=30, seed=1, duration=30 * _MINUTE, pace=None)
    write_archive(
        Plan(start=_START, vehicles=40, seed=1, duration=30 * _MINUTE), root / "town", people=people
    )
    (root / "pumps.csv").write_text("\n".join(_rows()) + "\n", encoding="utf-8")
    (root / "pumps" / "rules").mkdir(parents=True)
    (root / "pumps" / "telltale.toml").touch()
    proposed = _said(root, "telltale streams infer pumps.csv")
    (root / "pumps" / "streams.yaml").write_text(proposed, encoding="utf-8")
    return folder


def _rows() -> Iterator[str]:
    """Three pumps, a row a minute each; one cell is empty and one is no number."""
    yield "read at,pump,pressure,valve,strokes"
    for minute in range(30):
        for pump in range(3):
            pressure = f"{4.2 + pump / 10 + minute % 7 / 20:.2f}"
            shown = {(7, 1): "", (11, 2): "ERR"}.get((minute, pump), pressure)
            valve = "closed" if minute % 10 == 9 else "open"
            yield f"2026-03-01 08:{minute:02}:00,p-{pump},{shown},{valve},{1000 + minute * 12}"
