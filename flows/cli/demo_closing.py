"""What the demonstration says at its end: what was planted and what came, what was done, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from flows.cli.show import harmless, paragraph, table, time_of, title
from flows.cli.why import tell
from flows.demo.judgement import Judgement
from flows.schema import Alarm
from flows.simulator.truths import Expected

_TRANSITIONS = ("raised", "escalated", "deescalated", "cleared", "lapsed")
_STATUSES = (
    "accepted",
    "failed",
    "expired",
    "unknown",
    "no outcome",
    "too_late",
    "refused",
    "skipped",
    "held",
)
_MOST_SHOWN = 10


def close(judgement: Judgement, folder: Path) -> None:
    """Print the closing tables; the verdict comes last, where one looks."""
    print()
    table(
        ("planted", "vehicles", "expected", "came", "extra"),
        [[t.told, str(t.vehicles), str(t.wanted), str(t.came), str(t.unwanted)] for t in judgement.truths],
    )
    print()
    _matrix("alarms", judgement.alarms, _TRANSITIONS)
    print()
    _matrix("actions", judgement.actions, _STATUSES)
    print()
    table(("dead letters", "messages"), [[name, str(count)] for name, count in judgement.letters.items()])
    for heading, told in (
        ("Why something was done", judgement.done),
        ("Why something was not", judgement.not_done),
    ):
        if told is not None:
            print()
            title(heading)
            tell(told)
    print()
    _verdict(judgement)
    paragraph(f"Look further: {folder}/outbox holds what would be sent; `telltale topics list -c {folder}`.")


def _matrix(name: str, rows: Mapping[str, Counter[str]], columns: tuple[str, ...]) -> None:
    """Counts by two things; columns that nobody has are left out."""
    used = [column for column in columns if any(row[column] for row in rows.values())]
    used += sorted({column for row in rows.values() for column in row} - set(columns))
    table((name, *used), [[key, *(str(row[column]) for column in used)] for key, row in sorted(rows.items())])


def _verdict(judgement: Judgement) -> None:
    """One sentence when all is right, else what is not."""
    if judgement.right:
        came = sum(line.came for line in judgement.truths)
        title(f"All {came} planted alarms came, nothing else did, and no message was lost.")
        return
    compared = judgement.comparison
    title("Not all is as planted.")
    _list("did not come", [_expected(one) for one in compared.missing])
    _list("should not have come", [_alarm(one) for one in compared.unexpected])
    _list("came again with other content", [_alarm(one) for one in compared.contradicted])
    _list("miscounted", [f"{name}: {found}, not {wanted}" for name, wanted, found in judgement.miscounted])


def _list(title: str, lines: list[str]) -> None:
    if lines:
        print(f"  {title}: {len(lines)}")
    for line in lines[:_MOST_SHOWN]:
        print(f"    {harmless(line)}")


def _expected(one: Expected) -> str:
    between = f"{time_of(one.not_before)} – {time_of(one.not_after)}"
    return f"{one.device} {one.rule} {one.transition} {one.severity or ''} ({one.truth}), {between}"


def _alarm(alarm: Alarm) -> str:
    return f"{alarm.device} {alarm.rule} {alarm.transition} {alarm.severity or ''}, {time_of(alarm.at)}"
