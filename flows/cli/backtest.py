"""`telltale backtest`: what the rules would have raised or done on archives, and what another version would have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.backtest_asked import Asked, Wanted, within_given
from flows.cli.backtest_input import time_given
from flows.cli.completion import rule_names, stream_names
from flows.cli.options import Config, example, settings_of

EXAMPLE = example(
    "telltale backtest --stream vehicle may.jsonl.zst june.csv",
    "telltale backtest --against ../last-week --exit-code may.jsonl.zst",
    "telltale backtest --events may-events.jsonl --source-records crm=contacts.csv --stream vehicle may.jsonl",
)


def backtest(
    archives: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[ARCHIVE...]", help="Readings as JSONL or CSV, plain, .gz or .zst."),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            "--stream",
            "-s",
            metavar="NAME",
            autocompletion=stream_names,
            help="The stream they are of, if there are several.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="OLDDIR", help="Compare with this configuration, or this folder of rules."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            "-r",
            metavar="RULE",
            autocompletion=rule_names,
            help="Only this rule, even if disabled; repeatable.",
        ),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events",
            metavar="FILE",
            help="Events by time: then all rules decide, for each customer; repeatable.",
        ),
    ] = None,
    source_records: Annotated[
        list[str] | None,
        typer.Option(
            "--source-records",
            metavar="[NAME=]FILE",
            help="Rows of source systems by time, bare ones of the source NAME; repeatable.",
        ),
    ] = None,
    audit: Annotated[
        list[Path] | None,
        typer.Option(
            "--audit", metavar="FILE", help="Judgements about who is who, as on topic audit; repeatable."
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What look-ups are answered: lines of source, key, values; else unknown."
        ),
    ] = None,
    outcomes: Annotated[
        list[Path] | None,
        typer.Option(
            "--outcomes",
            metavar="FILE",
            help="What became of actions; without it each is accepted at once; repeatable.",
        ),
    ] = None,
    things: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What rules read as device.<name>: JSONL or CSV with `device` and attributes.",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only alarms from this time (UTC) on.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Leave out readings from this time (UTC) on.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Alarms as JSON, one a line; the summary to standard error.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All alarms, on a terminal too.")] = False,
    within: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="With --against: how far a shifted alarm may be from its pair."
        ),
    ] = "1h",
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code", help="Exit with 1 if anything differs, or without --against was raised or done."
        ),
    ] = False,
    config: Config = None,
) -> None:
    """Run the rules over archives, in event time and with the flow's own objects, and say what they would raise.

    With --events or --source-records, what they would decide and do, too. The same lines give the same output. Several
    archives of readings are read as one, in the order given; of events, rows and alarms all that happens comes by time.
    """
    from flows.cli.logs import log_to_read

    log_to_read()
    asked = Asked(
        readings=tuple(archives or ()),
        events=tuple(events or ()),
        rows=tuple(source_records or ()),
        audits=tuple(audit or ()),
        outcomes=tuple(outcomes or ()),
        answers=answers,
        things=things,
        stream=stream,
        named=rule or [],
        against=against,
        wanted=Wanted(
            json=json,
            everything=everything,
            start=time_given(start, "--from"),
            end=time_given(end, "--to"),
            within=within_given(within),
        ),
    )
    asked.check()
    if asked.events or asked.rows:
        from flows.cli.backtest_people import people as play
    else:
        from flows.cli.backtest_devices import devices as play
    found = play(asked, settings_of(config))
    if found and exit_code:
        raise typer.Exit(1)
