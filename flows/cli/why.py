"""`telltale why`: why something was done, and why something was not.

From decisions and outcomes; or, for a device (`why_device.py`), by running the rule over its readings once more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import scan
from flows.cli.handles import customer_of, token_of
from flows.cli.options import Config, Output, Rows, bus_of, example, names_of, settings_of
from flows.cli.show import harmless, pairs, say, time_of, value_of
from flows.customers.why import ActionTold, CheckTold, Why, why_customer, why_id
from flows.engine.clock import wall_clock
from flows.errors import ArgumentWrong
from flows.hints import did_you_mean
from flows.schema import Alarm, Decision, encode
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import Topics

EXAMPLE = example(
    "telltale why --customer email:ada@example.org",
    "telltale why --device veh-17 --rule engine-overheating --at '2026-03-01 08:02'",
)
_TIMES = ("valid_until", "now", "at", "until")


def why(
    id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Of a decision, an alarm, an episode or an action.")
    ] = None,
    customer: Annotated[
        str | None,
        typer.Option(
            metavar="CUSTOMER", help="All decisions of this customer: an id, or a handle such as email:a@b.c."
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE", help="Run --rule over this device's readings, and say how far it was."
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="With --customer: only of this rule. With --device: this rule."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Up to 2026-03-01T08:02:00Z (UTC), ms or -10m; else the last reading."
        ),
    ] = None,
    archive: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Readings from here, JSONL or CSV; repeatable. Else from the topic."
        ),
    ] = None,
    things: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --archive: what rules read as device.<name>.")
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Show so many readings with news, not 20."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Look back so far, as 6h, and show it all.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show every reading.")] = False,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Tell why something was done or not: the checks with the values they saw, the actions, what became of them.

    With --device and --rule: why a rule was raised for a device, or what was still missing, reading by reading.
    """
    given = {
        "--at": at, "--archive": archive, "--things": things, "--last": last, "--since": since,
        "--all": everything or None,
    }  # fmt: skip
    _go_together(id, customer, device, rule, [name for name, value in given.items() if value is not None])
    settings = settings_of(config)
    if device is not None:
        from flows.cli.why_device import Asked, why_device

        asked = Asked(
            device=device,
            rule=rule or "",
            at=at,
            archives=tuple(archive or ()),
            things=things,
            last=last,
            since=since,
            every=everything,
            output=output,
        )
        why_device(asked, settings)
        return
    _why_decided(id, customer, rule, output, settings)


def _go_together(
    id_: str | None, customer: str | None, device: str | None, rule: str | None, more: list[str]
) -> None:
    """Refuse what cannot be asked at once; raises ArgumentWrong."""
    asked = [
        name
        for name, value in (("ID", id_), ("--customer", customer), ("--device", device))
        if value is not None
    ]
    wanted = "`telltale why --device D --rule R --at T`"
    if not asked:
        if more:
            raise ArgumentWrong(f"{more[0]} goes with --device", f"For example {wanted}.")
        raise ArgumentWrong(
            "Either an ID, --customer or --device is needed",
            f"For example `telltale why --customer C`, or {wanted}.",
        )
    if len(asked) > 1:
        raise ArgumentWrong(f"{asked[0]} and {asked[1]} do not go together", "Ask for one of them.")
    if device is None and more:
        raise ArgumentWrong(f"{more[0]} goes with --device, not with {asked[0]}", f"For example {wanted}.")
    if device is not None and rule is None:
        raise ArgumentWrong("Which rule is meant must be said", f"For example {wanted}.")
    if "--last" in more and ("--all" in more or "--since" in more):
        other = "--all" if "--all" in more else "--since"
        raise ArgumentWrong(f"--last and {other} do not go together", "Give one of them.")


def _why_decided(
    id: str | None, customer: str | None, rule: str | None, output: Output, settings: Settings
) -> None:
    """What decisions and outcomes tell."""
    names = names_of(settings)
    asked = token_of(customer or "", settings)
    with bus_of(settings) as topics:
        whom = asked if id is not None else customer_of(topics, names, asked, wall_clock())
        if whom is None:
            say(f"{harmless(customer or '')} was erased: nothing is known any more.")
            return
        decisions = list(scan.values(topics, names.decisions, Decision))
        outcomes = list(scan.outcomes(topics, names.outcomes))
        found = (
            # What was decided before the handle was anybody's stands under the handle itself.
            [
                t
                for name in dict.fromkeys((asked, whom))
                for t in why_customer(name, rule, decisions, outcomes)
            ]
            if id is None
            else why_id(id, decisions, outcomes)
        )
        if not found:
            say(_nothing(id, whom, rule, decisions, topics, names))
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
