"""`telltale backtest` as a person meets it: alarms and summary, two versions beside each other, and broken archives."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import zstandard

from flows.archives import batches
from tests.command import Said, Telltale
from tests.unit.cli.conftest import STARTER

START = 1_714_550_400_000  # 2024-05-01 08:00 UTC
CLIMB = (90, 90, 105, 107, 106, 109, 108, 111, 110, 113, 112, 115, 119, 121, 110, 98, 97, 96)
Backtest = Callable[..., Said]


def readings(device: str, *coolant: float, start: int = START) -> Iterator[dict[str, object]]:
    """A reading every ten seconds."""
    for i, value in enumerate(coolant):
        yield {"device": device, "at": start + i * 10_000, "coolant_c": value, "mil": "off"}


def lines_of(found: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in found)


def fleet() -> list[dict[str, object]]:
    """Two devices that climb, one after the other, and one that is well, in the order of time."""
    found = [*readings("hot-1", *CLIMB), *readings("well", *[88] * 60)]
    found += readings("hot-2", *CLIMB, start=START + 300_000)
    return sorted(found, key=lambda one: str(one["at"]))


@pytest.fixture
def archive(project: Path) -> Path:
    """The fleet as lines, and what is known of its devices beside it."""
    (project / "things.csv").write_text("device,hot_c\nhot-1,105\nhot-2,105\nwell,105\n")
    path = project / "may.jsonl"
    path.write_bytes(lines_of(fleet()))
    return path


@pytest.fixture
def backtest(telltale: Telltale, archive: Path) -> Backtest:
    """The command with what it always needs."""
    return partial(telltale, "backtest", "--stream", "vehicle", "--things", archive.with_name("things.csv"))


def test_lines_and_summary(backtest: Backtest, archive: Path) -> None:
    """Each alarm is a line with its reason, then come per rule how often, and what became of the readings."""
    said = backtest(archive)
    assert said.code == 0
    assert said.err == ""
    raised = [line for line in said.lines if " raised " in line]
    assert raised[0].startswith("2024-05-01 08:01:50  hot-1  engine-overheating  raised")
    assert raised[0].endswith("10 readings in a row at or above 105 °C, up 9.0 °C in 1m30s.")
    assert "escalated    critical" in said.out
    overheating = next(line for line in said.lines if line.startswith("engine-overheating"))
    assert overheating.split() == ["engine-overheating", "2", "292.9", "2", "1", "hot-1"]
    assert "readings    96: 96 taken, 0 late, 0 duplicate, 0 dead" in said.lines
    assert "event time  2024-05-01 08:00:00 to 2024-05-01 08:09:50 UTC (9m50s)" in said.lines


def test_json(backtest: Backtest, archive: Path) -> None:
    """One object a line and nothing else on standard output; the summary stands on standard error."""
    said = backtest(archive, "--json")
    found = [json.loads(line) for line in said.lines]
    first = found[0]
    assert list(first)[:7] == ["device", "rule", "transition", "severity", "at", "time", "episode"]
    assert (first["device"], first["rule"], first["transition"], first["severity"]) == (
        "hot-1", "engine-overheating", "raised", "warning",
    )  # fmt: skip
    assert first["at"] == START + 110_000
    assert first["time"] == "2024-05-01T08:01:50.000Z"
    assert first["evidence"]["reading"]["coolant_c"] == 115
    assert json.loads(archive.read_text().splitlines()[first["line"] - 1])["coolant_c"] == 115
    assert [one["transition"] for one in found if one["device"] == "hot-2"] == [
        "raised", "escalated", "deescalated", "cleared",
    ]  # fmt: skip
    assert "readings    96: 96 taken" in said.err


def test_the_same_bytes_however_it_is_read(
    backtest: Backtest, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of 1, 7, 1000 and all, packed or plain, broken lines between: the same alarms, byte for byte."""
    dirty = archive.read_bytes().replace(b"\n", b"\nbroken\n", 20)
    archive.write_bytes(dirty)
    packed = [archive.with_name("may.jsonl.gz"), archive.with_name("may.jsonl.zst")]
    packed[0].write_bytes(gzip.compress(dirty))
    packed[1].write_bytes(zstandard.ZstdCompressor().compress(dirty))
    read = batches.read_batches
    told: set[str] = set()
    for size in (1, 7, 1000, 1 << 20):
        monkeypatch.setattr(batches, "read_batches", partial(read, readings=size))
        told.add(backtest(archive, "--json").out)
        told.add(backtest(archive).out.replace(".gz", "").replace(".zst", ""))
    assert len(told) == 2
    told |= {backtest(path, "--json").out for path in packed}
    assert len(told) == 2


def test_nothing_is_raised(backtest: Backtest, archive: Path) -> None:
    """A quiet archive prints a summary of noughts, and --exit-code finds nothing."""
    archive.write_bytes(lines_of(list(readings("well", *[88] * 9))))
    said = backtest(archive, "--exit-code")
    assert said.code == 0
    assert re.search(r"^engine-overheating +0 ", said.out, re.M)


def test_exit_code(backtest: Backtest, archive: Path) -> None:
    """With --exit-code 1 says that something was raised, and without it 0."""
    assert backtest(archive, "--exit-code").code == 1
    assert backtest(archive).code == 0
    assert backtest(archive, "--exit-code", "--rule", "check-engine").code == 0


def test_a_rule_by_name(backtest: Backtest, archive: Path) -> None:
    """Only that rule plays; one that nobody knows, or that watches something else, is said with what to do."""
    said = backtest(archive, "--rule", "check-engine")
    assert "engine-overheating" not in said.out
    wrong = backtest(archive, "--rule", "check-engin")
    assert (wrong.code, wrong.out) == (2, "")
    assert "Did you mean 'check-engine'?" in wrong.err
    other = backtest(archive, "--rule", "complaint")
    assert other.code == 2
    assert "events of the type" in other.err


def test_a_disabled_rule(backtest: Backtest, archive: Path, project: Path) -> None:
    """It is left out with a remark, and plays when it is named."""
    rule = project / "rules" / "engine-overheating.yaml"
    rule.write_text(rule.read_text().replace("mode: live", "mode: disabled"))
    left_out = backtest(archive)
    assert "engine-overheating" not in left_out.out
    assert "disabled: engine-overheating" in left_out.err
    assert " raised " in backtest(archive, "--rule", "engine-overheating").out


def test_attributes_that_nothing_gives(telltale: Telltale, archive: Path) -> None:
    """Without them the rule cannot be true: that is remarked, with what to give."""
    said = telltale("backtest", "--stream", "vehicle", archive)
    assert not [line for line in said.lines if line.startswith("2024-")]
    assert said.lines[0].startswith("rule ")
    assert "engine-overheating reads device.hot_c, which nothing gives" in said.err
    assert "--things FILE" in said.err


def test_a_period(backtest: Backtest, archive: Path) -> None:
    """--from counts alarms from a time on, --to leaves out what comes after."""
    late = backtest(archive, "--from", "2024-05-01T08:05:00Z")
    assert "hot-1" not in "".join(line for line in late.lines if "raised" in line)
    assert " hot-2 " in late.out
    early = backtest(archive, "--to", "2024-05-01T08:05:00")
    assert " hot-2 " not in early.out
    assert "48 after --to left out" in early.out
    assert backtest(archive, "--to", "noon").code == 2
    nothing = backtest(archive, "--from", "2024-05-02", "--to", "2024-05-01")
    assert (nothing.code, nothing.out) == (2, "")
    assert nothing.err == "--to is not after --from, so nothing lies between. Give a later --to.\n"


def test_what_a_step_cannot_take_is_told_beside_the_results(
    backtest: Backtest, archive: Path, project: Path
) -> None:
    """Standard output stays JSON, a line an alarm; file and line of the step stand on standard error."""
    settings = project / "telltale.toml"
    settings.write_text(settings.read_text().replace("# steps", "steps", 1))
    (project / "steps.py").write_text("def readings(columns):\n    raise ValueError('no')\n")
    said = backtest(archive, "--json")
    assert [json.loads(line) for line in said.lines] == []
    assert "error: readings step, steps.py:2: ValueError: no" in said.err


def other_rules(project: Path, before: str, after: str) -> Path:
    """Another folder of the same rules, in one of which some words are others."""
    folder = project / "old"
    folder.mkdir()
    for rule in (project / "rules").iterdir():
        text = rule.read_text()
        if rule.stem == "engine-overheating":
            assert before in text
            text = text.replace(before, after)
        (folder / rule.name).write_text(text)
    return folder


def test_against_the_same(backtest: Backtest, archive: Path, project: Path) -> None:
    """A folder of the same rules, or the same configuration, differs in nothing: no line, code 0."""
    for folder in (project / "rules", project, STARTER):
        said = backtest(archive, "--against", folder, "--exit-code")
        assert said.code == 0
        assert "Nothing differs." in said.err
        assert [line for line in said.lines if line[:2] in ("+ ", "- ")] == []
        overheating = next(line for line in said.lines if line.startswith("engine-overheating"))
        assert overheating.split() == ["engine-overheating", "0", "0", "0", "0", "8"]


def test_against_another(backtest: Backtest, archive: Path, project: Path) -> None:
    """A run of eight before raises earlier and at another severity: counted per rule, and shown by side."""
    old = other_rules(project, "run: 10 ", "run: 8 ")
    said = backtest(archive, "--against", old, "--exit-code")
    assert said.code == 1
    marked = [line for line in said.lines if line[:2] in ("+ ", "- ")]
    assert any(line.startswith("-") and "08:01:30" in line and "now at" in line for line in marked)
    assert any(line.startswith("+") and "08:01:50" in line and line.endswith("20s later") for line in marked)
    # What comes at the same moment differs in when its episode began.
    cleared = {
        line[0]: line.split("  ")[-1].strip() for line in marked if " hot-1 " in line and " cleared " in line
    }
    assert cleared == {"+": "opened 2024-05-01 08:01:50", "-": "opened 2024-05-01 08:01:30"}
    lines = [json.loads(line) for line in backtest(archive, "--against", old, "--json").lines]
    assert {(one["side"], one["difference"]) for one in lines} == {("now", "shifted"), ("before", "shifted")}
    assert backtest(archive, "--against", old).code == 0


def test_against_rules_over_other_streams(backtest: Backtest, archive: Path, project: Path) -> None:
    """Another configuration that believes less of the values is played over the same lines in its own way."""
    old = project.with_name("old-project")
    (old / "rules").mkdir(parents=True)
    for path in [*project.glob("*.yaml"), *project.glob("*.toml"), *project.glob("rules/*.yaml")]:
        (old / path.relative_to(project)).write_text(path.read_text())
    streams = old / "streams.yaml"
    streams.write_text(streams.read_text().replace("range: [-60, 250]}", "range: [-60, 100]}"))
    said = backtest(archive, "--against", old)
    assert said.err == ""
    overheating = next(line for line in said.lines if line.startswith("engine-overheating"))
    assert overheating.split() == ["engine-overheating", "8", "0", "0", "0", "0"]


def test_a_broken_archive(backtest: Backtest, archive: Path) -> None:
    """What stands before the cut is told whole, then one paragraph says where it breaks, and the code is 2."""
    frames = [zstandard.ZstdCompressor().compress(archive.read_bytes()) for _ in range(2)]
    cut = archive.with_name("cut.jsonl.zst")
    cut.write_bytes(frames[0] + frames[1][:-10])
    said = backtest(cut)
    assert said.code == 2
    assert " raised " in said.out
    assert re.search(r"^readings +96: ", said.out, re.M)
    assert re.search(r"cut\.jsonl\.zst:97: .*cut off", said.err)


def test_broken_lines(backtest: Backtest, archive: Path) -> None:
    """They are dead letters, counted with the numbers of the first lines, and no error."""
    archive.write_bytes(archive.read_bytes() + b"broken\n" + b'{"device": "a"}\n')
    said = backtest(archive)
    assert said.code == 0
    assert "96 taken, 0 late, 0 duplicate, 2 dead" in said.out
    assert re.search(r"^dead not_json +1 in .*may\.jsonl, line 97: ", said.out, re.M)
    assert re.search(r"^dead missing_field +1 in .*may\.jsonl, line 98: ", said.out, re.M)


def test_wrong_arguments(backtest: Backtest, telltale: Telltale, archive: Path) -> None:
    """A file that is not there, a stream or a length that makes no sense: one paragraph, nothing printed."""
    for wrong, words in (
        (backtest(archive, "none.jsonl"), r"none\.jsonl: No such file"),
        (telltale("backtest", "--stream", "vehicel", archive), "Did you mean 'vehicle'"),
        (backtest(archive, "--against", "rules", "--within", "soon"), "not a duration"),
        (backtest(archive, "--against", "no-such-folder"), "no-such-folder"),
    ):
        assert (wrong.code, wrong.out) == (2, "")
        assert re.search(words, wrong.err)


def test_the_only_stream(telltale: Telltale, archive: Path) -> None:
    """Where there is but one, it need not be named."""
    assert telltale("backtest", archive, "--things", "things.csv").code == 0


def test_no_reading_at_all(backtest: Backtest, archive: Path) -> None:
    """An archive of something else says why nothing came of it."""
    archive.write_bytes(b'{"name": "x"}\n' * 3)
    said = backtest(archive)
    assert said.code == 0
    assert "because no reading was taken" in said.err
    assert "dead missing_field" in said.out


def test_on_a_terminal(backtest: Backtest, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many alarms the first fifty are shown and the rest counted; --all shows all."""
    many = [one for i in range(20) for one in readings(f"hot-{i}", *CLIMB)]
    archive.write_bytes(lines_of(many))
    archive.with_name("things.csv").write_text(
        "device,hot_c\n" + "".join(f"hot-{i},105\n" for i in range(20))
    )
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    said = backtest(archive)
    shown = [line for line in said.lines if line.startswith("2024-")]
    assert len(shown) == 50
    assert "... and 30 more: --all shows them, --json writes one object a line." in said.err
    whole = backtest(archive, "--all")
    assert len([line for line in whole.lines if line.startswith("2024-")]) == 80
