"""`telltale rules report`: what each rule came to, from decisions and outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

import msgspec
import typer

from flows.cli import scan
from flows.cli.options import Config, Output, Rows, bus_of, example, names_of, settings_of
from flows.cli.show import rows, say
from flows.durations import parse_duration
from flows.errors import ArgumentWrong
from flows.schema import Check, Decision, Outcome

EXAMPLE = example("telltale rules report --since 7d", "telltale rules report --rule complaint -o json")


class _Tally(msgspec.Struct):
    """What one rule came to, in numbers."""

    raised: int = 0
    acted: int = 0
    held: int = 0
    held_out: int = 0
    too_late: int = 0
    delivered: int = 0
    resolved: int = 0
    failed: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter[str])


def report(
    since: Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back, as 24h.")] = "7d",
    rule: Annotated[str | None, typer.Option("--rule", metavar="RULE", help="Only this rule.")] = None,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show what each rule came to.

    That is how often it was raised, acted, was delivered and resolved, was held out, and refused by which
    check. A customer rule is raised by an event. What became of an action counts however late it was said.
    """
    from flows.engine.clock import wall_clock

    back = parse_duration(since)
    if not back:
        raise ArgumentWrong(f"--since {since!r} is no duration", "Write for example 24h or 7d.")
    settings, start = settings_of(config), wall_clock() - back
    names = names_of(settings)
    with bus_of(settings) as topics:
        decisions = {
            d.id: d
            for d in scan.values(topics, names.decisions, Decision)
            if d.decided_at >= start and rule in (None, d.rule)
        }
        outcomes = list(scan.outcomes(topics, names.outcomes))
    tallies = _tallies(decisions.values(), outcomes)
    found = [_row(name, tallies[name]) for name in sorted(tallies)]
    rows(found, output, f"Nothing was decided in the last {since}.")
    if found and output is Output.table:
        say("refused: how often, by the check that said no.")


def _tallies(decisions: Iterable[Decision], outcomes: Iterable[Outcome]) -> dict[str, _Tally]:
    """By rule."""
    found: dict[str, _Tally] = {}
    whose: dict[str, str] = {}
    for decision in decisions:
        tally = found.setdefault(decision.rule, _Tally())
        _add(tally, decision)
        whose |= {planned.action.id: decision.rule for planned in decision.actions}
    latest: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.id in whose:
            latest.setdefault(outcome.id, []).append(outcome)
    for action, said in latest.items():
        tally = found[whose[action]]
        tally.delivered += any(each.status == "accepted" for each in said)
        tally.failed += any(each.status in ("failed", "expired", "suppressed") for each in said)
        tally.resolved += any(each.result is not None for each in said)
    return found


def _add(tally: _Tally, decision: Decision) -> None:
    tally.raised += decision.transition in (None, "raised") and decision.follows is None
    if decision.variant == "held_out":
        tally.held_out += 1
        return
    match decision.verdict:
        case "acted":
            tally.acted += 1
        case "held":
            tally.held += 1
        case "too_late":
            tally.too_late += 1
        case "refused":
            tally.refused[_refused_by(decision.checks)] += 1
        case _:
            pass


def _refused_by(checks: Iterable[Check]) -> str:
    """The kind of the check that said no, or did not know."""
    said = [check for check in checks if not check.result]
    return next((check.kind for check in said if check.action is None), said[0].kind if said else "other")


def _row(name: str, tally: _Tally) -> dict[str, object]:
    refused = ", ".join(f"{kind} {count}" for kind, count in tally.refused.most_common())
    return {
        "rule": name,
        "raised": tally.raised,
        "acted": tally.acted,
        "delivered": tally.delivered,
        "resolved": tally.resolved,
        "failed": tally.failed,
        "held": tally.held,
        "held_out": tally.held_out,
        "too_late": tally.too_late,
        "refused": refused,
    }
