"""What the demonstration says at its end: what was planted and what came, what was done, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
    table(
        ("planted", "people", "expected", "came", "extra"),
        [
            [t.told, str(t.people), str(t.wanted), str(t.came), str(t.unwanted)]
            for t in judgement.people.lines
        ],
    )
    print()
    table(
        ("said of people by", "messages"), [[name, str(count)] for name, count in judgement.sources.items()]
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
    _who_is_who(judgement)
    _verdict(judgement)
    _look_further(judgement, folder)


def _matrix(name: str, rows: Mapping[str, Counter[str]], columns: tuple[str, ...]) -> None:
    """Counts by two things; columns that nobody has are left out."""
    used = [column for column in columns if any(row[column] for row in rows.values())]
    used += sorted({column for row in rows.values() for column in row} - set(columns))
    table((name, *used), [[key, *(str(row[column]) for column in used)] for key, row in sorted(rows.items())])


def _who_is_who(judgement: Judgement) -> None:
    """Each merge and split with its reason."""
    if not judgement.became:
        return
    title("Who turned out to be whom")
    for became in judgement.became:
        told = "are one person" if became.change.kind == "merge" else "are two people"
        one, other = (handle.replace(":", " ", 1) for handle in (became.change.one, became.change.other))
        paragraph(f"{harmless(one)} and {harmless(other)} {told}: {harmless(became.because)}.")
        if became.follows:
            paragraph(f"  {harmless(became.follows)}")
    print()


def _look_further(judgement: Judgement, folder: Path) -> None:
    """What to type next."""
    print()
    paragraph(f"Look further: {folder}/outbox holds what would be sent.")
    print(f"  telltale topics list -c {folder}")
    for became in judgement.became:
        asked = "why" if became.change.kind == "merge" else "why-not"
        print(f"  telltale identity {asked} {became.change.one} {became.change.other} -c {folder}")
    for became in judgement.became[1:2]:
        print(f"  telltale profile show {became.change.other} -c {folder}")
        print(f"  telltale why --customer {became.customer} -c {folder}")


def _verdict(judgement: Judgement) -> None:
    """One sentence when all is right, else what is not."""
    if judgement.right:
        came = sum(line.came for line in judgement.truths)
        title(f"All {came} planted alarms came, nothing else did, and no message was lost.")
        print("Everybody is who they are; what was due to each was done, and nothing else.")
        return
    compared = judgement.comparison
    title("Not all is as planted.")
    _list("did not come", [_expected(one) for one in compared.missing])
    _list("should not have come", [_alarm(one) for one in compared.unexpected])
    _list("came again with other content", [_alarm(one) for one in compared.contradicted])
    _list("did not come, of people", judgement.people.missing)
    _list("should not have come, of people", judgement.people.unexpected)
    _list("known otherwise", judgement.people.otherwise)
    _list("miscounted", [f"{name}: {found}, not {wanted}" for name, wanted, found in judgement.miscounted])


def _list(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"  {title}: {len(lines)}")
    for line in lines[:_MOST_SHOWN]:
        print(f"    {harmless(line)}")


def _expected(one: Expected) -> str:
    between = f"{time_of(one.not_before)} – {time_of(one.not_after)}"
    return f"{one.device} {one.rule} {one.transition} {one.severity or ''} ({one.truth}), {between}"


def _alarm(alarm: Alarm) -> str:
    return f"{alarm.device} {alarm.rule} {alarm.transition} {alarm.severity or ''}, {time_of(alarm.at)}"
