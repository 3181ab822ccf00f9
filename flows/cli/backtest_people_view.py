"""How a backtest of customers is told: alarms and decisions as rows of text, then what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.backtest.people_inputs import Kind
from flows.backtest.people_tally import BudgetUse, most_of
from flows.cli.backtest_view import AlarmTable, dead_line, print_readings, print_rules
from flows.cli.show import harmless, pairs, table, time_of
from flows.durations import format_duration
from flows.rules.model import RuleSet
from flows.schema import Alarm, Decision, Verdict

if TYPE_CHECKING:
    from flows.backtest.archive import Backtest
    from flows.backtest.people_difference import ActionCounts, ActionDiffering
    from flows.backtest.people_side import Counts, Side
    from flows.backtest.people_tally import Day, Most, PeopleTally, Spread

_HEADERS = ("time", "device or customer", "rule", "what", "how", "because")
_VERDICTS: tuple[Verdict, ...] = ("acted", "refused", "held", "too_late", "dry_run", "nothing")
_MOST_DAYS = 31
_NAMES = {
    Kind.EVENT: "events",
    Kind.ROW: "source records",
    Kind.JUDGEMENT: "judgements",
    Kind.OUTCOME: "outcomes",
    Kind.ALARM: "alarms",
}


class PeopleTable:
    """Alarms and decisions as rows of text, line by line, aligned as far as is known by then."""

    def __init__(self, sets: Iterable[RuleSet]) -> None:
        rules = [rule for each in sets for rule in each.rules]
        self._alarms = AlarmTable(rule for rule in rules if rule.stream is not None)
        names = max((len(rule.name) for rule in rules), default=0)
        self._sizes = [len("2024-01-01 00:00:00"), len("customer:0123456789ab"), names, len("deescalated"), 0]

    def of_alarm(self, alarm: Alarm) -> list[str]:
        """The cells of an alarm."""
        return self._alarms.cells(alarm)

    def of_decision(self, decision: Decision, now: int) -> list[str]:
        """The cells of a decision at event time `now` (ms)."""
        going = [each for each in decision.actions if each.status in ("published", "held", "dry_run")]
        shown = going or decision.actions
        because = decision.reason or ("" if decision.sensitive else decision.explanation)
        return [
            time_of(now),
            harmless(decision.customer),
            decision.rule,
            decision.verdict.replace("_", " "),
            ", ".join(each.action.name for each in shown),
            harmless(because),
        ]

    def of_differing(self, one: ActionDiffering) -> list[str]:
        """The cells of an action that differs: + for the rules as they are now, - for those before."""
        action = one.mine.planned.action
        return [
            "+" if one.side == "now" else "-",
            time_of(one.mine.at),
            harmless(action.customer),
            action.rule,
            one.mine.planned.status.replace("_", " "),
            action.name,
            _difference(one),
        ]

    def line(self, cells: list[str]) -> str:
        """Cells as one line."""
        mark, cells = (f"{cells[0]}  ", cells[1:]) if len(cells) > len(_HEADERS) else ("", cells)
        for i, size in enumerate(self._sizes):
            self._sizes[i] = max(size, len(cells[i]))
        shown = [cell.ljust(size) for cell, size in zip(cells, [*self._sizes, 0], strict=True)]
        return (mark + "  ".join(shown)).rstrip()


def print_found(cells: Sequence[list[str]]) -> None:
    """Some rows as a table."""
    marked = bool(cells) and len(cells[0]) > len(_HEADERS)
    table(("", *_HEADERS[:-1], "difference") if marked else _HEADERS, cells)


def print_people_rules(tally: PeopleTally, span: int | None) -> None:
    """By rule: what it decided, and what was done."""
    cells = [
        [
            rule,
            *(str(total.verdicts[verdict]) for verdict in _VERDICTS),
            str(total.actions),
            f"{total.actions * 86_400_000 / span:.1f}" if span else "",
            str(len(total.customers)),
            *_most(total.most),
        ]
        for rule, total in tally.rules.items()
    ]  # fmt: skip
    headers = (
        "acted",
        "refused",
        "held",
        "too late",
        "dry run",
        "nothing",
        "actions",
        "per day",
        "customers",
    )
    table(("rule", *headers, "most for one", "which is"), cells)


def print_refused(tally: PeopleTally) -> None:
    """By rule and check, how many decisions it refused something."""
    if tally.refused:
        print()
        cells = [[rule, check, str(count)] for (rule, check), count in sorted(tally.refused.items())]
        table(("rule", "refused by", "decisions"), cells)


def print_days(tally: PeopleTally, whole: bool) -> int:
    """By day (UTC) what was decided and done; returns how many days are left out unless it is to be `whole`."""
    days = tally.days if whole else tally.days[:_MOST_DAYS]
    if days:
        print()
        cells = [
            [
                _date(day.day),
                str(day.decisions),
                str(day.actions),
                str(day.customers),
                *_most(day.most),
                _by_rule(day),
            ]
            for day in days
        ]
        headers = ("day", "decisions", "actions", "customers", "most for one", "which is", "actions by rule")
        table(headers, cells)
    return len(tally.days) - len(days)


def print_devices(devices: Backtest) -> None:
    """How often rules raised of devices, and what became of the readings."""
    print()
    print_rules(devices)
    print()
    print_readings(devices)


def print_people(side: Side, counts: Counts) -> None:
    """What was read, who was who, and how much anybody got."""
    tally, people = side.tally, side.people
    print()
    told = [(_NAMES[kind], _counts(counts, side, kind)) for kind in _NAMES if counts.of(kind)]
    found = [
        *told,
        ("event time", _times(counts)),
        ("customers", _customers(side)),
        ("actions", f"{tally.acted}{_for_one(tally)}"),
        ("messages", _messages(tally.messages)),
    ]
    for name, budget in sorted(side.rule_set.budgets.items()):
        found.append((f"budget {name}", _budget(tally, name, budget.at_most, budget.every)))
    if people.answers.answered or people.answers.unknown:
        found.append(("look-ups", f"{people.answers.answered} answered, {people.answers.unknown} unknown"))
    if people.unplaced:
        found.append(("outcomes", f"{people.unplaced} of actions that were not done here"))
    dead = [*counts.refused.dead, *people.refused.dead]
    pairs([*found, *((f"dead {each.reason}", dead_line(each)) for each in dead)])


def print_action_counts(found: Sequence[ActionCounts]) -> None:
    """In what the rules differ, counted in actions."""
    cells = [
        [one.rule, *map(str, (one.only_now, one.only_before, one.changed, one.shifted, one.same))]
        for one in found
    ]
    table(("actions of", "only now", "only before", "changed", "shifted", "same"), cells)


def _difference(one: ActionDiffering) -> str:
    """In what an action differs from its pair, in a few words."""
    if one.other is None:
        return f"only {one.side}"
    shift = one.mine.at - one.other.at
    if one.how == "shifted" or shift:
        return (
            f"{format_duration(abs(shift))} {'later' if shift > 0 else 'earlier'}"
            if shift
            else "by another trigger"
        )
    mine, other = one.mine.planned, one.other.planned
    if mine.status != other.status:
        return f"{'was' if one.side == 'now' else 'is'} {other.status.replace('_', ' ')}"
    return "says something else"


def _most(most: Most) -> tuple[str, str]:
    return str(most.count), harmless(most.customer)


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def _by_rule(day: Day) -> str:
    return ", ".join(f"{rule} {each.actions}" for rule, each in sorted(day.rules.items()) if each.actions)


def _counts(counts: Counts, side: Side, kind: Kind) -> str:
    """What became of the lines of a kind."""
    refused = counts.refused.lines[kind] + side.people.refused.lines[kind]
    said = f"{counts.of(kind)}: {counts.of(kind) - counts.after[kind] - refused} taken"
    if kind != Kind.ALARM:
        said += f", {refused} dead"
    return said + (f", {counts.after[kind]} after --to left out" if counts.after[kind] else "")


def _times(counts: Counts) -> str:
    if counts.first is None or counts.last is None:
        return ""
    return f"{time_of(counts.first)} to {time_of(counts.last)} UTC ({format_duration(counts.last - counts.first)})"


def _customers(side: Side) -> str:
    """How many there are, and how often it turned out who is who."""
    identity = side.people.identity
    known = str(side.people.customers)
    if identity is None:
        return known
    said = f"{known}; {identity.merged} merged into others, {identity.split} split off"
    return said + (f", {identity.shared} identifiers found shared" if identity.shared else "")


def _for_one(tally: PeopleTally) -> str:
    """Who got most, in all and on one day."""
    in_all = most_of(tally.customers)
    if not in_all.count:
        return ""
    day = min(tally.days, key=lambda each: (-each.most.count, each.day))
    of_a_day = f"{day.most.count} on {_date(day.day)} ({harmless(day.most.customer)})"
    return f"; most for one {in_all.count} ({harmless(in_all.customer)}), on one day {of_a_day}"


def _messages(spread: Spread) -> str:
    """How messages are spread over those who got any."""
    if not spread.customers:
        return "0"
    who = "customer" if spread.customers == 1 else "customers"
    half = f"half got at most {spread.p50}, 99 % at most {spread.p99}, one {spread.most.count}"
    return f"{spread.total} to {spread.customers} {who}: {half}"


def _budget(tally: PeopleTally, name: str, at_most: int, every: int) -> str:
    """How a budget was used."""
    use = tally.budgets.get(name, BudgetUse())
    drawn = f"{use.spent.total()} by {len(use.spent)}" + (
        f", most by one {most_of(use.spent).count}" if use.spent else ""
    )
    return f"{at_most} in {format_duration(every)}: drawn on {drawn}; refused {use.refused}"
