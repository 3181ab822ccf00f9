"""`telltale why`: why something was done, and why something was not, from decisions and outcomes."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import scan
from flows.cli.options import Config, Output, Rows, bus_of, names_of, settings_of
from flows.cli.show import harmless, pairs, say, time_of, value_of
from flows.customers.why import ActionTold, CheckTold, Why, why_customer, why_id
from flows.errors import ArgumentWrong
from flows.fields import did_you_mean
from flows.schema import Alarm, Decision, encode
from flows.topics.names import TopicNames
from flows.topics.port import Topics

_TIMES = ("valid_until", "now")


def why(
    id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Of a decision, an alarm, an episode or an action.")
    ] = None,
    customer: Annotated[str | None, typer.Option(help="All decisions of this customer.")] = None,
    rule: Annotated[str | None, typer.Option(help="With --customer: only of this rule.")] = None,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Tell why something was done or not: the checks with the values they saw, the actions, what became of them."""
    if (id is None) == (customer is None):
        raise ArgumentWrong(
            "Either an ID or --customer is needed", "For example `telltale why --customer C`."
        )
    settings = settings_of(config)
    names = names_of(settings)
    with bus_of(settings) as topics:
        decisions = list(scan.values(topics, names.decisions, Decision))
        outcomes = list(scan.outcomes(topics, names.outcomes))
        found = (
            why_customer(customer or "", rule, decisions, outcomes)
            if id is None
            else why_id(id, decisions, outcomes)
        )
        if not found:
            say(_nothing(id, customer or "", rule, decisions, topics, names))
            return
    for i, told in enumerate(found):
        if output is Output.json:
            print(encode(told).decode())
        else:
            if i:
                print()
            tell(told)


def tell(told: Why) -> None:
    """Print one decision."""
    what = f"{told.rule} {told.transition}" if told.transition else told.rule
    print(f"{what}: {harmless(told.said)}")
    pairs(
        [
            ("because", harmless(told.explanation)),
            ("about", harmless(told.subject)),
            ("customer", harmless(told.customer)),
            ("happened", f"{time_of(told.at)} UTC"),
            ("decided", f"{time_of(told.decided_at)} UTC, rule set {told.rule_set}"),
            ("decision", told.decision),
        ],
        indent="  ",
    )
    if told.checks:
        print("  checks")
        pairs(((check.answer, _check(check)) for check in told.checks), indent="    ")
    if told.actions:
        print("  actions")
        pairs(((action.name, _action(action)) for action in told.actions), indent="    ")


def _check(check: CheckTold) -> str:
    seen = ", ".join(
        f"{name} = {time_of(value) if name in _TIMES and isinstance(value, int) else value_of(value)}"
        for name, value in check.values.items()
    )
    of = f"{check.action}: " if check.action else ""
    return harmless(f"{of}{check.kind}, {check.text}" + (f"  ({seen})" if seen else ""))


def _action(action: ActionTold) -> str:
    to = f" to the {action.to}" if action.to else ""
    if action.status == "published":
        return harmless(f"published{to}; outcome: {action.outcome}  ({action.id})")
    status = action.status.replace("_", " ")
    reason = f": {action.reason}" if action.reason and action.reason != status else ""
    was_for = f"; was for the {action.to}" if action.to else ""
    return harmless(f"{status}{reason}{was_for}  ({action.id})")


def _nothing(
    wanted: str | None,
    customer: str,
    rule: str | None,
    decisions: list[Decision],
    topics: Topics,
    names: TopicNames,
) -> str:
    """Why there is nothing to tell."""
    if wanted is not None:
        alarm = next(
            (a for a in scan.values(topics, names.alarms, Alarm) if wanted in (a.id, a.episode)), None
        )
        if alarm is not None:
            return f"{wanted} is an alarm of {alarm.rule} that the customers flow has not decided yet."
    if not decisions:
        return "Nothing was decided yet: no rule has raised an alarm, or `telltale run` is not running."
    if wanted is not None:
        return f"None of {len(decisions)} decisions is, or was brought about by, or did {wanted!r}."
    mine = {d.rule for d in decisions if d.customer == customer}
    if not mine:
        hint = did_you_mean(customer, {d.customer for d in decisions}) if len(decisions) < 1000 else ""
        near = (
            hint if hint.startswith("Did") else f"The last decisions were for {_last_customers(decisions)}."
        )
        return f"Nothing was decided for the customer {customer!r}. {near}"
    return f"No rule {rule!r} decided anything for {customer!r}. {did_you_mean(rule or '', mine)}"


def _last_customers(decisions: list[Decision]) -> str:
    """The three customers decided for last, so that there is one to ask about."""
    newest_first = sorted(decisions, key=lambda d: d.decided_at, reverse=True)
    return harmless(", ".join(list(dict.fromkeys(d.customer for d in newest_first))[:3]))
